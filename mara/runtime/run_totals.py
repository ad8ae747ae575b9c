"""Totals over many ticks, and the figures that runs report of them.

The names of the figures are those that `--json` prints.
"""

from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict, cast

import numpy as np

from mara.core.arrays import Floats, Ints, stacked
from mara.core.contract import TIER_COUNT, TIER_KEYS
from mara.core.finance import (
    CONTRACT_LINES,
    CREDIT_LINES,
    ENERGY_LINE_COUNT,
    ENERGY_LINES,
    LINE_COUNT,
    MIGRATION_LINES,
    EnergyLine,
    Line,
    credits_due,
)
from mara.core.fleet import Fleet
from mara.core.power_settlement import PowerLine, open_accruals_micro_usd
from mara.core.settled_stretch import SettledStretch
from mara.core.step import Step
from mara.core.units import G_PER_T, MICRO_USD_PER_USD, WH_PER_MWH
from mara.core.world import Gains, World
from mara.runtime.observe.peak_counts import PeakCounts
from mara.runtime.observe.scheduled_off import ScheduledOffCounts

GAIN_KEYS = ("climate", "time_zone", "interaction")

Usd: TypeAlias = float
"""Amount of US dollars; the record's name carries the unit."""


class RevenueUsd(TypedDict):
    """Revenue by source [USD]."""

    mining: Usd
    inference: Usd
    contracts: Usd
    sellback: Usd


class CostUsd(TypedDict):
    """Cost by kind, positive where it was paid [USD]."""

    energy: Usd
    carbon: Usd
    migration: Usd
    restart: Usd
    credits: Usd


class TierFigures(TypedDict):
    """Service figures of one tier's contracts.

    A stop is a contract that ran and is scheduled off; a rest is the time until it runs again.
    """

    promised_mwh: float
    delivered_mwh: float
    availability_share: float
    bad_ticks: int
    credits_usd: float
    stops_per_contract_day: float
    median_rest_minutes: float


class DayAheadFigures(TypedDict):
    """Worth of the positions bought day-ahead, and the profit without them.

    A position changes no plan, so that the difference is its gain.
    """

    position_mwh: float
    gain_usd: Usd
    profit_without_usd: Usd


class PowerFigures(TypedDict):
    """Bill of the power terms by instrument; a cost is negative.

    `energy` is what energy itself cost: bought, hedged, sold back, and positions; with it the corrections by meters.
    """

    energy_usd: Usd
    adder_usd: Usd
    demand_charge_usd: Usd
    coincident_peak_usd: Usd
    battery_wear_usd: Usd
    export_revenue_usd: Usd
    reserve_revenue_usd: Usd
    deployment_revenue_usd: Usd
    reserve_penalty_usd: Usd
    supply_usd: Usd
    cfd_usd: Usd
    take_or_pay_usd: Usd


class RunFigures(TypedDict):
    """Figures that a backtest and a simulation share, in USD, MWh and tonnes.

    `sla` is by tier.
    """

    ticks: int
    profit_usd: float
    revenue_usd: RevenueUsd
    cost_usd: CostUsd
    day_ahead: DayAheadFigures
    power: PowerFigures
    energy_mwh: float
    emissions_t: float
    renewable_share: float
    sla: dict[str, TierFigures]


class SimulationExtras(TypedDict):
    """Figures that only a simulation has.

    Gains and credits are in USD; credits and ticks are by tier.
    """

    budget_ticks_spent: dict[str, int]
    credits: dict[str, float]
    outages: int
    refusals: int
    gains: dict[str, float | None]


def _lines() -> Ints:
    return np.zeros((1, LINE_COUNT), dtype=np.int64)


def _energy() -> Ints:
    return np.zeros((1, ENERGY_LINE_COUNT), dtype=np.int64)


def _tiers_mw() -> Floats:
    return np.zeros(TIER_COUNT)


def _tier_ticks() -> Ints:
    return np.zeros(TIER_COUNT, dtype=np.int64)


