"""The API as one application, beside the pages in the same process."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Receive, Scope, Send

import mara
from mara.api.routes.changes import changing_routes
from mara.api.routes.idempotency import Idempotency
from mara.api.routes.metrics import CONTENT_TYPE, metrics_text
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import ProblemBody, answer_errors
from mara.api.routes.reads import reading_routes
from mara.api.routes.stream import EventStream
from mara.api.security.headers import NotKept

SCHEMA_PATH: Final = "/api/openapi.json"
DOCS_PATH: Final = "/api/docs"
DOCS_FILES: Final = "/api/docs-files"
METRICS_PATH: Final = "/metrics"
PREFIXES: Final = ("/api/", METRICS_PATH)


def api_of(
    engine: PlatformApi, collector: Collector | None = None, is_over: Callable[[], bool] = lambda: False
) -> ASGIApp:
    """The API of a live run, with metrics where there is somebody to collect them; `is_over`: see `EventStream`."""
    app = _app_of(engine, EventStream(engine.latest, is_over))
    if collector is not None:
        _add_metrics(app, collector)
    return NotKept(Idempotency(app, engine.orders), but=f"{DOCS_FILES}/")


def schema_of(engine: PlatformApi) -> dict[str, Any]:
    """The OpenAPI schema."""
    return _app_of(engine, EventStream(engine.latest)).openapi()


def _app_of(engine: PlatformApi, stream: EventStream) -> FastAPI:
    app = FastAPI(
        title="Mara",
        version=mara.__version__,
        description="What runs where, why, and what it earns. Units are in names; times are ISO 8601 in UTC.",
        openapi_url=SCHEMA_PATH,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        separate_input_output_schemas=False,
    )
    answer_errors(app)
    app.include_router(reading_routes(engine, stream))
    app.include_router(changing_routes(engine))
    _add_docs(app)
    app.openapi = lambda: _whole_schema_of(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


class PathDispatcher:
    """ASGI wrapper that answers the API's paths, and leaves all others to the pages."""

    def __init__(self, app: ASGIApp, *, api: ASGIApp) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through one of the two."""
        is_api = scope["type"] == "http" and str(scope["path"]).startswith(PREFIXES)
        await (self._api if is_api else self._app)(scope, receive, send)


def _add_docs(app: FastAPI) -> None:
    """Swagger UI from the files that `fastapi_swagger` brings: nothing is loaded from elsewhere."""
    app.mount(DOCS_FILES, StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get(DOCS_PATH, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        """The schema as pages to read and to try."""
        root_path = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root_path}{SCHEMA_PATH}",
            title="Mara: API",
            swagger_js_url=f"{root_path}{DOCS_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}{DOCS_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root_path}{DOCS_FILES}/favicon-32x32.png",
        )


def _add_metrics(app: FastAPI, collector: Collector) -> None:
    @app.get(METRICS_PATH, include_in_schema=False)
    async def metrics() -> Response:
        """How it stands, in Prometheus text."""
        return Response(await asyncio.to_thread(metrics_text, collector), media_type=CONTENT_TYPE)


def _whole_schema_of(app: FastAPI) -> dict[str, Any]:
    """The framework's schema, with the problem body that no route names as its model."""
    if not app.openapi_schema:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers or None,
        )
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        whole = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        parts.update(whole.pop("$defs", {}))
        parts["ProblemBody"] = whole
        for unused in ("HTTPValidationError", "ValidationError"):
            parts.pop(unused, None)
        parts_of_security = schema["components"].setdefault("securitySchemes", {})
        parts_of_security["token"] = {"type": "http", "scheme": "bearer"}
        app.openapi_schema = schema
    return app.openapi_schema
