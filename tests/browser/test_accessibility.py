"""Accessibility of every page by axe-core, in both themes: no serious violation."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from pages.frame import PAGES
from tests.browser.conftest import Visit, arrive, settle

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("path", [*(path for path, _ in PAGES), "/calendar", "/what-if", "/sites/oslo"])
def test_axe_finds_nothing_serious(tab: Visit, address: str, path: str, scheme: str) -> None:
    page = arrive(tab, address + path, scheme=scheme).page
    settle(page)
    found = [
        (rule["id"], rule["impact"], [node["html"][:120] for node in rule["nodes"][:3]])
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in SERIOUS
    ]
    assert found == []
