"""Sums over a run: the same numbers as its steps, and nothing counted that is excluded."""

from typing import Any

import numpy as np
import pytest

from mara.core.commands import Command, Exclude
from mara.core.contract import Tier
from mara.core.step import Step, advance
from mara.core.world import Charter, World
from mara.runtime.tally import Tally
from tests.builders import WEST, charter, contract, fleet, observation, step, world

OF = charter(fleet(hedge_mw=[2.0, 0.0, 0.0], hedge_price=45.0))


def lived(of: Charter, state: World, ups: list[float], orders: dict[int, tuple[Command, ...]]) -> list[Step]:
    """Contracts at West, which is up or down; miners run everywhere."""
    steps = []
    for tick, up in enumerate(ups):
        seen = observation(
            of, tick, price=[60.0, -5.0, 90.0], carbon=300.0, renewable=[0.2, 0.9, 0.1], up=[up, 1.0, 1.0]
        )
        plan = step(
            of, miners=of.fleet.nameplate_mw[:, :3], contracts=np.array([state.book.promised_mw, *[[0.0] * 4] * 2])
        )
        steps.append(advance(state, seen, plan, of, orders.get(tick, ())))
        state = steps[-1].world
    return steps


def tallied(steps: list[Step], of: Charter) -> Any:
    tally = Tally(dt_h=of.grid.dt_h)
    for done in steps:
        tally.add(done)
    tally.close(steps[-1].world)
    return tally.report()


def test_profit_is_the_sum_of_all_lines_and_the_parts_make_the_whole() -> None:
    own = (contract("s", Tier.STANDARD, 2.0), contract("x", Tier.SPOT, 1.0))
    steps = lived(OF, world(OF, own, at=[WEST, WEST]), [1.0] * 10, {})
    report = tallied(steps, OF)
    assert report["profit_usd"] == steps[-1].world.cash_micro_usd / 1e6
    parts = sum(report["revenue_usd"].values()) - sum(report["cost_usd"].values())
    assert report["profit_usd"] == pytest.approx(parts, abs=1e-6)
    power = np.array([s.allocation.site_power_mw for s in steps])
    assert report["energy_mwh"] == pytest.approx(power.sum() / 12, rel=1e-6)
    assert report["emissions_t"] == pytest.approx(power.sum() / 12 * 0.3, rel=1e-6)
    assert report["renewable_share"] == pytest.approx((power @ [0.2, 0.9, 0.1]).sum() / power.sum(), rel=1e-6)


def test_credits_of_windows_that_end_with_the_last_tick_are_counted() -> None:
    steps = lived(OF, world(OF, (contract("p", Tier.PREMIUM, 2.0, ticks=10),), at=[WEST]), [1.0] * 9 + [0.0], {})
    report = tallied(steps, OF)
    assert report["cost_usd"]["credits"] == pytest.approx(9 * 87.5)
    assert report["sla"]["premium"]["credits_usd"] == pytest.approx(9 * 87.5)
    assert report["profit_usd"] == pytest.approx(steps[-1].world.cash_micro_usd / 1e6 - 9 * 87.5)


def test_good_and_bad_ticks_are_those_of_the_accounts() -> None:
    own = (contract("s", Tier.STANDARD, 2.0), contract("f", Tier.FLEXIBLE, 2.0))
    steps = lived(OF, world(OF, own, at=[WEST, WEST]), [1.0, 0.0, 0.0, 1.0, 1.0], {})
    sla = tallied(steps, OF)["sla"]
    accounts = steps[-1].world.accounts
    assert [sla["standard"]["bad_ticks"], sla["flexible"]["bad_ticks"]] == accounts.bad_ticks.tolist()
    good, bad = accounts.good_ticks[0], accounts.bad_ticks[0]
    assert sla["standard"]["availability_share"] == good / (good + bad)
    assert sla["spot"]["availability_share"] == 1.0
    assert sla["standard"]["promised_mwh"] == pytest.approx(2.0 * 5 / 12)


def test_excluded_ticks_count_neither_way_good_or_bad() -> None:
    own = (contract("s", Tier.STANDARD, 2.0), contract("f", Tier.FLEXIBLE, 2.0))
    order = Exclude(contract_id="", from_tick=0, to_tick=3, reason="grid operator's order", author="Ada")
    steps = lived(OF, world(OF, own, at=[WEST, WEST]), [1.0, 1.0, 0.0, 1.0, 0.0, 1.0], {0: (order,)})
    tally = Tally(dt_h=OF.grid.dt_h)
    for done in steps:
        tally.add(done)
    accounts = steps[-1].world.accounts
    assert tally.good_ticks.tolist() == [0, *accounts.good_ticks.tolist(), 0]
    assert tally.bad_ticks.tolist() == [0, *accounts.bad_ticks.tolist(), 0]
