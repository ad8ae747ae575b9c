"""Terms of power beyond its price: supply, charges, batteries and grid products.

They are part of a fleet, and do not change during a run. Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from mara.core.arrays import Floats, floats, sealed

BLOCK: Final = "block"
AS_PRODUCED: Final = "as_produced"
TAKE_OR_PAY: Final = "take_or_pay"
CFD: Final = "cfd"
COLLAR: Final = "collar"
SUPPLY_KINDS: Final = (BLOCK, AS_PRODUCED, TAKE_OR_PAY, CFD, COLLAR)
PRODUCT_KINDS: Final = ("reserve", "emergency", "capacity")
MINER_RESPONSE_S: Final = 15.0
MERCHANT_RESPONSE_S: Final = 60.0
SPOT_RESPONSE_S: Final = 300.0
BATTERY_RESPONSE_S: Final = 1.0
"""Times in which load is gone, or a battery delivers.

Chosen: miners drop to a relay or a stop command, racks finish what they serve, customers of Spot are told first.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermTimes:
    """Local times of a site in which a term counts; an empty list is every one.

    Attributes:
        month_numbers: 1 to 12. weekday_numbers: 1 (Monday) to 7. hour_numbers: 0 to 23, the hour that begins then.
    """

    month_numbers: tuple[int, ...] = ()
    weekday_numbers: tuple[int, ...] = ()
    hour_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdderCharge:
    """A charge on each megawatt-hour that a site draws, on top of the price."""

    site: int
    usd_per_mwh: float
    times: TermTimes = TermTimes()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """A charge on the month's highest mean power of an interval.

    Attributes:
        ratchet_share: least billed peak as a share of the highest peak of the eleven months before.
    """

    site: int
    usd_per_mw_month: float
    interval_minutes: int
    ratchet_share: float = 0.0
    times: TermTimes = TermTimes()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoincidentPeakCharge:
    """A charge on what a site draws when its power system has the month's peaks.

    Attributes:
        usd_per_mw_year: price of the mean load at all peaks of a year.
        month_numbers: months whose peaks count, 1 to 12.
        peaks_count: peaks of each month.
    """

    site: int
    usd_per_mw_year: float
    month_numbers: tuple[int, ...]
    peaks_count: int
    interval_minutes: int

    @property
    def usd_per_mw(self) -> float:
        """Price of a megawatt at one peak [USD/MW]."""
        return self.usd_per_mw_year / (len(self.month_numbers) * self.peaks_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBattery:
    """A battery behind the meter of a site.

    Attributes:
        power_mw, energy_mwh: most that it charges or discharges, at the meter, and most that it stores.
        efficiency_in_share, efficiency_out_share: stored per charged energy, delivered per stored energy.
        wear_usd_per_mwh: cost of each megawatt-hour delivered.
        start_share, end_share: energy before the first tick, and at the end of each plan, of what it stores.
        daily_cycles_count: most energy delivered in a UTC day, in times of what it stores; 0 for no limit.
    """

    site: int
    power_mw: float
    energy_mwh: float
    efficiency_in_share: float
    efficiency_out_share: float
    wear_usd_per_mwh: float
    start_share: float = 0.5
    end_share: float = 0.5
    daily_cycles_count: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyContract:
    """Power that a site has contracted, settled beside what it draws.

    Attributes:
        kind: one of `SUPPLY_KINDS`.
        power_mw: of a block, capacity of as-produced power, or volume of a contract for difference or a collar.
        price_usd_per_mwh: price of it; the strike of a contract for difference, the ceiling of a collar.
        floor_usd_per_mwh: least price of a collar.
        energy_mwh_per_year: what a take-or-pay contract asks for in a calendar year of the site.
        sellback_spread_share: part of |price| that selling what is not used costs.
        hourly_share: part of the power by local hour of the day (24,) or of the year (8,760 or 8,784); empty is all.
    """

    site: int
    kind: str
    power_mw: float = 0.0
    price_usd_per_mwh: float = 0.0
    floor_usd_per_mwh: float = 0.0
    energy_mwh_per_year: float = 0.0
    sellback_spread_share: float = 0.0
    hourly_share: tuple[float, ...] = ()
    times: TermTimes = TermTimes()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveProduct:
    """A product that a grid pays for: power that can go when called.

    Attributes:
        kind: one of `PRODUCT_KINDS`.
        sites: index of each site at which it may be sold.
        response_s: time in which the power must be gone.
        duration_minutes: longest that it may have to stay away. notice_minutes: told so long before.
        block_mw, minimum_bid_mw: step and least size of an award at a site.
        price_usd_per_mw_h: paid for a megawatt held ready for an hour, where `price_column` is empty.
        price_column: column of the history that has the price instead.
        expected_deployment_share: part of the time that it is expected to be called.
        deployment_usd_per_mwh: paid for energy that stayed away when called.
        penalty_share: part of the month's revenue at the site that a whole failure claws back.
        penalty_usd_per_mwh: paid for energy that was called and came short.
        tests_per_year_count: tests that the operator announces; they are calls like others.
    """

    id: str
    kind: str
    sites: tuple[int, ...]
    response_s: float
    duration_minutes: int
    notice_minutes: int = 0
    block_mw: float = 0.0
    minimum_bid_mw: float = 0.0
    price_usd_per_mw_h: float = 0.0
    price_column: str = ""
    expected_deployment_share: float = 0.0
    deployment_usd_per_mwh: float = 0.0
    penalty_share: float = 0.0
    penalty_usd_per_mwh: float = 0.0
    tests_per_year_count: float = 0.0
    times: TermTimes = TermTimes()

    @property
    def duration_h(self) -> float:
        return self.duration_minutes / 60.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerTerms:
    """All terms of power beyond its price, of a fleet of S sites.

    Attributes:
        export_limit_mw: most that a connection may feed into the grid (S,).
        export_fee_usd_per_mwh: taken off the price of energy that is fed in (S,).
        batteries: at most one for a site.

    Raises:
        ValueError: a wrong shape, a limit below zero, a site twice, or two products of one id.
    """

    export_limit_mw: Floats
    export_fee_usd_per_mwh: Floats
    adders: tuple[AdderCharge, ...] = ()
    demand: tuple[DemandCharge, ...] = ()
    peaks: tuple[CoincidentPeakCharge, ...] = ()
    batteries: tuple[SiteBattery, ...] = ()
    supplies: tuple[SupplyContract, ...] = ()
    products: tuple[ReserveProduct, ...] = ()

    def __post_init__(self) -> None:
        s = len(self.export_limit_mw)
        for name in ("export_limit_mw", "export_fee_usd_per_mwh"):
            object.__setattr__(self, name, floats(getattr(self, name), (s,), name))
        if (self.export_limit_mw < 0.0).any():
            raise ValueError("export_limit_mw must not be negative")
        if len({battery.site for battery in self.batteries}) != len(self.batteries):
            raise ValueError("batteries must have at most one for a site")
        if len({product.id for product in self.products}) != len(self.products):
            raise ValueError("products must have different ids")

    @property
    def site_count(self) -> int:
        return len(self.export_limit_mw)

    @cached_property
    def battery_power_mw(self) -> Floats:
        """Power of each site's battery, 0 without one (S,)."""
        return self._of_batteries("power_mw")

    @cached_property
    def battery_energy_mwh(self) -> Floats:
        """Energy that each site's battery stores, 0 without one (S,)."""
        return self._of_batteries("energy_mwh")

    @cached_property
    def efficiency_in_share(self) -> Floats:
        """Stored per charged energy, 1 without a battery (S,)."""
        return self._of_batteries("efficiency_in_share", none=1.0)

    @cached_property
    def efficiency_out_share(self) -> Floats:
        """Delivered per stored energy, 1 without a battery (S,)."""
        return self._of_batteries("efficiency_out_share", none=1.0)

    @cached_property
    def wear_usd_per_mwh(self) -> Floats:
        """Wear of a battery's delivered energy (S,)."""
        return self._of_batteries("wear_usd_per_mwh")

    @cached_property
    def start_mwh(self) -> Floats:
        """Energy in batteries before the first tick (S,)."""
        return sealed(self._of_batteries("start_share") * self.battery_energy_mwh)

    @cached_property
    def end_mwh(self) -> Floats:
        """Energy in batteries at the end of each plan (S,)."""
        return sealed(self._of_batteries("end_share") * self.battery_energy_mwh)

    @cached_property
    def daily_limit_mwh(self) -> Floats:
        """Most that batteries deliver in a UTC day; infinite without a limit (S,)."""
        cycles = self._of_batteries("daily_cycles_count")
        return sealed(np.where(cycles > 0.0, cycles * self.battery_energy_mwh, np.inf))

    @cached_property
    def sold_at(self) -> Floats:
        """1 where a product may be sold at a site, else 0 (P, S)."""
        table = np.zeros((len(self.products), self.site_count))
        for p, product in enumerate(self.products):
            table[p, list(product.sites)] = 1.0
        return sealed(table)

    def _of_batteries(self, name: str, none: float = 0.0) -> Floats:
        values = np.full(self.site_count, none)
        for battery in self.batteries:
            values[battery.site] = getattr(battery, name)
        return sealed(values)
