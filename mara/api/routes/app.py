"""API as one ASGI application, served in the process of the pages."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Receive, Scope, Send

import mara
from mara.api import paths
from mara.api.problem_body import SCHEMA_NAME, ProblemBody
from mara.api.routes.alerts import alert_routes
from mara.api.routes.changes import changing_routes
from mara.api.routes.idempotency import Idempotency
from mara.api.routes.imports import import_routes
from mara.api.routes.metrics import CONTENT_TYPE, metrics_text
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import answer_errors
from mara.api.routes.reads import reading_routes
from mara.api.routes.signals.dispatch import dispatch_routes
from mara.api.routes.signals.telemetry import signal_routes
from mara.api.routes.stream import SNAPSHOT_JSON, EventStream, dispatch_event
from mara.api.routes.what_if import what_if_routes
from mara.api.security.headers import NoStore
from mara.assembly.imports.desk import ImportDesk
from mara.core.snapshot import Snapshot


def api_of(
    platform: PlatformApi,
    collector: Collector | None = None,
    is_over: Callable[[], bool] = lambda: False,
    desk: ImportDesk | None = None,
) -> ASGIApp:
    """Build the API of a live run.

    Args:
        collector: source of the metrics; None for none.
        is_over: tells whether the server is about to end, so that event streams end too.
        desk: for market files; None where this server takes none.
    """
    app = _app_of(platform, is_over, desk)
    if collector is not None:
        _add_metrics(app, collector)
    return NoStore(Idempotency(app, platform.orders), except_folder=f"{paths.API_DOCS_FILES}/")


def schema_of(platform: PlatformApi) -> dict[str, Any]:
    """Build the OpenAPI schema of the API."""
    return _app_of(platform, lambda: False).openapi()


def _app_of(platform: PlatformApi, is_over: Callable[[], bool], desk: ImportDesk | None = None) -> FastAPI:
    app = FastAPI(
        title="Mara",
        version=mara.__version__,
        description="What runs where, why, and what it earns. Units are in names; times are ISO 8601 in UTC.",
        openapi_url=paths.API_SCHEMA,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        separate_input_output_schemas=False,
    )
    answer_errors(app)
    app.include_router(reading_routes(platform, EventStream(platform.publisher, is_over)))
    app.include_router(dispatch_routes(platform, EventStream(platform.publisher, is_over, dispatch_event)))
    app.include_router(changing_routes(platform))
    app.include_router(what_if_routes(platform))
    app.include_router(signal_routes(platform))
    app.include_router(alert_routes(platform))
    if desk is not None:
        app.include_router(import_routes(desk))
    _add_docs(app)
    app.openapi = lambda: _openapi_of(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


class PathDispatcher:
    """ASGI wrapper that divides requests between the API and the pages by their path."""

    def __init__(self, app: ASGIApp, *, api: ASGIApp) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to one of the two apps."""
        is_api = scope["type"] == "http" and paths.rule_of(str(scope["path"])).service is paths.Service.API
        await (self._api if is_api else self._app)(scope, receive, send)


def _add_docs(app: FastAPI) -> None:
    """Serve Swagger UI from the files of `fastapi_swagger`, and from nowhere else."""
    app.mount(paths.API_DOCS_FILES, StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get(paths.API_DOCS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        """Show the schema as a page to read and to try."""
        root_path = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root_path}{paths.API_SCHEMA}",
            title="Mara: API",
            swagger_js_url=f"{root_path}{paths.API_DOCS_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root_path}{paths.API_DOCS_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root_path}{paths.API_DOCS_FILES}/favicon-32x32.png",
        )


def _add_metrics(app: FastAPI, collector: Collector) -> None:
    @app.get(paths.METRICS, include_in_schema=False)
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(await asyncio.to_thread(metrics_text, collector), media_type=CONTENT_TYPE)


def _openapi_of(app: FastAPI) -> dict[str, Any]:
    """Extend the framework's schema by bodies that are no route's model."""
    if not app.openapi_schema:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers or None,
        )
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        body = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        parts.update(body.pop("$defs", {}))
        parts[SCHEMA_NAME] = body
        name = Snapshot.__name__
        parts[name] = SNAPSHOT_JSON.json_schema(ref_template=f"#/components/schemas/{name}/$defs/{{model}}")
        for unused in ("HTTPValidationError", "ValidationError"):
            parts.pop(unused, None)
        parts_of_security = schema["components"].setdefault("securitySchemes", {})
        parts_of_security["token"] = {"type": "http", "scheme": "bearer"}
        app.openapi_schema = schema
    return app.openapi_schema