@dataclass(slots=True)
class RunTotals:
    """Totals of the ticks added so far, with money and energy as exact integers.

    A tick adds whole tables by site (S, …); sums over sites cost more and are taken once at the end.
    """

    dt_h: float
    ticks: int = 0
    outages: int = 0
    refusals: int = 0
    site_lines_micro_usd: Ints = field(default_factory=_lines)
    site_energy_wh: Ints = field(default_factory=_energy)
    site_emissions_g: Ints = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    position_mw_ticks: float = 0.0
    renewable_wh: float = 0.0
    promised_mw_ticks: Floats = field(default_factory=_tiers_mw)
    site_delivered_mw_ticks: Floats = field(default_factory=lambda: np.zeros((1, TIER_COUNT)))
    good_ticks: Ints = field(default_factory=_tier_ticks)
    bad_ticks: Ints = field(default_factory=_tier_ticks)
    planned_bad_ticks: Ints = field(default_factory=_tier_ticks)
    scheduled_off: ScheduledOffCounts = field(default_factory=ScheduledOffCounts)
    peaks: PeakCounts | None = None
    gains_before: Gains | None = None
    gains_after: Gains = field(default_factory=Gains)

    def add(self, step: Step) -> None:
        """Add one settled tick."""
        settlement, book = step.settlement, step.before.book
        self.ticks += 1
        # Not in place: the first sum takes the shape of the fleet.
        self.site_lines_micro_usd = self.site_lines_micro_usd + settlement.lines_micro_usd
        self.site_energy_wh = self.site_energy_wh + settlement.energy_wh
        self.site_emissions_g = self.site_emissions_g + settlement.emissions_g
        if settlement.position_mw is not None:
            self.position_mw_ticks += float(settlement.position_mw.sum())
        power = step.allocation.site_power_mw
        self.renewable_wh += float(power.dot(step.observation.renewable_share)) * self.dt_h * WH_PER_MWH
        self.refusals += len(step.refused)
        available, before = step.observation.availability_share, step.before.availability_share
        if available is not before:
            self.outages += int(((available == 0.0) & (before > 0.0)).sum())
        if self.gains_before is None:
            self.gains_before = step.before.gains
        self.gains_after = step.world.gains
        if len(book.contracts):
            self._add_contracts(step)

    def add_stretch(self, settled: SettledStretch) -> None:
        """Add the ticks of a stretch, to the same bits as one by one.

        None of them has an outage or a request.
        """
        first, done, book = settled.first, settled.done, settled.first.book
        self.ticks += len(settled.ticks)
        self.site_lines_micro_usd = self.site_lines_micro_usd + settled.lines_micro_usd.sum(axis=0)
        self.site_energy_wh = self.site_energy_wh + settled.energy_wh.sum(axis=0)
        self.site_emissions_g = self.site_emissions_g + settled.emissions_g.sum(axis=0)
        renewable = stacked([seen.renewable_share for seen in settled.observations])
        for renewable_mw in np.vecdot(done.site_power_mw, renewable).tolist():
            self.renewable_wh += renewable_mw * self.dt_h * WH_PER_MWH
        if self.gains_before is None:
            self.gains_before = first.gains
        self.gains_after = settled.world.gains
        if len(book.contracts):
            self._add_contracts_of(settled)

    def _add_contracts_of(self, settled: SettledStretch) -> None:
        book, done = settled.first.book, settled.done
        self.scheduled_off.add_stretch(settled)
        promised = np.tile(book.promised_mw, (len(settled.ticks), 1))
        # Sums of floats depend on their order: it is that of the ticks.
        self.promised_mw_ticks = np.add.accumulate([self.promised_mw_ticks, *promised])[-1]
        before = np.broadcast_to(self.site_delivered_mw_ticks, done.contracts_mw.shape[1:])
        self.site_delivered_mw_ticks = np.add.accumulate(np.concatenate([before[None], done.contracts_mw]))[-1]
        good = done.served.sum(axis=0)
        self.good_ticks += np.bincount(book.tier, weights=good, minlength=TIER_COUNT).astype(np.int64)
        self.bad_ticks += np.bincount(book.tier, weights=len(done.served) - good, minlength=TIER_COUNT).astype(np.int64)
        planned = done.scheduled.sum(axis=0)
        self.planned_bad_ticks += np.bincount(book.tier, weights=planned, minlength=TIER_COUNT).astype(np.int64)

    def _add_contracts(self, step: Step) -> None:
        book, report = step.before.book, step.report
        self.scheduled_off.add(step)
        self.promised_mw_ticks += book.promised_mw
        self.site_delivered_mw_ticks = self.site_delivered_mw_ticks + step.allocation.contracts_mw
        if np.count_nonzero(report.good) == len(report.good) and not np.count_nonzero(report.excluded):
            self.good_ticks += book.tier_counts
            return
        counted = ~report.excluded
        self.good_ticks += np.bincount(book.tier[report.good & counted], minlength=TIER_COUNT)
        self.bad_ticks += np.bincount(book.tier[~report.good & counted], minlength=TIER_COUNT)
        self.planned_bad_ticks += np.bincount(book.tier[step.allocation.scheduled & counted], minlength=TIER_COUNT)

    @property
    def lines_micro_usd(self) -> Ints:
        """Signed sums by `Line` (18,) [micro-USD]."""
        sums: Ints = self.site_lines_micro_usd.sum(axis=0)
        return sums

    @property
    def energy_wh(self) -> int:
        """Grid energy used [Wh]: bought and hedged, less sold."""
        wh = self.site_energy_wh.sum(axis=0)
        return int(wh[EnergyLine.BOUGHT] + wh[EnergyLine.HEDGE] + wh[EnergyLine.SOLD])

    def close(self, world: World, fleet: Fleet) -> None:
        """Add the credits of windows that ended with the last tick, and open accruals.

        The ledger would post the credits with the next tick, and the month's coincident peaks when it is over.
        """
        if self.peaks is not None and world.power is not None:
            self.peaks.note(world.power, fleet)
        accrued = open_accruals_micro_usd(world.power, fleet)
        if np.count_nonzero(accrued):
            lines = np.zeros((fleet.site_count, LINE_COUNT), dtype=np.int64)
            lines[:, Line.COINCIDENT_PEAK] = accrued
            self.site_lines_micro_usd = self.site_lines_micro_usd - lines
        if world.closed:
            lines = np.zeros((fleet.site_count, LINE_COUNT), dtype=np.int64)
            lines[:, CREDIT_LINES] = credits_due(world.closed, fleet).T
            self.site_lines_micro_usd = self.site_lines_micro_usd - lines

    def report(self) -> RunFigures:
        """Compute the figures that a backtest and a simulation share."""
        usd = self.lines_micro_usd / MICRO_USD_PER_USD
        paid_usd = 0.0 - usd  # and not -usd: nothing paid is 0.0, not -0.0
        return {
            "ticks": self.ticks,
            "profit_usd": int(self.lines_micro_usd.sum()) / MICRO_USD_PER_USD,
            "revenue_usd": {
                "mining": float(usd[Line.MINING]),
                "inference": float(usd[Line.INFERENCE]),
                "contracts": float(usd[CONTRACT_LINES].sum()),
                "sellback": float(usd[Line.SELLBACK]),
            },
            "cost_usd": {
                "energy": float(
                    paid_usd[Line.ENERGY] + paid_usd[Line.HEDGE] + paid_usd[Line.DAY_AHEAD] + paid_usd[Line.METER]
                ),
                "carbon": float(paid_usd[Line.CARBON]),
                "migration": float(paid_usd[MIGRATION_LINES].sum()),
                "restart": float(paid_usd[Line.RESTART]),
                "credits": float(paid_usd[CREDIT_LINES].sum()),
            },
            "day_ahead": self._day_ahead(),
            "power": self.power_figures(),
            "energy_mwh": self.energy_wh / WH_PER_MWH,
            "emissions_t": int(self.site_emissions_g.sum()) / G_PER_T,
            "renewable_share": self.renewable_wh / self.energy_wh if self.energy_wh else 0.0,
            "sla": {key: self._tier(index) for index, key in enumerate(TIER_KEYS)},
        }

    def extras(self) -> SimulationExtras:
        """Compute the figures that only a simulation has."""
        credits_usd = self.lines_micro_usd[CREDIT_LINES] / -MICRO_USD_PER_USD + 0.0
        return {
            "budget_ticks_spent": dict(zip(TIER_KEYS, self.planned_bad_ticks.tolist(), strict=True)),
            "credits": dict(zip(TIER_KEYS, [*credits_usd.tolist(), 0.0], strict=True)),
            "outages": self.outages,
            "refusals": self.refusals,
            "gains": dict(self.gains_usd()),
        }

    def gains_usd(self) -> dict[str, float]:
        """Compute the gains over the ticks added [USD], by name.

        The world holds running sums, so their increase over the ticks is the gain.
        """
        before, after = self.gains_before or Gains(), self.gains_after
        names = {key: f"{key}_micro_usd" for key in GAIN_KEYS}
        return {key: (getattr(after, n) - getattr(before, n)) / MICRO_USD_PER_USD for key, n in names.items()}

    def _day_ahead(self) -> DayAheadFigures:
        gain_micro_usd = int(self.lines_micro_usd[Line.DAY_AHEAD])
        return {
            "position_mwh": self.position_mw_ticks * self.dt_h,
            "gain_usd": gain_micro_usd / MICRO_USD_PER_USD,
            "profit_without_usd": (int(self.lines_micro_usd.sum()) - gain_micro_usd) / MICRO_USD_PER_USD,
        }

    def power_figures(self) -> PowerFigures:
        """Split the power bill by instrument; all but energy is zero without power terms."""
        usd = self.lines_micro_usd / MICRO_USD_PER_USD
        parts = {f"{line.name.lower()}_usd": float(usd[Line.ADDER + line]) for line in PowerLine}
        return cast(PowerFigures, {"energy_usd": float(usd[ENERGY_LINES].sum() + usd[Line.METER]), **parts})

    def _tier(self, tier: int) -> TierFigures:
        good, bad = int(self.good_ticks[tier]), int(self.bad_ticks[tier])
        # Adding 0.0 turns the -0.0 of "no credits" into 0.0.
        credit = -int(self.lines_micro_usd[Line.CREDIT_PREMIUM + tier]) / MICRO_USD_PER_USD + 0.0 if tier < 3 else 0.0
        return {
            "promised_mwh": float(self.promised_mw_ticks[tier]) * self.dt_h,
            "delivered_mwh": float(self.site_delivered_mw_ticks[:, tier].sum()) * self.dt_h,
            "availability_share": good / (good + bad) if good + bad else 1.0,
            "bad_ticks": bad,
            "credits_usd": credit,
            "stops_per_contract_day": self.scheduled_off.stops_per_contract_day(tier, self.dt_h),
            "median_rest_minutes": self.scheduled_off.median_minutes(tier, self.dt_h),
        }
