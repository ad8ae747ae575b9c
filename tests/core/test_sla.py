"""Service levels judged over whole windows: good and bad ticks, and credits."""

from datetime import UTC, datetime

import numpy as np
import pytest

from mara.core.commands import Cancel, Command, Exclude, Retract
from mara.core.contract import Tier
from mara.core.finance import Line
from mara.core.sla import burn_rates
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from tests.builders import WEST, config, contract, observation, step, world

OF = config()


def serve(
    state: World,
    ticks: int,
    down: frozenset[int] = frozenset(),
    orders: dict[int, tuple[Command, ...]] | None = None,
    of: RunConfig = OF,
) -> list[Step]:
    """Advance with every contract wanted at West, which is down in some ticks.

    East and North are down for good.
    """
    steps = []
    for tick in range(state.tick, state.tick + ticks):
        seen = observation(of, tick, up=[0.0 if tick in down else 1.0, 0.0, 0.0])
        wanted = [state.book.promised_mw, [0.0] * 4, [0.0] * 4]
        steps.append(advance(state, seen, step(of, contracts=np.array(wanted)), of, (orders or {}).get(tick, ())))
        state = steps[-1].world
    return steps


def credits_posted(steps: list[Step], tier: Tier) -> list[int]:
    """Amount posted to the tier's credit line, tick by tick [micro-USD]."""
    return [-int(s.settlement.lines_micro_usd[:, Line.CREDIT_PREMIUM + tier].sum()) for s in steps]


def test_good_and_bad_ticks_are_counted_and_only_delivered_ones_are_billed() -> None:
    steps = serve(world(OF, (contract("c", Tier.STANDARD, 2.0),), at=[WEST]), 10, frozenset({3, 4}))
    accounts = steps[-1].world.accounts
    assert (accounts.good_ticks.tolist(), accounts.bad_ticks.tolist()) == ([8], [2])
    assert accounts.charge_micro_usd.tolist() == [8 * 50_000_000]
    assert sum(int(s.settlement.lines_micro_usd[:, Line.CONTRACT_STANDARD].sum()) for s in steps) == 8 * 50_000_000


def test_a_contract_that_never_found_a_place_is_bad_from_its_first_tick() -> None:
    steps = serve(world(OF, (contract("huge", Tier.PREMIUM, 11.0),)), 3)
    assert steps[-1].world.accounts.bad_ticks.tolist() == [3]
    assert steps[-1].settlement.revenue_micro_usd == 0


def test_the_credit_is_posted_in_the_first_tick_after_the_window_and_once() -> None:
    # 20 ticks of Standard with 2 bad are 90 %: 10 percent of 18 charged ticks of 25 USD.
    steps = serve(world(OF, (contract("c", Tier.STANDARD, 1.0, ticks=20),), at=[WEST]), 25, frozenset({5, 6}))
    closed = [(s.tick, w.credit_micro_usd) for s in steps for w in s.world.closed]
    assert closed == [(19, 45_000_000)]
    assert credits_posted(steps, Tier.STANDARD) == [0] * 20 + [45_000_000] + [0] * 4
    assert steps[19].world.book.contracts == ()
    assert steps[-1].world.cash_micro_usd == sum(s.settlement.profit_micro_usd for s in steps)


def test_a_kept_promise_owes_nothing_when_it_ends() -> None:
    steps = serve(world(OF, (contract("c", Tier.STANDARD, 1.0, ticks=20),), at=[WEST]), 22, frozenset({5}))
    assert [w.credit_micro_usd for s in steps for w in s.world.closed] == [0]
    assert credits_posted(steps, Tier.STANDARD) == [0] * 22


def test_an_ended_contract_is_neither_served_nor_billed_again() -> None:
    steps = serve(world(OF, (contract("c", Tier.STANDARD, 1.0, ticks=3),), at=[WEST]), 6)
    assert [s.allocation.site_contracts_it_mw[WEST] for s in steps] == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert [s.settlement.revenue_micro_usd for s in steps] == [25_000_000] * 3 + [0] * 3


def test_a_cancelled_contract_is_settled_as_if_it_had_ended() -> None:
    own = contract("c", Tier.PREMIUM, 1.0, ticks=100)
    steps = serve(world(OF, (own,), at=[WEST]), 12, frozenset({2}), {9: (Cancel(contract_id="c"),)})
    closed = [(s.tick, w.good_ticks, w.bad_ticks, w.credit_micro_usd) for s in steps for w in s.world.closed]
    # 9 of 10 ticks are below 95 %: all of the charge comes back.
    assert closed == [(9, 9, 1, 9 * 43_750_000)]
    assert credits_posted(steps, Tier.PREMIUM)[10:] == [9 * 43_750_000, 0]


def test_each_month_of_a_long_contract_is_its_own_window() -> None:
    of = config(tick_minutes=60, start=datetime(2025, 7, 20, tzinfo=UTC))
    own = contract("c", Tier.FLEXIBLE, 1.0, ticks=40 * 24, timezone="Europe/Berlin")
    july = 12 * 24 - 2
    steps = serve(world(of, (own,), at=[WEST]), 40 * 24 + 1, frozenset(range(100, 160)), of=of)
    closed = [(s.tick + 1, w.good_ticks, w.bad_ticks, w.credit_micro_usd) for s in steps for w in s.world.closed]
    # 60 bad hours of 286 are 79.02 %: 15 percent of 226 hours at 180 USD.
    assert closed == [(july, july - 60, 60, round(0.15 * 226 * 180e6)), (960, 960 - july, 0, 0)]
    assert [t for t, c in enumerate(credits_posted(steps, Tier.FLEXIBLE)) if c] == [july]
    assert steps[july].before.accounts.bad_ticks.tolist() == [0]
    assert steps[july].before.accounts.served.tolist() == [True]


