"""Connection to the advisor: limited gateways, and unusable environments."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from mara.store.store import Store
from tests.claude.script import Fault
from tests.runtime.advised import problem_at, sensible, staged

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'mara.db'}")
    yield store
    store.close()


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("Not Found", 404),
        HTMLResponse("<h1>No such page</h1>", 404),
        JSONResponse({"detail": "Method Not Allowed"}, 405),
        JSONResponse({"error": "unimplemented"}, 501),
        JSONResponse({"id": "claude-sonnet-5-5", "object": "model", "created": 1, "owned_by": "gateway"}),
    ],
    ids=["text", "html", "405", "501", "other"],
)
def test_a_gateway_without_the_models_api_is_asked_all_the_same(store: Store, answer: Response) -> None:
    with staged(sensible, store, no_models=answer) as stage:
        assert stage.advisor.state.state == "ready"
        stage.plan(problem_at(0))
        assert stage.plan(problem_at(1)).optimizer == "claude"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "ftp://proxy.example"),
        ("ALL_PROXY", "gopher://proxy.example"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", __file__),
        ("NO_PROXY", "[::1"),
    ],
)
def test_a_proxy_or_ca_file_that_cannot_be_used_is_one_clear_line(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(variable, value)
    with caplog.at_level(logging.WARNING), staged(sensible, store) as stage:
        assert stage.plan(problem_at(0)).optimizer == "lp"
        assert stage.message.startswith("AI connection cannot be set up: correct ANTHROPIC_BASE_URL, HTTPS_PROXY")
        assert "\n" not in stage.message
    assert not [record for record in caplog.records if record.exc_info]


def test_the_log_tells_until_when_nobody_is_asked(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), staged([Fault.status(429, retry_after=600)], store) as stage:
        stage.plan(problem_at(0))
    told = [str(record.__dict__["reason"]) for record in caplog.records if "reason" in record.__dict__]
    assert told == ["AI rate limited until 00:10 UTC"]
