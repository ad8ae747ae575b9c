"""Thirty days of the default simulation are plausible in prices, load and money.

Seed 7, default optimizer. The whole month is run, without the worlds beside it: two minutes of a processor.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest

from mara.assembly.runs import rehearsal_of
from mara.core.contract import Tier, budget_ticks
from mara.core.events import is_story
from mara.core.finance import CREDIT_LINES
from mara.core.reasons import curtailed_mw
from mara.core.units import MICRO_USD_PER_USD, TOLERANCE_MW
from mara.runtime.backtest import backtest
from mara.runtime.run_totals import RunTotals
from mara.settings import read_settings
from tests.premium_packing import avoidable_misses
from tests.solved_before import solve_anew

DAYS = 30
TICKS_A_DAY = 288
TICKS_AN_HOUR = 12
SHARED_TICKS = TICKS_A_DAY + 2 * TICKS_AN_HOUR
"""Ticks at the beginning that other tests run too.

No later program comes twice, and looking takes a twentieth.
"""


@dataclass
class Month:
    """The figures of each tick that the checks use."""

    curtailing: list[np.ndarray] = field(default_factory=list)
    served: list[np.ndarray] = field(default_factory=list)
    racks_used_share: list[float] = field(default_factory=list)
    profit_usd: list[float] = field(default_factory=list)
    planned_bad: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int64))
    totals: RunTotals = field(default_factory=lambda: RunTotals(dt_h=1 / TICKS_AN_HOUR))
    chosen_ticks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_chosen_share: float = 0.0
    outages: int = 0
    credits_usd: float = 0.0
    avoidable_misses: int = 0
    story: int = 0


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def month() -> Month:
    with pytest.MonkeyPatch.context() as patched:
        return month_run(patched)


def month_run(patched: pytest.MonkeyPatch) -> Month:
    engine = rehearsal_of(read_settings({}, {"seed": 7}))
    seen = Month()
    for tick in range(DAYS * TICKS_A_DAY):
        if tick == SHARED_TICKS:
            solve_anew(patched)
        reading = engine.read_feed()
        result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
        step = result.step
        allocation, book = step.allocation, step.before.book
        load = allocation.site_contracts_it_mw + allocation.site_merchant_it_mw
        seen.curtailing.append(curtailed_mw(step).sum(axis=1) > TOLERANCE_MW)
        seen.served.append(allocation.contracts_mw.sum(axis=0) > 0.0)
        seen.racks_used_share.append(float(load.sum() / allocation.available_mw[:, 3:].sum()))
        seen.profit_usd.append(step.settlement.profit_micro_usd / MICRO_USD_PER_USD)
        for i in np.flatnonzero(allocation.scheduled).tolist():
            seen.chosen_ticks[book.contracts[i].id] += 1
        for window in step.world.closed:
            budget = budget_ticks(window.good_ticks + window.bad_ticks, window.tier)
            share = seen.chosen_ticks.pop(window.contract_id, 0) / max(budget, 1)
            seen.most_chosen_share = max(seen.most_chosen_share, share)
        seen.planned_bad += np.bincount(book.tier[allocation.scheduled], minlength=4)
        down, before = step.observation.availability_share == 0.0, step.before.availability_share
        seen.outages += int((down & (before > 0.0)).sum())
        seen.credits_usd -= step.settlement.lines_micro_usd[:, CREDIT_LINES].sum() / MICRO_USD_PER_USD
        seen.avoidable_misses += avoidable_misses(step.before, step.observation, allocation, engine.config)
        seen.story += sum(is_story(event) for event in result.events)
        seen.totals.add(step)
        engine.world = step.world
    return seen


@pytest.fixture(scope="module")
def by_rules() -> RunTotals:
    engine = rehearsal_of(read_settings({}, {"seed": 7, "optimizer": "rules"}))
    ticks, hours = DAYS * TICKS_A_DAY, engine.horizon_hours
    return backtest(engine.config, engine.feed, engine.optimizer, engine.world, ticks, horizon_hours=hours)[0]


def test_every_day_some_sites_curtail_miners_and_never_all_of_them_do(month: Month) -> None:
    ticks = np.array(month.curtailing)
    by_day = ticks.reshape(DAYS, TICKS_A_DAY, -1).any(axis=(1, 2))
    assert by_day.all()
    assert not ticks.all(axis=1).any()


def test_every_tier_is_served_in_at_least_a_fifth_of_the_ticks(month: Month) -> None:
    assert (np.mean(month.served, axis=0) >= 0.20).all()


def test_racks_are_85_to_97_percent_used(month: Month) -> None:
    assert 0.85 <= np.mean(month.racks_used_share) <= 0.97


def test_there_are_10_to_40_outages_of_whole_sites(month: Month) -> None:
    assert 10 <= month.outages <= 40


def test_budget_ticks_are_spent_on_standard_and_flexible_and_never_on_premium(month: Month) -> None:
    assert month.planned_bad[Tier.STANDARD] > 0
    assert month.planned_bad[Tier.FLEXIBLE] > 0
    assert month.planned_bad[Tier.PREMIUM] == 0


def test_at_least_one_credit_is_paid_under_one_of_both_optimizers(month: Month, by_rules: RunTotals) -> None:
    # The program keeps every promise of this month; a large contract finds no racks for a day under rules.
    by_tier = by_rules.extras()["credits"]
    assert isinstance(by_tier, dict)
    assert month.credits_usd + sum(by_tier.values()) > 0.0


def test_no_premium_tick_is_lost_that_any_packing_of_whole_contracts_would_have_saved(month: Month) -> None:
    assert month.avoidable_misses == 0


def test_contracts_are_not_stopped_more_than_once_a_day_or_for_less_than_half_an_hour(month: Month) -> None:
    sla = month.totals.report()["sla"]
    for tier in ("standard", "flexible"):
        assert sla[tier]["stops_per_contract_day"] <= 0.9
        assert sla[tier]["median_rest_minutes"] >= 30.0


def test_no_window_is_broken_by_a_few_ticks_after_its_budget_was_spent_on_purpose(month: Month) -> None:
    # What may be chosen ends well below the budget, so that nothing but long outages can break a window.
    assert month.most_chosen_share < 0.8


def test_the_month_is_told_in_under_200_lines(month: Month) -> None:
    assert month.story < 200


def test_hourly_profit_varies_by_at_least_15_percent_of_its_mean(month: Month) -> None:
    hourly = np.array(month.profit_usd).reshape(-1, TICKS_AN_HOUR).sum(axis=1)
    assert hourly.std() >= 0.15 * hourly.mean()


def test_the_default_optimizer_earns_more_than_the_rules_do(month: Month, by_rules: RunTotals) -> None:
    assert sum(month.profit_usd) > 1.01 * int(by_rules.lines_micro_usd.sum()) / MICRO_USD_PER_USD
