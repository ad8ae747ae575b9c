"""Worth of each instrument of the power contract: a run with plans that know it, and with plans that do not.

Two runs: the default fleet for thirty days of July in the synthetic world, and one megawatt of miners worth 80 USD/MWh
for the year 2024 at ERCOT's day-ahead prices. Both are planned by `lp` in ticks of an hour, anew every
three hours. Terms are round figures, chosen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from bench import grain
from bench.power_worth.demand import demand_by_hour, drawn_demand_mw
from mara.assembly.worlds import seeded_feed, with_power
from mara.core.fleet import Fleet
from mara.core.market import Terms
from mara.core.plan import Plan, Problem
from mara.core.power_terms import AdderCharge, CoincidentPeakCharge, DemandCharge, PowerTerms, SiteBattery, TermTimes
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig, first_world
from mara.feeds.base import Feed
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.terms.power_terms import with_products
from mara.feeds.files.terms.products import read_products
from mara.feeds.power_feed import DEMAND, DEMAND_FORECAST
from mara.feeds.replay import ReplayFeed
from mara.optimizers.base import SPENDS, Optimizer
from mara.optimizers.flexibility.blind import INSTRUMENTS, Blind
from mara.optimizers.flexibility.simple_rules import with_peak_price
from mara.optimizers.registry import optimizer_of
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler
from mara.runtime.backtest import backtest
from mara.settings import read_settings

DAYS: Final = 30
SEED: Final = 7
START: Final = datetime(2025, 7, 1, tzinfo=UTC)
ERCOT_START: Final = datetime(2024, 1, 1, 6, tzinfo=UTC)
"""Midnight in Texas."""
ERCOT_DAYS: Final = 365
"""Days of the year: on the last of them nothing is known of the day after."""
HORIZON_HOURS: Final = 24
HELD_TICKS: Final = 3
"""Ticks for which a plan stands: a run costs a third of the time, and day-ahead prices do not change meanwhile."""
SUMMER: Final = (6, 7, 8, 9)
EVENING: Final = TermTimes(weekday_numbers=(1, 2, 3, 4, 5), hour_numbers=(16, 17, 18, 19))
SUMMER_PEAKS: Final = CoincidentPeakCharge(
    site=0, usd_per_mw_year=60_000.0, month_numbers=SUMMER, peaks_count=1, interval_minutes=60
)
DEMAND_CHARGE: Final = DemandCharge(site=0, usd_per_mw_month=6_000.0, interval_minutes=60)
ADDER: Final = AdderCharge(site=0, usd_per_mwh=15.0, times=EVENING)
BATTERY: Final = SiteBattery(
    site=0,
    power_mw=1.0,
    energy_mwh=2.0,
    efficiency_in_share=0.85**0.5,
    efficiency_out_share=0.85**0.5,
    wear_usd_per_mwh=5.0,
)
PRODUCTS: Final = "ercot"
PRODUCTS_SITE: Final = "texas"
FLEET_BATTERY_MW: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstrumentCase:
    """A run to measure instruments on."""

    config: RunConfig
    feed: Feed
    ticks: int


def default_fleet_case(days: int = DAYS) -> InstrumentCase:
    """The shipped fleet in the synthetic world, with charges at every site and the rest in Texas.

    Coincident peaks, the battery and ERCOT's products are those of the site in Texas.
    """
    config = RunConfig(fleet=with_terms(read_fleet("global_ten")), grid=TimeGrid(start=START, tick_minutes=60))
    feed = seeded_feed(read_settings({}, {}), config, SEED, None)
    return InstrumentCase(config=config, feed=feed, ticks=days * HOURS_PER_DAY)


def with_terms(fleet: Fleet) -> Fleet:
    """Give every site a demand charge and an evening adder, and Texas all the rest."""
    texas, every = fleet.site_ids.index(PRODUCTS_SITE), range(fleet.site_count)
    terms = PowerTerms(
        export_limit_mw=np.array([FLEET_BATTERY_MW * (s == texas) for s in every]),
        export_fee_usd_per_mwh=np.zeros(fleet.site_count),
        adders=tuple(replace(ADDER, site=s) for s in every),
        demand=tuple(replace(DEMAND_CHARGE, site=s) for s in every),
        peaks=(replace(SUMMER_PEAKS, site=texas),),
        batteries=(replace(BATTERY, site=texas, power_mw=FLEET_BATTERY_MW, energy_mwh=2.0 * FLEET_BATTERY_MW),),
    )
    products = tuple(replace(product, sites=(texas,)) for product in read_products(PRODUCTS, fleet))
    return with_products(replace(fleet, power=terms), products)


def ercot_case(prices: Path, folder: Path, days: int = ERCOT_DAYS) -> InstrumentCase:
    """One megawatt of miners and a battery on ERCOT's day-ahead prices of 2024, with all instruments.

    The system's demand is its day-ahead forecast with a drawn error: the files have no measured one.
    """
    history = grain.history_of(prices, folder, spec=grain.DAY_AHEAD_SPEC)
    forecast = demand_by_hour(prices, history.start, history.step_count)
    demand = drawn_demand_mw(forecast, seed=SEED)
    history = replace(history, further={DEMAND: demand[:, None], DEMAND_FORECAST: forecast[:, None]})
    fleet = grain.fleet_of(history)
    terms = PowerTerms(
        export_limit_mw=np.ones(1),
        export_fee_usd_per_mwh=np.zeros(1),
        adders=(ADDER,),
        demand=(DEMAND_CHARGE,),
        peaks=(SUMMER_PEAKS,),
        batteries=(BATTERY,),
    )
    fleet = with_products(replace(fleet, power=terms), read_products(PRODUCTS, fleet))
    config = RunConfig(
        fleet=fleet, grid=TimeGrid(start=ERCOT_START, tick_minutes=60), terms=Terms(carbon_price_usd_per_t=0.0)
    )
    feed = with_power(ReplayFeed(config, history, forecast="day-ahead"), config, SEED, history)
    return InstrumentCase(config=config, feed=feed, ticks=days * HOURS_PER_DAY)


def held_its_ticks(problem: Problem, plan: Plan) -> bool:
    """Tell whether a plan has stood for the ticks that it is held."""
    return problem.tick >= plan.made_tick + HELD_TICKS


@dataclass(slots=True)
class Held:
    """An optimizer whose plan stands until the next one is due.

    Contracts are placed anew in each tick, as in a run: a solved plan names their sites for its first step alone.

    Attributes:
        is_due: tells whether another plan is to be made, by the problem now and the plan that stands.
    """

    optimizer: Optimizer
    is_due: Callable[[Problem, Plan], bool] = held_its_ticks
    _plan: Plan | None = None

    @property
    def name(self) -> str:
        return self.optimizer.name

    def plan(self, problem: Problem) -> Plan:
        """Return the plan that stands, or make the next.

        Raises:
            PlanError: the optimizer failed.
        """
        if self._plan is None or self.is_due(problem, self._plan):
            self._plan = self.optimizer.plan(problem)
            return self._plan
        at = self._plan.index_at(problem.tick)
        step = ContractScheduler(with_peak_price(problem), SPENDS).from_megawatts(self._plan.steps[at])
        return replace(self._plan, steps=(*self._plan.steps[:at], step, *self._plan.steps[at + 1 :]))


def worths_usd(case: InstrumentCase, policy: str = "lp") -> Iterator[tuple[str, float]]:
    """Measure the profit with all instruments, and then how much less it is without each [USD]."""
    optimizer = optimizer_of(policy)
    profit = profit_usd(case, Held(optimizer))
    yield "all", profit
    for name in INSTRUMENTS:
        yield name, profit - profit_usd(case, Held(Blind(optimizer, name)))


def profit_usd(case: InstrumentCase, optimizer: Optimizer) -> float:
    """Run a case; what coincident peaks will cost in the next year counts [USD]."""
    totals, _ = backtest(
        case.config, case.feed, optimizer, first_world(case.config), case.ticks, horizon_hours=HORIZON_HOURS
    )
    return totals.report()["profit_usd"]