def test_an_excluded_tick_counts_neither_way() -> None:
    order = Exclude(contract_id="c", from_tick=4, to_tick=8, reason="grid operator's order", author="Ada")
    own = (contract("c", Tier.STANDARD, 1.0, ticks=20), contract("d", Tier.STANDARD, 1.0, ticks=20))
    steps = serve(world(OF, own, at=[WEST, WEST]), 12, frozenset({3, 4, 5}), {1: (order,)})
    accounts = steps[-1].world.accounts
    assert accounts.excluded_ticks.tolist() == [4, 0]
    assert accounts.good_ticks.tolist() == [7, 9]
    assert accounts.bad_ticks.tolist() == [1, 3]
    # Delivered excluded ticks are still billed.
    assert accounts.charge_micro_usd.tolist() == [9 * 25_000_000] * 2


def test_an_exclusion_of_all_contracts_covers_each_and_is_forgotten_when_over() -> None:
    order = Exclude(contract_id="", from_tick=0, to_tick=2, reason="maintenance", author="Ada")
    own = (contract("c", Tier.PREMIUM), contract("d", Tier.SPOT))
    steps = serve(world(OF, own, at=[WEST, WEST]), 4, frozenset({0, 1, 2}), {0: (order,)})
    accounts = steps[-1].world.accounts
    assert accounts.excluded_ticks.tolist() == [2, 2]
    assert accounts.bad_ticks.tolist() == [1, 1]
    assert steps[-1].world.exclusions == ()


def test_an_exclusion_ends_before_the_tick_it_is_said_to_end_at() -> None:
    order = Exclude(contract_id="c", from_tick=0, to_tick=2, reason="customer's order", author="Ada")
    steps = serve(world(OF, (contract("c"),), at=[WEST]), 3, orders={2: (order,)})
    assert steps[-1].world.accounts.excluded_ticks.tolist() == [0]


def test_an_exclusion_that_comes_too_late_changes_nothing() -> None:
    order = Exclude(contract_id="c", from_tick=0, to_tick=3, reason="after the fact", author="Ada")
    steps = serve(world(OF, (contract("c"),), at=[WEST]), 6, frozenset({1}), {4: (order,)})
    assert steps[-1].world.accounts.bad_ticks.tolist() == [1]
    assert steps[-1].world.accounts.excluded_ticks.tolist() == [0]


def excluded_until(from_tick: int, told: dict[int, tuple[Command, ...]], site_id: str = "") -> list[list[int]]:
    """Excluded and bad ticks of two contracts after twelve ticks of which four are bad."""
    own = (contract("c", Tier.STANDARD, 1.0, ticks=20), contract("d", Tier.STANDARD, 1.0, ticks=20))
    orders: tuple[Command, ...] = tuple(
        Exclude(
            contract_id=name, from_tick=from_tick, to_tick=9, reason="maintenance: x", author="Ada", site_id=site_id
        )
        for name in ("c", "d")
    )
    steps = serve(world(OF, own, at=[WEST, WEST]), 12, frozenset({3, 4, 5, 6}), {1: orders, **told})
    accounts = steps[-1].world.accounts
    return [accounts.excluded_ticks.tolist(), accounts.bad_ticks.tolist()]


def test_maintenance_that_is_taken_back_before_it_begins_excludes_nothing_at_any_contract() -> None:
    assert excluded_until(4, {}, "west") == [[5, 5], [1, 1]]
    back = Retract(site_id="west", contract_id="", from_tick=4)
    assert excluded_until(4, {2: (back,)}, "west") == [[0, 0], [4, 4]]


def test_ticks_judged_before_maintenance_is_ended_early_stay_excluded_and_the_rest_count() -> None:
    back = Retract(site_id="west", contract_id="", from_tick=4)
    assert excluded_until(4, {6: (back,)}, "west") == [[2, 2], [2, 2]]


def test_an_announcement_to_one_contract_is_taken_back_alone_and_only_by_its_own_begin() -> None:
    back = Retract(site_id="", contract_id="d", from_tick=4)
    assert excluded_until(4, {2: (back,)}) == [[5, 0], [1, 4]]
    assert excluded_until(5, {2: (back,)}) == [[4, 4], [2, 2]]
    assert excluded_until(4, {2: (back,)}, "west") == [[5, 5], [1, 1]]


def test_burn_rate_is_the_bad_share_over_the_share_allowed() -> None:
    own = (
        contract("p", Tier.PREMIUM),
        contract("s", Tier.STANDARD),
        contract("f", Tier.FLEXIBLE),
        contract("x", Tier.SPOT),
    )
    steps = serve(world(OF, own, at=[WEST] * 4), 100, frozenset({7}))
    # One bad tick of a hundred: 1 % over 0.1 %, 5 % and 10 %; Spot has no target.
    assert burn_rates(steps[-1].world) == pytest.approx([10.0, 0.2, 0.1, 0.0])


def test_nothing_burns_before_the_first_tick() -> None:
    assert burn_rates(world(OF, (contract("p"),))).tolist() == [0.0]


@pytest.mark.parametrize(
    ("tier", "budget"), [(Tier.PREMIUM, 0), (Tier.STANDARD, 2), (Tier.FLEXIBLE, 4), (Tier.SPOT, 40)]
)
def test_a_budget_is_never_overspent_without_a_breach_at_the_windows_end(tier: Tier, budget: int) -> None:
    for bad in (budget, budget + 1):
        steps = serve(world(OF, (contract("c", tier, 1.0, ticks=40),), at=[WEST]), 40, frozenset(range(bad)))
        (window,) = steps[-1].world.closed
        assert window.bad_ticks == min(bad, 40)
        assert (window.credit_micro_usd > 0) == (bad > budget and tier is not Tier.SPOT)
