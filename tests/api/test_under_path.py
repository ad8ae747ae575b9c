"""A server under a proxy's path: requests with or without the path, and redirects."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.gateway.under_path import UnderPath, WholePath

seen: list[str] = []


class Inside:
    """App in the place of the gate, which records the path that it sees."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await self._app(scope, receive, send)


async def page(request: Request) -> Response:
    prefix = request.headers.get("x-forwarded-prefix", "")
    return JSONResponse({"root": request.scope["root_path"], "id": request.path_params["id"], "prefix": prefix})


async def away(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"], 303)


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.css").write_text("a", encoding="utf-8")
    routes = [Route("/sites/{id}", page), Route("/away", away), Mount("/static", StaticFiles(directory=folder))]
    seen.clear()
    app = UnderPath(Inside(WholePath(Starlette(routes=routes))), root_path="/mara")
    return TestClient(app, follow_redirects=False)


@pytest.mark.parametrize("path", ["/mara/sites/oslo", "/sites/oslo"])
def test_a_proxy_may_take_the_path_off_or_leave_it_on(browser: TestClient, path: str) -> None:
    assert browser.get(path).json() == {"root": "/mara", "id": "oslo", "prefix": ""}
    assert seen == ["/sites/oslo"]


@pytest.mark.parametrize("path", ["/mara/static/a.css", "/static/a.css"])
def test_files_are_found_under_the_path(browser: TestClient, path: str) -> None:
    assert browser.get(path).text == "a"


def test_a_path_that_only_begins_like_the_root_is_another(browser: TestClient) -> None:
    assert browser.get("/marauder/sites/oslo").status_code == 404
    assert seen == ["/marauder/sites/oslo"]


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/login", "/mara/login"),
        ("/mara/sla", "/mara/sla"),
        ("https://a.example/", "https://a.example/"),
        ("login", "login"),
    ],
)
def test_a_redirect_leads_back_under_the_path_and_to_nowhere_else(browser: TestClient, to: str, location: str) -> None:
    assert browser.get("/away", params={"to": to}).headers["location"] == location


def test_what_a_client_says_of_a_prefix_is_not_believed(browser: TestClient) -> None:
    answer = browser.get("/sites/oslo", headers={"x-forwarded-prefix": "/evil"})
    assert answer.json()["prefix"] == ""
