"""Search of the ledger on a site's page: totals by line and day, to the cent."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from components.site.ledger_search import query_of
from mara.errors import CommandError
from tests.ui.conftest import Screen, element_of

ENTERED = {"site": "oslo", "line": "", "from": "2025-07-01", "to": "2025-07-02"}


async def found(screen: Screen, entered: dict[str, str]) -> dict[str, Any]:
    await screen.user.open("/sites/oslo")
    screen.user.find(marker="ledger-search").trigger("askLedger", entered)
    await asyncio.sleep(0.05)
    props = element_of(screen.user, "ledger-search").props["found"]
    assert isinstance(props, dict)
    return props


async def test_lines_and_days_have_the_same_total(screen: Screen) -> None:
    by_line, by_day = (await found(screen, ENTERED))["tables"]
    assert [row["label"] for row in by_day["rows"]] == ["1 Jul 2025", "2 Jul 2025", "Total"]
    assert by_line["rows"][0]["label"] == "Mining"
    assert by_line["rows"][-1]["usd"] == by_day["rows"][-1]["usd"]
    assert screen.platform.archive.asked[-1] == "daily_ledgers 2025-07-01 00:00:00+00:00 2025-07-03 00:00:00+00:00 oslo"


async def test_one_line_of_the_whole_fleet_stands_alone(screen: Screen) -> None:
    by_line, _ = (await found(screen, {**ENTERED, "site": "", "line": "energy"}))["tables"]
    assert [row["label"] for row in by_line["rows"]] == ["Power bought", "Total"]
    assert screen.platform.archive.asked[-1].endswith("None")


async def test_a_refusal_is_shown_in_the_panel(screen: Screen) -> None:
    assert "swap them" in str((await found(screen, {**ENTERED, "to": "2025-06-30"}))["error"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"from": "soon"}, "a day like 2025-07-05 was expected, 'soon' came"),
        ({"to": "9999-12-31"}, "from 2009 to 2199"),
        ({"line": "enrgy"}, "no line 'enrgy'"),
    ],
)
def test_what_is_no_query_is_refused_in_words(change: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        query_of({**ENTERED, **change})


def test_the_last_day_counts_as_a_whole() -> None:
    assert query_of(ENTERED).ends_at == datetime(2025, 7, 3, tzinfo=UTC)
