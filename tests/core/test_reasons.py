"""Reasons of a tick, ordered by the value in money of what is scarce."""

from dataclasses import replace

import numpy as np

from mara.core.arrays import sealed
from mara.core.claims import claims_of
from mara.core.plan import Claim, DualPrices, Plan, Provenance
from mara.core.reasons import MAX_REASONS, headline_of, reasons_of
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import Step, advance
from tests.builders import EAST, NORTH, WEST, config, observation, step, world

OF = config()
DONE: Step = advance(world(OF), observation(OF), step(OF), OF)


PROVENANCE = Provenance(
    model="m",
    request_ids=(),
    snapshot_hash="",
    prompt_version="1",
    regret_share=None,
    moved_mw=0.0,
    cost_usd=0.0,
    failure="",
    claims=(),
)


def plan_with(
    racks: dict[int, float] | None = None, grid: dict[int, float] | None = None, budget: tuple[float, ...] = (0, 0, 0)
) -> Plan:
    """A plan of two steps, of which only the first has these dual prices."""
    capacity, connection = np.zeros((2, 3)), np.zeros((2, 3))
    for table, given in ((capacity, racks or {}), (connection, grid or {})):
        for site, value in given.items():
            table[0, site] = value
    shadow = DualPrices(
        site_power_usd_per_mwh=sealed(np.full((2, 3), 50.0) + connection),
        grid_usd_per_mwh=sealed(connection),
        capacity_usd_per_mwh=sealed(capacity),
        demand_usd_per_mwh=sealed(np.zeros((2, 4))),
        budget_usd_per_mwh=sealed(np.array(budget, dtype=np.float64)),
    )
    return Plan(optimizer="lp", made_tick=0, steps=(step(OF), step(OF)), step_ticks=(1, 12), shadow=shadow)


def test_what_is_scarce_comes_first_the_dearest_before_the_others() -> None:
    lines = reasons_of(DONE, OF, plan_with({NORTH: 5.9}, {WEST: 31.25}, (0.0, 12.0, 0.0)))
    assert lines[:3] == (
        "West draws all its grid allows: one more MW there is worth 31.25 USD/h.",
        "Standard's error budget is used in full: one more MWh of it is worth 12.00 USD.",
        "North is full: one more MW of racks there is worth 5.90 USD/h.",
    )


def fallen(*, site: int = NORTH, up: float = 0.0, before: float = 1.0) -> Step:
    state = world(OF)
    share, was = np.ones(3), np.ones(3)
    share[site], was[site] = up, before
    return advance(replace(state, availability_share=sealed(was)), observation(OF, up=share), step(OF), OF)


def test_an_outage_is_told_before_all_and_nothing_is_worth_more_at_a_site_that_is_down() -> None:
    plan, done = plan_with({NORTH: 55.9, EAST: 2.0}, {NORTH: 31.25}), fallen()
    lines = reasons_of(done, OF, plan)
    assert lines[0] == "North is down since this tick: none of its machines is available."
    assert lines[1].startswith("East is full")
    assert not any("North" in line and "worth" in line for line in lines)
    assert headline_of(done, OF).startswith("North is down. ")
    assert claims_of(done, plan, OF)[0].text.startswith("North is down")
    shown = snapshot_of(done, plan, (), OF, "run").plan.shadow
    assert shown is not None
    assert (shown.racks_usd_per_mwh[NORTH], shown.grid_usd_per_mwh[NORTH], shown.racks_usd_per_mwh[EAST]) == (0, 0, 2)
    told = Claim(kind="cost", text="One more MW at North is worth 55.90 USD.")
    before = replace(plan, provenance=replace(PROVENANCE, claims=(told,)))
    assert [claim.text for claim in claims_of(done, before, OF)] == [
        "North is down: none of its machines is available."
    ]
    assert claims_of(DONE, before, OF) == (told,)
    assert reasons_of(fallen(before=0.0), OF, plan)[0] == "North is down: none of its machines is available."
    assert reasons_of(fallen(up=0.5), OF, plan)[0] == "North has 50% of its machines since this tick."


def test_without_prices_the_reasons_are_those_of_the_tick_alone() -> None:
    bare = replace(plan_with(), shadow=None)
    assert "break-even" in reasons_of(DONE, OF)[0] or "earns" in reasons_of(DONE, OF)[0]
    assert reasons_of(DONE, OF, bare) == reasons_of(DONE, OF) == reasons_of(DONE, OF, plan_with())


def test_prices_of_a_later_step_are_told_when_it_is_in_force() -> None:
    plan = plan_with({EAST: 7.0})
    assert reasons_of(DONE, OF, plan)[0].startswith("East is full")
    assert not reasons_of(DONE, OF, replace(plan, made_tick=-1))[0].startswith("East is full")


def test_scarcity_leaves_room_for_other_reasons() -> None:
    everywhere = dict.fromkeys((WEST, NORTH, EAST), 3.0)
    lines = reasons_of(DONE, OF, plan_with(everywhere, everywhere, (1.0, 1.0, 1.0)))
    assert 4 < len(lines) <= MAX_REASONS


def test_a_loss_by_placement_lowers_profit_in_words_and_number_alike_and_a_gain_of_nothing_is_not_told() -> None:
    gains = replace(DONE.gains, climate_micro_usd=-20_000, time_zone_micro_usd=0)
    serving = replace(DONE.allocation, site_merchant_it_mw=sealed(np.ones(3)))
    told = [claim.text for claim in claims_of(replace(DONE, gains=gains, allocation=serving), plan_with(), OF)]
    assert told[0].startswith("Running where cooling is dear changes profit by −0.24 USD/h and")
    assert not any("power is cheap" in line or "Prices at this hour" in line for line in told)
