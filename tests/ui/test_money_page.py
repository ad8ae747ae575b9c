"""The Money page: kinds of money and sites over a range, with totals that add up, and gains by day."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from components.money.breakdown_panels import (
    MOST_SERIES,
    by_site_channel,
    covered,
    kind_bars,
    line_channel,
    money_cells,
    site_bars,
    today_cells,
)
from components.money.gain_panels import FIRST_DAY, gain_bars, gain_cells, gain_day_channel
from components.money.money_kinds import COSTS, KINDS
from components.money.money_sums import kind_course, line_sums, site_course, site_sums
from components.shared.format import utc_moment
from mara.core.day_gains import gains_today, gains_with_today
from mara.core.finance import COST_LINES, REVENUE_LINES, Line
from mara.core.history import MoneyBreakdown
from mara.core.ledger_words import line_label
from tests.ui.archive import FakeArchive
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import row_of, text_of
from tests.ui.snapshots import snapshot_at

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
async def parts() -> MoneyBreakdown:
    return await FakeArchive().money_breakdown(NOON, NOON + timedelta(hours=6))


def test_every_ledger_line_is_in_one_kind() -> None:
    assert sorted(line for kind in KINDS for line in kind.lines) == list(Line)
    assert COSTS == set(COST_LINES) == set(Line) - set(REVENUE_LINES)


def test_a_kind_of_one_line_bears_the_name_that_the_line_has_everywhere() -> None:
    single = [(kind.label, *kind.lines) for kind in KINDS if len(kind.lines) == 1]
    assert len(single) == 5
    assert [(line_label(line.name.lower()), line) for _, line in single] == single
    labels = [line_label(line.name.lower()) for line in Line]
    assert len(set(labels)) == len(labels)


def test_kinds_and_sites_add_up_to_the_same_micro_dollar(parts: MoneyBreakdown) -> None:
    profit = sum(line_sums(parts))
    assert profit == sum(sum(kinds.values()) for kinds in kind_course(parts).values())
    assert profit == sum(sum(sites.values()) for sites in site_course(parts, ["oslo", "texas"], "rest").values())
    assert profit == sum(site.revenue_micro_usd + site.cost_micro_usd for site in site_sums(parts))


def test_both_tables_end_with_the_same_profit_and_their_rows_add_up_to_it(parts: MoneyBreakdown) -> None:
    lines, sites = line_channel(parts), by_site_channel(parts, snapshot_at(288).sites)
    kinds = [cents_of(lines[kind.key], "usd") for kind in KINDS if kind.key in lines]
    assert sum(kinds) == cents_of(lines["total"], "usd") == cents_of(sites["total"], "profit")
    for column in ("revenue", "cost", "profit"):
        of_sites = [cents_of(row, column) for key, row in sites.items() if key != "total"]
        assert sum(of_sites) == cents_of(sites["total"], column)
    assert cents_of(lines["contracts"], "usd") == sum(
        cents_of(lines[line], "usd") for line in ("contract_premium", "contract_flexible")
    )


def test_the_bars_of_many_sites_are_the_first_ones_and_the_rest_together(parts: MoneyBreakdown) -> None:
    sites = snapshot_at(288).sites
    point = row_of(next(iter(site_bars(parts, sites).values())))
    assert set(point) == {*(site.id for site in sites), "total"}
    assert len(sites) <= MOST_SERIES
    (first, *_) = kind_bars(parts).values()
    assert row_of(first)["total"] == pytest.approx(row_of(point)["total"])


def test_a_last_bar_whose_interval_is_not_over_is_marked_and_leaves_the_line(parts: MoneyBreakdown) -> None:
    under_way = replace(parts, ends_at=parts.ends_at - timedelta(minutes=45))
    *over, last = map(row_of, kind_bars(under_way).values())
    assert all("total" in point and "so_far" not in point for point in over)
    assert last["so_far"] == pytest.approx(sum(amount for key, amount in last.items() if key != "so_far"))
    assert covered(under_way).endswith("bars of 1 h, the last one so far")
    assert "so far" not in covered(parts)
    assert all("total" in row_of(point) for point in site_bars(parts, snapshot_at(288).sites).values())


def test_each_profit_says_from_when_to_when_it_is(parts: MoneyBreakdown) -> None:
    of_range = str(money_cells(parts)["money.profit.note"])
    assert of_range.endswith(f"of revenue, to {utc_moment(parts.ends_at)}")
    noon = replace(snapshot_at(288), profit_today_usd=5_000.0, at=datetime(2025, 7, 2, 12, tzinfo=UTC))
    assert today_cells(noon)["money.today.note"] == "2 Jul 2025 00:00 UTC to 2 Jul 2025 12:05 UTC"


async def test_the_page_reads_the_range_of_its_address_and_offers_it_as_csv(screen: Screen) -> None:
    await screen.open("/money?from=2025-07-01T03:00&to=2025-07-01T09:00")
    asked = [one for one in screen.platform.archive.asked if one.startswith(("money", "daily_gains"))]
    assert asked == [
        f"{kind} 2025-07-01 03:00:00+00:00 2025-07-01 09:00:00+00:00" for kind in ("money_breakdown", "daily_gains")
    ]
    href = element_of(screen.user, "money-csv").props["href"]
    assert href == "/api/ledger.csv?from=2025-07-01T03%3A00%3A00Z&to=2025-07-01T09%3A00%3A00Z"
    assert screen.text_of("money.range").endswith("bars of 1 h")
    shown = element_of(screen.user, "money-lines").props["rows"]
    assert row_of(shown)["total"]


async def test_a_year_is_read_before_the_page_is_drawn(screen: Screen) -> None:
    await screen.open("/money?from=2024-07-02T00:00&to=2025-07-02T00:00")
    assert row_of(element_of(screen.user, "money-lines").props["rows"])["total"]


async def test_a_page_waits_for_a_long_reading_no_longer_than_for_any_other(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = asyncio.Event()
    read = screen.platform.archive.money_breakdown

    async def slow(*bounds: datetime) -> MoneyBreakdown:
        await is_over.wait()
        return await read(*bounds)

    monkeypatch.setattr(screen.platform.archive, "money_breakdown", slow)
    monkeypatch.setattr(sys.modules["pages.routes"].money, "READ_TIMEOUT_S", 0.01)
    await screen.open("/money?from=2024-07-02T00:00&to=2025-07-02T00:00")
    assert element_of(screen.user, "money-lines").props["rows"] == {}
    is_over.set()


async def test_a_page_that_the_archive_does_not_answer_shows_the_day_s_profit_alone(screen: Screen) -> None:
    screen.platform.archive.is_broken = True
    await screen.open("/money?range=hour")
    assert element_of(screen.user, "money-lines").props["rows"] == {}
    assert screen.text_of("money.revenue") == "–"


def test_the_day_under_way_stands_beside_the_days_that_are_over() -> None:
    snapshot = snapshot_at(300)
    today = gains_today(snapshot)
    assert today is not None
    days = gains_with_today((), snapshot)
    assert days == (today,)
    assert gains_with_today((today,), snapshot) == (today,)
    rows = gain_day_channel(days)
    (row,) = map(row_of, rows.values())
    assert row_of(row["day"])["note"] == "under way"
    (bars,) = map(row_of, gain_bars(days).values())
    assert bars["vs_static"] == snapshot.gains.optimizer_vs_static_today_usd
    assert gain_cells(days, snapshot) == {"gain-bars.note": ""}


async def test_the_first_day_of_a_comparison_is_explained_where_it_is_shown() -> None:
    stored = await FakeArchive().daily_gains()
    assert gain_cells(stored, snapshot_at(300)) == {"gain-bars.note": FIRST_DAY}
    assert gain_cells(stored[1:], snapshot_at(300)) == {"gain-bars.note": ""}


def cents_of(row: object, column: str) -> int:
    """Cents as a cell shows them."""
    said = text_of(row_of(row)[column])
    return round(float(said.replace("\u202f", "").replace("\u2212", "-")) * 100)
