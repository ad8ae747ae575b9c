"""Thirty days of the default simulation, seed 7, under the default optimizer: believable, and never degenerate.

The whole month is run, without the worlds beside it: forty seconds of a processor.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from mara.bootstrap import rehearsal_of
from mara.core.contract import Tier
from mara.core.finance import CREDIT_LINES
from mara.core.reasons import curtailed_mw
from mara.core.units import MICRO_USD_PER_USD, TOLERANCE_MW
from mara.runtime.engine import simulate
from mara.settings import read_settings

DAYS = 30
TICKS_A_DAY = 288
TICKS_AN_HOUR = 12


@dataclass
class Month:
    """What a check needs of each tick."""

    curtailing: list[np.ndarray] = field(default_factory=list)
    served: list[np.ndarray] = field(default_factory=list)
    racks_used_share: list[float] = field(default_factory=list)
    profit_usd: list[float] = field(default_factory=list)
    planned_bad: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int64))
    outages: int = 0
    credits_usd: float = 0.0
    missed_premium: set[str] = field(default_factory=set)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def month() -> Month:
    engine = rehearsal_of(read_settings({}, {"seed": 7}))
    seen = Month()
    for _ in range(DAYS * TICKS_A_DAY):
        outlook = engine.outlook()
        step = engine.turn(outlook, engine.optimizer.plan(engine.problem(outlook))).step
        allocation, book = step.allocation, step.before.book
        load = allocation.site_contracts_it_mw + allocation.site_merchant_it_mw
        seen.curtailing.append(curtailed_mw(step, engine.charter).sum(axis=1) > TOLERANCE_MW)
        seen.served.append(allocation.contracts_mw.sum(axis=0) > 0.0)
        seen.racks_used_share.append(float(load.sum() / allocation.available_mw[:, 3:].sum()))
        seen.profit_usd.append(step.settlement.profit_micro_usd / MICRO_USD_PER_USD)
        seen.planned_bad += np.bincount(book.tier[allocation.scheduled], minlength=4)
        down, before = step.observation.availability_share == 0.0, step.before.availability_share
        seen.outages += int((down & (before > 0.0)).sum())
        seen.credits_usd -= step.settlement.lines_micro_usd[:, CREDIT_LINES].sum() / MICRO_USD_PER_USD
        missed = ~step.report.good & (book.tier == Tier.PREMIUM)
        seen.missed_premium |= {book.contracts[i].id for i in np.nonzero(missed)[0]}
        engine.world = step.world
    return seen


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


def test_at_least_one_credit_is_paid(month: Month) -> None:
    assert month.credits_usd > 0.0


def test_at_least_one_premium_contract_misses_a_tick(month: Month) -> None:
    assert month.missed_premium


def test_hourly_profit_varies_by_at_least_15_percent_of_its_mean(month: Month) -> None:
    hourly = np.array(month.profit_usd).reshape(-1, TICKS_AN_HOUR).sum(axis=1)
    assert hourly.std() >= 0.15 * hourly.mean()


def test_the_default_optimizer_earns_more_than_the_rules_do(month: Month) -> None:
    engine = rehearsal_of(read_settings({}, {"seed": 7, "optimizer": "rules"}))
    engine.shadows = None
    simulate(engine, None, DAYS * TICKS_A_DAY)
    assert sum(month.profit_usd) > 1.01 * engine.world.cash_micro_usd / MICRO_USD_PER_USD
