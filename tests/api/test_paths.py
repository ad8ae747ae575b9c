"""Gateway, page limit and dispatcher treat each path as the table of paths says."""

import pytest

from components.shared.theme import STATIC_URL
from mara.api import paths
from mara.api.paths import RULES, Service, rule_of
from pages.frame import PAGES


@pytest.mark.parametrize(
    ("path", "service", "is_public", "is_counted"),
    [
        ("/login", Service.LOGIN, True, True),
        ("/logout", Service.LOGIN, True, True),
        ("/login/again", Service.PAGES, False, True),
        (f"{STATIC_URL}/mara.js", Service.FILES, True, False),
        ("/_nicegui/3.0/components/live.js", Service.FILES, False, False),
        ("/_nicegui_ws/socket.io/", Service.SOCKET, False, True),
        ("/favicon.ico", Service.FILES, True, True),
        ("/favicon.ico/x", Service.PAGES, False, True),
        ("/api/health", Service.API, True, True),
        ("/api/health/x", Service.API, False, True),
        ("/api/snapshot", Service.API, False, True),
        (f"{paths.UPLOADS}a.csv", Service.API, False, True),
        (paths.API_DOCS, Service.API, False, True),
        ("/metrics", Service.API, False, True),
        ("/metrics/", Service.API, False, True),
        ("/metricsx", Service.PAGES, False, True),
        ("/api", Service.PAGES, False, True),
        ("/nothing/here", Service.PAGES, False, True),
        ("", Service.PAGES, False, True),
    ],
)
def test_each_path_has_one_rule(path: str, service: Service, is_public: bool, is_counted: bool) -> None:
    rule = rule_of(path)
    assert (rule.service, rule.is_public, rule.is_counted) == (service, is_public, is_counted)


def test_every_page_is_answered_by_the_pages_and_needs_a_login() -> None:
    for path in (*(path for path, _ in PAGES), paths.SITE, paths.BACKTEST_REPORT):
        assert rule_of(path).service is Service.PAGES
        assert not rule_of(path).is_public


def test_no_rule_hides_a_later_one() -> None:
    for number, rule in enumerate(RULES):
        assert [one for one in RULES[number + 1 :] if rule.covers(one.path)] == []
