"""Past plans and events of a site are read as they were stored, newest first."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mara.core.events import Event
from mara.core.plan import Plan
from mara.core.reasons import headline_of, reasons_of
from mara.core.step import Step
from mara.errors import CommandError
from mara.store.read import optimizations as stored
from mara.store.store import Store
from tests.store.databases import KINDS
from tests.store.runs import first_steps, small_charter, stored_run
from tests.store.test_plan_record import ORIGIN, shadow

CHARTER = small_charter()
TICKS = 40
Taken = list[tuple[Step, Plan]]


@pytest.fixture(scope="module")
def taken() -> Taken:
    made = [(step, plan) for step, plan, _ in first_steps(CHARTER, TICKS)]
    full = {"objective_usd": 99.0, "bound_usd": 100.0, "baseline_usd": 90.0, "solve_wall_s": 0.5, "note": "later"}
    whole = {"step_ticks": (1, 11), "shadow": shadow(), "provenance": ORIGIN}
    return [(s, replace(p, **full, **whole, steps=p.steps * 2) if s.tick >= 24 else p) for s, p in made]  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, taken: Taken) -> Iterator[Store]:
    opened = stored_run(tmp_path_factory.mktemp("plans") / f"mara.{request.param}", 0, CHARTER)
    for step, plan in taken:
        name = CHARTER.fleet.sites[step.tick % 3].name
        told = Event(tick=step.tick, severity="warning", site=step.tick % 3, kind="outage", text=f"{name} is down.")
        opened.append(step, plan, (told,) if step.tick % 5 == 0 else ())
    yield opened
    opened.close()


def test_past_plans_come_newest_first_with_all_that_was_said(store: Store, taken: Taken) -> None:
    newest, *_, first = stored.optimizations(store.read_model, 10)
    assert [p.adopted_tick for p in stored.optimizations(store.read_model, 10)] == [36, 24, 12, 0]
    step, plan = taken[36]
    assert (newest.adopted_at, newest.made_tick) == (CHARTER.grid.at(36), 36)
    assert (newest.objective_usd, newest.bound_usd, newest.baseline_usd, newest.solve_wall_s) == (
        99.0,
        100.0,
        90.0,
        0.5,
    )
    assert (newest.headline, newest.reasons) == (headline_of(step, CHARTER), reasons_of(step, CHARTER, plan))
    assert newest.provenance == ORIGIN
    assert first.objective_usd is None
    assert first.provenance is None


def test_older_plans_are_asked_for_by_the_tick_before_which_they_came(store: Store) -> None:
    assert [p.adopted_tick for p in stored.optimizations(store.read_model, 2, before=24)] == [12, 0]
    assert stored.optimizations(store.read_model, 2, before=0) == ()


def test_one_past_plan_has_its_prices_by_site(store: Store) -> None:
    plan = stored.optimization(store.read_model, 24)
    prices = shadow()
    assert plan.gap_share == pytest.approx(0.01)
    assert plan.step_ticks == (1, 11)
    assert [site.site_id for site in plan.sites] == ["site0", "site1", "site2"]
    assert plan.sites[1].power_usd_per_mwh == tuple(prices.site_power_usd_per_mwh[:, 1])
    assert plan.sites[1].racks_usd_per_mwh == tuple(prices.capacity_usd_per_mwh[:, 1])
    assert len(plan.demand_usd_per_mwh) == 4
    assert plan.budget_usd_per_mwh == (0.0, 7.25, 0.0)
    without = stored.optimization(store.read_model, 0)
    assert (without.sites, without.step_ticks, without.gap_share) == ((), (), None)


def test_a_tick_without_a_new_plan_has_none_to_show(store: Store) -> None:
    with pytest.raises(CommandError, match="no plan was written down in tick 25"):
        stored.optimization(store.read_model, 25)


def test_what_was_told_of_a_site_comes_newest_first_and_leaves_out_the_others(store: Store) -> None:
    told = stored.decisions(store.read_model, "site1", 100)
    name = CHARTER.fleet.sites[1].name
    assert all(decision.text.startswith(name) for decision in told)
    assert [d.tick for d in told] == sorted((d.tick for d in told), reverse=True)
    assert [d.tick for d in told if d.source == "event"] == [25, 10]
    assert {d.severity for d in told if d.source == "event"} == {"warning"}
    reasons = [d for d in told if d.source == "plan"]
    assert reasons
    assert {d.optimizer for d in reasons} == {"turns"}
    assert stored.decisions(store.read_model, "site1", 1) == told[:1]
    assert [e.tick for e in stored.site_events(store.read_model, "site1", 1)] == [25]


def test_a_site_whose_name_begins_like_another_s_is_not_taken_for_it() -> None:
    names = ["Oslo", "Oslo Harbour"]
    assert stored._site_named("Oslo Harbour is full: one more MW", names) == 1
    assert stored._site_named("Oslo: 3.0 MW of miners off", names) == 0
    assert stored._site_named("Osloer Ring is full", names) is None


def test_a_question_for_nothing_is_refused(store: Store) -> None:
    with pytest.raises(CommandError, match="at least 1, 0 came"):
        stored.optimizations(store.read_model, 0)
    with pytest.raises(CommandError, match="no site"):
        stored.decisions(store.read_model, "moon", 5)
