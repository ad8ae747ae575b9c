"""The ledger over any period adds up exactly, and its trial balance is zero."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mara.core.finance import EnergyLine, Line
from mara.core.step import Step
from mara.errors import CommandError, RangeTooLong
from mara.store.read import balance, query_scope
from mara.store.read.balance import daily_ledgers, ledger, profit_between, site_ledger
from mara.store.read.money.course import MOST_INTERVALS, money_breakdown, step_of
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.store.databases import KINDS
from tests.store.runs import START, first_steps, small_charter, stored_run

CHARTER = small_charter()
TICKS = 90


@pytest.fixture(scope="module")
def taken() -> list[Step]:
    return [step for step, _, _ in first_steps(CHARTER, TICKS)]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = stored_run(tmp_path_factory.mktemp("balance") / f"mara.{request.param}", TICKS, CHARTER)
    yield opened
    opened.close()


@pytest.fixture(params=[100_000, 3, 40], ids=["at once", "tick by tick", "in pieces"])
def reading(request: pytest.FixtureRequest, store: Store, monkeypatch: pytest.MonkeyPatch) -> ReadModel:
    monkeypatch.setattr(query_scope, "ROWS_A_QUERY", request.param)
    return store.read_model


def test_the_whole_run_s_ledger_is_the_sum_of_its_settlements(reading: ReadModel, taken: list[Step]) -> None:
    whole = ledger(reading)
    lines = np.sum([step.settlement.lines_micro_usd.sum(axis=0) for step in taken], axis=0)
    flows = np.sum([step.settlement.energy_wh.sum(axis=0) for step in taken], axis=0)
    assert [line.amount_micro_usd for line in whole.money] == lines.tolist()
    assert [flow.amount_wh for flow in whole.energy] == flows.tolist()
    assert whole.profit_micro_usd == taken[-1].world.cash_micro_usd - taken[0].before.cash_micro_usd
    assert whole.balance_micro_usd == whole.balance_wh == 0
    assert (whole.starts_at, whole.ends_at) == (START, CHARTER.grid.at(TICKS))
    assert (whole.ticks_count, whole.site_id) == (TICKS, "")


def test_each_line_is_told_by_kind_and_tier_in_the_ledger_s_order(reading: ReadModel) -> None:
    whole = ledger(reading)
    named = [f"{line.kind}_{line.tier}".rstrip("_") for line in whole.money]
    assert named == [line.name.lower() for line in Line]
    assert [flow.kind for flow in whole.energy] == [line.name.lower() for line in EnergyLine]


def test_the_intervals_and_sites_of_a_breakdown_add_up_to_the_ledger(reading: ReadModel) -> None:
    begin, end = START + timedelta(minutes=35), START + timedelta(hours=6)
    parts = money_breakdown(reading, begin, end)
    assert (parts.starts_at, parts.ends_at, parts.ticks_count, parts.step_minutes) == (begin, end, 65, 15)
    assert parts.kinds == tuple(line.name.lower() for line in Line)
    assert [interval.at_epoch_s % 900 for interval in parts.intervals] == [0] * 22
    amounts = np.array([interval.amounts_micro_usd for interval in parts.intervals])
    whole = ledger(reading, begin, end)
    assert amounts.sum(axis=(0, 1)).tolist() == [line.amount_micro_usd for line in whole.money]
    for i, site_id in enumerate(parts.site_ids):
        site = ledger(reading, begin, end, site_id)
        assert amounts[:, i].sum(axis=0).tolist() == [line.amount_micro_usd for line in site.money]


@pytest.mark.parametrize(
    ("hours", "tick_minutes", "step_minutes"),
    [
        (1, 5, 5),
        (5.2, 5, 15),
        (24, 5, 60),
        (168, 5, 180),
        (720, 5, 1_440),
        (24, 60, 60),
        (8_784, 5, 10_080),
        (1, 12, 12),
    ],
)
def test_an_interval_is_the_shortest_that_keeps_bars_few(hours: float, tick_minutes: int, step_minutes: int) -> None:
    assert step_of(round(hours * 60), tick_minutes) == step_minutes
    assert step_of(10**8, tick_minutes) * MOST_INTERVALS >= 10**8


def test_the_sites_of_a_day_add_up_to_the_fleet(reading: ReadModel) -> None:
    midnight = datetime(2025, 6, 30, tzinfo=UTC)
    fleet = ledger(reading, midnight, midnight + timedelta(days=1))
    sites = [ledger(reading, midnight, midnight + timedelta(days=1), f"site{i}") for i in range(3)]
    assert fleet.ticks_count == TICKS - 24
    for i, line in enumerate(fleet.money):
        assert line.amount_micro_usd == sum(site.money[i].amount_micro_usd for site in sites)
    assert all(site.balance_micro_usd == site.balance_wh == 0 for site in sites)
    assert sites[1].site_id == "site1"


def test_the_days_of_a_span_add_up_to_it_and_each_begins_at_midnight(reading: ReadModel) -> None:
    begins = START + timedelta(minutes=30)
    for site_id in (None, "site1"):
        days, whole = daily_ledgers(reading, begins, None, site_id), ledger(reading, begins, None, site_id)
        assert [day.starts_at.hour for day in days[1:]] == [0] * (len(days) - 1)
        assert (len(days), days[0].starts_at, days[-1].ends_at) == (2, whole.starts_at, whole.ends_at)
        for i, line in enumerate(whole.money):
            assert line.amount_micro_usd == sum(day.money[i].amount_micro_usd for day in days)
    assert daily_ledgers(reading, START + timedelta(days=9)) == ()


def test_more_days_than_one_answer_has_are_refused(reading: ReadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "MOST_DAYS", 1)
    with pytest.raises(RangeTooLong, match="at most 1 days: ask for a shorter time"):
        daily_ledgers(reading)


def test_a_site_s_lines_between_two_ticks_are_those_of_its_settlements(reading: ReadModel, taken: list[Step]) -> None:
    sums = site_ledger(reading, "site2", 10, 31)
    expected = np.sum([step.settlement.lines_micro_usd[2] for step in taken[10:31]], axis=0)
    assert [s.amount_micro_usd for s in sums] == expected.tolist()
    assert [s.kind for s in sums] == [line.name.lower() for line in Line]
    assert all(s.amount_micro_usd == 0 for s in site_ledger(reading, "site2", TICKS, TICKS + 50))


def test_what_was_earned_between_two_ticks_is_the_profit_of_its_settlements(
    reading: ReadModel, taken: list[Step]
) -> None:
    expected = sum(step.settlement.profit_micro_usd for step in taken[5:50])
    assert profit_between(reading, 5, 50) == expected / 1e6
    assert profit_between(reading, 5, 5) == 0.0


def test_a_span_without_ticks_has_a_ledger_of_zeros(reading: ReadModel) -> None:
    empty = ledger(reading, START + timedelta(days=9))
    assert empty.ticks_count == empty.profit_micro_usd == 0
    assert ledger(reading, START + timedelta(hours=2), START).ticks_count == 0


def test_a_question_that_makes_no_sense_is_refused(reading: ReadModel) -> None:
    with pytest.raises(CommandError, match="no site 'nowhere'"):
        ledger(reading, site_id="nowhere")
    with pytest.raises(CommandError, match="backwards, 7 to 3"):
        site_ledger(reading, "site0", 7, 3)
    with pytest.raises(CommandError, match="time zone"):
        ledger(reading, datetime(2025, 7, 1))  # noqa: DTZ001
