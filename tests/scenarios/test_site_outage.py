"""An unannounced outage of a site from 9:00 to 11:00, with contracts of all tiers."""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.events import events_of
from mara.core.step import Step
from mara.core.world import Observation, RunConfig
from tests.builders import NORTH, WEST, config, contract, fleet, observation, world
from tests.scenarios.days import DAY_TICKS, day, hour_of

PREMIUM, STANDARD, FLEXIBLE, SPOT = range(4)
FAILS, BACK = 9 * 12, 11 * 12
CONTRACTS = tuple(contract(tier.name.lower(), tier, 2.0, ticks=DAY_TICKS - 1) for tier in Tier)


@pytest.fixture(scope="module")
def of() -> RunConfig:
    return config(fleet(limit_mw=[22.0, 22.0, 14.0]))


@pytest.fixture(scope="module")
def steps(of: RunConfig) -> list[Step]:
    def seen(tick: int) -> Observation:
        up = [0.0 if 9 <= hour_of(tick) < 11 else 1.0, 1.0, 1.0]
        return observation(of, tick, price=[30.0, 34.0, 60.0], up=up, demand=2e10)

    return day(of, world(of, CONTRACTS, at=[WEST] * 4, miners=[[7.0, 0.0, 4.05], [0.0] * 3, [0.0] * 3]), seen)


def served(steps: list[Step], contract_index: int) -> list[bool]:
    return [bool(s.allocation.served[contract_index]) for s in steps[: DAY_TICKS - 1]]


def test_nothing_runs_at_the_failed_site(steps: list[Step]) -> None:
    assert all(s.allocation.site_power_mw[WEST] == 0.0 for s in steps[FAILS:BACK])
    assert all(s.allocation.site_power_mw[WEST] > 0.0 for s in steps[:FAILS])


def test_premium_has_not_a_single_bad_tick(steps: list[Step]) -> None:
    assert all(served(steps, PREMIUM))
    assert steps[FAILS].allocation.site[PREMIUM] != WEST
    assert steps[FAILS].allocation.moved_mw.sum() == 2.0


def test_standard_and_flexible_lose_one_tick_and_run_elsewhere_from_the_next(steps: list[Step]) -> None:
    for index in (STANDARD, FLEXIBLE):
        assert [tick for tick, good in enumerate(served(steps, index)) if not good] == [FAILS]
        assert steps[FAILS + 1].allocation.site[index] != WEST
    assert not steps[FAILS].allocation.scheduled.any()


def test_one_tick_is_inside_the_budgets_and_no_credit_falls_due(steps: list[Step]) -> None:
    closed = {w.contract_id: (w.bad_ticks, w.credit_micro_usd) for s in steps for w in s.world.closed}
    assert {key: closed[key] for key in ("premium", "standard", "flexible")} == {
        "premium": (0, 0),
        "standard": (1, 0),
        "flexible": (1, 0),
    }


def test_the_plan_deviation_says_what_found_no_place(steps: list[Step]) -> None:
    assert steps[FAILS - 1].allocation.deviations == ()
    (stranded,) = [d for d in steps[FAILS].allocation.deviations if d.cause == "promised load found no place"]
    assert (stranded.site, stranded.power_mw) == (WEST, 4.0)


def test_miners_come_back_with_the_site_and_pay_their_restart(steps: list[Step]) -> None:
    assert steps[BACK].allocation.miners_mw[WEST].sum() == pytest.approx(11.05)
    assert steps[BACK].allocation.ramp_mw[WEST] == pytest.approx(11.05)


def test_contracts_move_when_the_site_fails_and_never_else(
    steps: list[Step],
) -> None:
    moves = np.array([s.allocation.moved_mw.sum() for s in steps])
    # Premium goes at once where the plan keeps racks for it. Power at North is 3 USD dearer per rack MWh: not worth the
    # way back.
    assert np.flatnonzero(moves).tolist() == [FAILS, FAILS + 1]
    assert steps[-2].allocation.site[:3].tolist() == [NORTH, NORTH, NORTH]


def test_operators_read_of_the_failure_and_the_recovery(of: RunConfig, steps: list[Step]) -> None:
    failing = [e.text for e in events_of(steps[FAILS], of)]
    assert (
        "West is down. 2.0 MW of Premium moved to North in time. 2 contracts (4.0 MW) are off until placed again."
        in failing
    )
    assert any("Premium moved from West to North in time" in text for text in failing)
    again = [e.text for e in events_of(steps[FAILS + 1], of)]
    assert "Standard's 2.0 MW Standard runs again, at North." in again
    assert "West is back in full." in [e.text for e in events_of(steps[BACK], of)]
