"""A contract's stored past equals how it was judged, tick by tick."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest

from mara.core.commands import Cancel
from mara.core.contract import TIER_KEYS, Tier, budget_ticks
from mara.core.history import ContractLife
from mara.core.step import Step
from mara.errors import CommandError
from mara.store.read import promises
from mara.store.read.promises import contract, contracts, evidence, exclusions_ahead
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.store.databases import KINDS
from tests.store.runs import first_steps, small_charter, stored_run

CHARTER = small_charter()
TICKS = 150
"""Number of ticks, with orders in ticks 42, 85 and 128.

Each cancels the oldest contract and excludes three ticks of all others.
"""


@pytest.fixture(scope="module")
def taken() -> list[Step]:
    return [step for step, _, _ in first_steps(CHARTER, TICKS)]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = stored_run(tmp_path_factory.mktemp("promises") / f"mara.{request.param}", TICKS, CHARTER)
    yield opened
    opened.close()


@pytest.fixture
def reading(store: Store) -> ReadModel:
    return store.read_model


def judged(taken: list[Step]) -> dict[str, list[tuple[int, str]]]:
    """State of each contract in each tick, from the steps themselves."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for step in taken:
        for i, booked in enumerate(step.before.book.contracts):
            state = "excluded" if step.report.excluded[i] else "good" if step.report.good[i] else "bad"
            found[booked.id].append((step.tick, state))
    return found


def test_the_evidence_of_every_contract_is_what_was_judged(reading: ReadModel, taken: list[Step]) -> None:
    expected = judged(taken)
    assert {state for ticks in expected.values() for _, state in ticks} == {"good", "bad", "excluded"}
    for contract_id, ticks in expected.items():
        rows = evidence(reading, contract_id)
        assert [(row.tick, row.state) for row in rows] == ticks
        assert rows[0].at == CHARTER.grid.at(ticks[0][0])
        assert {row.power_mw for row in rows} == {contract(reading, contract_id).row.power_mw}


def test_a_strip_has_no_holes_and_no_two_runs_alike(reading: ReadModel, taken: list[Step]) -> None:
    for contract_id, ticks in judged(taken).items():
        strip = contract(reading, contract_id).strip
        assert (strip[0].from_tick, strip[-1].to_tick) == (ticks[0][0], ticks[-1][0] + 1)
        for before, after in pairwise(strip):
            assert before.to_tick == after.from_tick
            assert before.state != after.state
            assert before.ends_at == after.starts_at


def test_windows_hold_the_judged_ticks_and_their_credits(reading: ReadModel, taken: list[Step]) -> None:
    closed = {w.contract_id: w for step in taken for w in step.world.closed}
    assert any(window.credit_micro_usd for window in closed.values())
    for contract_id, window in closed.items():
        (told,) = contract(reading, contract_id).windows
        assert told.is_closed
        assert (told.good_ticks, told.bad_ticks, told.excluded_ticks) == (
            window.good_ticks,
            window.bad_ticks,
            window.excluded_ticks,
        )
        assert (told.charge_micro_usd, told.credit_micro_usd) == (window.charge_micro_usd, window.credit_micro_usd)


def test_an_open_window_says_how_it_stands(reading: ReadModel, taken: list[Step]) -> None:
    world = taken[-1].world
    for i, booked in enumerate(world.book.contracts):
        life = contract(reading, booked.id)
        assert life.row.is_live
        now = life.windows[-1]
        assert not now.is_closed
        assert now.credit_micro_usd is None
        assert now.bad_ticks == world.accounts.bad_ticks[i]
        counted = booked.ends_tick - booked.starts_tick - now.excluded_ticks
        assert now.budget_ticks == budget_ticks(counted, Tier(booked.tier))


def test_a_cancelled_contract_ends_where_it_was_cancelled(reading: ReadModel, taken: list[Step]) -> None:
    cancelled = next(c for c in taken[42].commands if isinstance(c, Cancel))
    life = contract(reading, cancelled.contract_id)
    assert not life.row.is_live
    assert life.strip[-1].to_tick == 43
    assert life.row.ends_at > CHARTER.grid.at(43)


def test_exclusions_name_who_and_why_where_they_touch_the_contract(reading: ReadModel, taken: list[Step]) -> None:
    lives: list[ContractLife] = [contract(reading, row.id) for row in contracts(reading)]
    touched = [life for life in lives if any(run.state == "excluded" for run in life.strip)]
    assert touched
    for life in touched:
        assert {(x.reason, x.author, x.is_fleet_wide) for x in life.exclusions} == {("grid order", "ann", True)}
    late = next(life for life in lives if life.row.starts_at > CHARTER.grid.at(131))
    assert late.exclusions == ()


def test_announcements_are_ahead_until_their_last_tick_is_over(store: Store, reading: ReadModel) -> None:
    assert exclusions_ahead(reading) == ()
    over = max(x.ends_at for row in contracts(reading) for x in contract(reading, row.id).exclusions)
    assert over <= CHARTER.grid.at(TICKS)


def test_lists_of_contracts_are_live_ended_or_all_newest_first(reading: ReadModel, taken: list[Step]) -> None:
    everything, live, ended = (contracts(reading, state) for state in ("all", "live", "ended"))
    assert [row.id for row in everything] == [c.id for step in reversed(taken) for c in step.accepted]
    assert {row.id for row in live} == {c.id for c in taken[-1].world.book.contracts}
    assert {row.id for row in live} | {row.id for row in ended} == {row.id for row in everything}
    assert not {row.id for row in live} & {row.id for row in ended}
    assert all(row.is_live for row in live)
    assert len(contracts(reading, "all", 3)) == 3
    assert {row.tier for row in everything} == set(TIER_KEYS)


def test_a_row_s_counts_are_those_of_its_life(reading: ReadModel, taken: list[Step]) -> None:
    states = judged(taken)
    for row in contracts(reading):
        told = [state for _, state in states.get(row.id, [])]
        assert (row.good_ticks, row.bad_ticks, row.excluded_ticks) == (
            told.count("good"),
            told.count("bad"),
            told.count("excluded"),
        )
        counted = row.good_ticks + row.bad_ticks
        assert row.availability_share == (row.good_ticks / counted if counted else None)


def test_only_the_newest_evidence_of_a_very_long_contract_is_given(
    reading: ReadModel, taken: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    contract_id, ticks = max(judged(taken).items(), key=lambda item: len(item[1]))
    monkeypatch.setattr(promises, "MOST_EVIDENCE_TICKS", 7)
    assert [(row.tick, row.state) for row in evidence(reading, contract_id)] == ticks[-7:]


def test_a_contract_that_never_was_is_refused(reading: ReadModel) -> None:
    with pytest.raises(CommandError, match="no contract 'c0815' was ever booked"):
        contract(reading, "c0815")
    with pytest.raises(CommandError, match="live, ended or all, 'dead' came"):
        contracts(reading, "dead")
    with pytest.raises(CommandError, match="at least 1"):
        contracts(reading, "all", 0)
