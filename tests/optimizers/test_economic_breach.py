"""Economic breaches depend on a contract's window and charge, and spare Premium."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.contract import UNPLACED, SlaContract, Tier, credit_micro_usd, spendable_ticks
from mara.core.events import events_of
from mara.core.market import Terms
from mara.core.reasons import reasons_of
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from mara.optimizers.base import KEEPS, Optimizer
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.scheduling.economic_breach import GOODWILL_RATIO, breaking_hours, broken_now
from tests.builders import WEST, config, contract, observation, problem, world

DAYS = 9 * 24
BOOK = tuple(
    contract(tier.name.lower(), tier, 2.0, ticks=DAYS) for tier in (Tier.PREMIUM, Tier.STANDARD, Tier.FLEXIBLE)
)


def of(policy: str) -> RunConfig:
    return config(tick_minutes=60, terms=Terms(break_promises=policy))


def spent(at: RunConfig, contracts: tuple[SlaContract, ...] = BOOK, *, left: int = 0) -> World:
    """A world fifty hours into its windows, with `left` ticks of budget unused."""
    state = world(at, contracts, at=[WEST] * len(contracts))
    used = np.array([DAYS * share // 1000 for share in (1, 50, 100)])[: len(contracts)] - left
    bad = np.maximum(used, 0)
    accounts = replace(
        state.accounts,
        bad_ticks=bad,
        good_ticks=50 - bad,
        charge_micro_usd=(50 - bad) * state.book.tick_charge_micro_usd,
    )
    return replace(state, tick=50, accounts=accounts)


def lived(optimizer: Optimizer, policy: str, price: float) -> Step:
    at = of(policy)
    state, seen = spent(at), observation(at, 50, price=price)
    return advance(state, seen, optimizer.plan(problem(at, state, seen)).steps[0], at)


@pytest.mark.parametrize("optimizer", [Rules(), Lp()], ids=lambda o: o.name)
@pytest.mark.parametrize(("policy", "runs"), [("never", [1, 1, 1]), ("flexible", [1, 1, 0]), ("standard", [1, 0, 0])])
def test_in_scarcity_the_tiers_that_the_policy_names_are_broken_and_premium_never(
    optimizer: Optimizer, policy: str, runs: list[int]
) -> None:
    assert lived(optimizer, policy, 9_000.0).allocation.served.tolist() == [bool(run) for run in runs]


@pytest.mark.parametrize("optimizer", [Rules(), Lp()], ids=lambda o: o.name)
def test_at_ordinary_prices_nothing_is_broken_whatever_the_policy(optimizer: Optimizer) -> None:
    assert lived(optimizer, "standard", 300.0).allocation.served.tolist() == [True] * 3


def test_it_is_told_as_a_broken_promise_and_not_as_a_rest() -> None:
    done = lived(Rules(), "flexible", 9_000.0)
    told = [event for event in events_of(done, of("flexible")) if event.kind in ("broken", "budget", "stranded")]
    assert [(event.kind, event.severity) for event in told] == [("broken", "warning")]
    assert (
        "past its error budget at West: power at 9000 USD/MWh costs more than its credit and goodwill" in told[0].text
    )
    lines = [line for line in reasons_of(done, of("flexible")) if "flexible" in line]
    assert lines == [
        "1 flexible promises (2.0 MW) are broken on purpose: their power costs more than credit and goodwill."
    ]
    assert not done.allocation.deviations


def test_the_hours_are_those_that_a_ledger_finds_best_of_all_numbers_of_hours() -> None:
    at = of("standard")
    draw = np.random.default_rng(3)
    for _ in range(60):
        left = int(draw.integers(0, 12))
        state = spent(at, left=left)
        seen = observation(at, 50)
        prices = draw.choice([40.0, 200.0, 700.0, 1_500.0, 9_000.0], (24, 1)) * np.ones((24, 3))
        given = problem(at, state, seen)
        given = replace(given, forecast=replace(given.forecast, energy_price_usd_per_mwh=prices))
        hours = breaking_hours(given)
        for i, tier in ((1, Tier.STANDARD), (2, Tier.FLEXIBLE)):
            best = best_count(state, i, tier, prices[:, 0] * 1.03)
            count = 0 if hours is None else int(hours[:, i].sum())
            budget = max(int((10, 21)[i - 1] - state.accounts.bad_ticks[i]), 0)
            assert count == (best if best > budget else 0)
            if count:
                assert hours is not None
                assert prices[hours[:, i], 0].min() >= np.sort(prices[:, 0])[-count]


def test_what_is_broken_now_is_in_the_first_of_the_hours_and_without_budget() -> None:
    at, draw, broken = of("standard"), np.random.default_rng(4), 0
    for _ in range(200):
        state = spent(at, left=int(draw.integers(0, 4)))
        site = np.where(draw.random(3) < 0.2, UNPLACED, draw.integers(0, 3, 3))
        state = replace(state, accounts=replace(state.accounts, site=site, served=site != UNPLACED))
        prices = draw.choice([40.0, 700.0, 9_000.0], (24, 3))
        given = problem(at, state, observation(at, 50, price=prices[0].tolist()))
        given = replace(given, forecast=replace(given.forecast, energy_price_usd_per_mwh=prices))
        hours = breaking_hours(given)
        spendable = spendable_ticks(state.book, state.accounts, state.tick)
        expected = [] if hours is None else np.flatnonzero(hours[0] & (spendable <= 0)).tolist()
        assert broken_now(given).tolist() == expected
        broken += len(expected)
    assert broken > 20


def best_count(state: World, i: int, tier: Tier, cost: np.ndarray) -> int:
    """Number of dearest hours to leave out at most gain, found by trying each number."""
    accounts, rate, mw = state.accounts, state.book.contracts[i].rate_usd_per_mwh, 2.0
    budget = max(DAYS * (50, 100)[i - 1] // 1000 - int(accounts.bad_ticks[i]), 0)
    left, tick_charge = DAYS - 50, int(state.book.tick_charge_micro_usd[i])
    dearest = np.sort(cost)[::-1]
    worth = []
    for k in range(int((dearest > rate).sum()) + 1):
        charge = int(accounts.charge_micro_usd[i]) + (left - k) * tick_charge
        good, bad = int(accounts.good_ticks[i]) + left - k, int(accounts.bad_ticks[i]) + k
        credit = credit_micro_usd(tier, good, bad, charge) / 1e6
        worth.append((dearest[:k] - rate).sum() * mw - credit - max(k - budget, 0) * mw * GOODWILL_RATIO * rate)
    return int(np.argmax(np.round(worth, 6)))


def test_a_contract_that_can_go_to_cheap_power_is_not_broken() -> None:
    at = of("flexible")
    state = spent(at)
    assert not len(broken_now(problem(at, state, observation(at, 50, price=[9_000.0, 50.0, 50.0]))))
    assert len(broken_now(problem(at, state, observation(at, 50, price=9_000.0))))


def test_what_resumes_where_it_rested_is_no_move_in_the_program_either() -> None:
    at = config(tick_minutes=60)
    state = world(at, (contract("f", Tier.FLEXIBLE, 2.0, ticks=DAYS),), at=[WEST])
    resting = replace(state, accounts=replace(state.accounts, served=np.array([False])))
    plans = [Lp().plan(problem(at, now, observation(at))) for now in (state, resting)]
    assert plans[0].objective_usd == pytest.approx(plans[1].objective_usd)


def test_a_run_that_may_spend_no_budget_breaks_no_promise() -> None:
    assert lived(Lp(budgets=KEEPS), "standard", 9_000.0).allocation.served.all()
    assert lived(Rules(budgets=KEEPS), "standard", 9_000.0).allocation.served.all()
