"""Table of the server's paths: which part answers each, and under what conditions.

Every wrapper in front of the pages reads this table. A path that no rule names belongs to the pages, which answer it
with a page of HTML even where that says that nothing was found.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
HEALTH: Final = "/api/health"
API_SCHEMA: Final = "/api/openapi.json"
API_DOCS: Final = "/api/docs"
API_DOCS_FILES: Final = "/api/docs-files"
UPLOADS: Final = "/api/imports/uploads/"
"""Folder of the paths that files are sent to."""
TELEMETRY: Final = "/api/telemetry"
"""The one path that tokens of the scope telemetry may use."""
SITES_CSV: Final = "/api/sites.csv"
CONTRACTS_CSV: Final = "/api/contracts.csv"
LEDGER_CSV: Final = "/api/ledger.csv"
METRICS: Final = "/metrics"

OVERVIEW: Final = "/"
SITE: Final = "/sites/{site_id}"
SLA: Final = "/sla"
OPTIMIZER: Final = "/optimizer"
OPERATIONS: Final = "/operations"
POWER: Final = "/power"
MONEY: Final = "/money"
FORECAST: Final = "/forecast"
CALENDAR: Final = "/calendar"
WHAT_IF: Final = "/what-if"
BACKTEST: Final = "/backtest"
ALERTS: Final = "/alerts"
BACKTEST_REPORT: Final = "/backtest/report"
HELP: Final = "/help"


class Service(StrEnum):
    """Part of the server that answers a path."""

    LOGIN = "login"
    API = "api"
    FILES = "files"
    SOCKET = "socket"
    PAGES = "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """Treatment of the requests for one path, or for all paths below one folder.

    Attributes:
        path: a whole path, or a folder with the slash at its end.
        is_public: answered without a login.
        is_counted: counted against the rate limit of its user; what a page loads by itself is not.
        is_streamed: a body is read as it comes, by a route that limits it; elsewhere it is small and read whole.
    """

    path: str
    service: Service
    is_public: bool = False
    is_counted: bool = True
    is_streamed: bool = False

    def covers(self, path: str) -> bool:
        """Tell whether this rule is about a path."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path


RULES: Final = (
    PathRule(path=LOGIN, service=Service.LOGIN, is_public=True),
    PathRule(path=LOGOUT, service=Service.LOGIN, is_public=True),
    PathRule(path="/static/", service=Service.FILES, is_public=True, is_counted=False),
    PathRule(path="/_nicegui/", service=Service.FILES, is_counted=False),
    PathRule(path="/favicon.ico", service=Service.FILES, is_public=True),
    PathRule(path="/_nicegui_ws/", service=Service.SOCKET),
    PathRule(path=HEALTH, service=Service.API, is_public=True),
    PathRule(path=UPLOADS, service=Service.API, is_streamed=True),
    PathRule(path="/api/", service=Service.API),
    PathRule(path=METRICS, service=Service.API),
    PathRule(path=f"{METRICS}/", service=Service.API),
)
"""The first rule that covers a path decides."""
PAGE_RULE: Final = PathRule(path="/", service=Service.PAGES)
"""Rule of every other path."""


def rule_of(path: str) -> PathRule:
    """Look up the rule of a path, without the prefix that a proxy adds."""
    return next((rule for rule in RULES if rule.covers(path)), PAGE_RULE)
