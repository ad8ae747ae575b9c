"""Sum power, money, weather and prices of each site over a range of ticks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Float, func, select

from mara.core.arrays import Floats, sealed
from mara.core.units import G_PER_T, MICRO_USD_PER_USD, W_PER_MW
from mara.store.read.read_model import ReadModel
from mara.store.schema.tables import AllocationRow, PriceRow, table_of

LOADS: Final = (
    *("air_miner_w", "hydro_miner_w", "immersion_miner_w", "gpu_w", "asic_w"),
    *("premium_w", "standard_w", "flexible_w", "spot_w"),
)
"""Columns of IT power, which add up to the IT power of a site."""
MEANS: Final = (
    *("energy_price_usd_per_mwh", "carbon_intensity_g_per_kwh", "renewable_share"),
    *("dry_bulb_c", "availability_share"),
)
_ALLOCATION: Final = table_of(AllocationRow).c
_PRICE: Final = table_of(PriceRow).c


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteSums:
    """Sums and plain means over the stored ticks of a range, by site (S,).

    `ticks_count` is the number of these ticks, whose raw rows are still kept.
    """

    ticks_count: int
    dt_h: float
    revenue_usd: Floats
    cost_usd: Floats
    site_energy_mwh: Floats
    it_energy_mwh: Floats
    emissions_t: Floats
    energy_price_usd_per_mwh: Floats
    carbon_intensity_g_per_kwh: Floats
    renewable_share: Floats
    dry_bulb_c: Floats
    availability_share: Floats

    @property
    def profit_usd(self) -> Floats:
        return self.revenue_usd - self.cost_usd

    @property
    def hours(self) -> float:
        """Length of the stored ticks [h]."""
        return self.ticks_count * self.dt_h


def site_sums(read_model: ReadModel, first_tick: int, end_tick: int) -> SiteSums | None:
    """Sum the ticks ``[first_tick, end_tick)``; None where none of their rows is kept."""
    dt_h = read_model.run().config.grid.dt_h
    load: ColumnElement[int] = sum((_ALLOCATION[name] for name in LOADS[1:]), start=_ALLOCATION[LOADS[0]])
    sums = [
        *(func.sum(_ALLOCATION[name]) for name in ("revenue_micro_usd", "cost_micro_usd", "site_power_w")),
        *(func.sum(load), func.sum(_ALLOCATION.emissions_g)),
    ]
    done = select(func.count(), *sums).where(_ALLOCATION.tick >= first_tick, _ALLOCATION.tick < end_tick)
    found = read_model.ask(done.group_by(_ALLOCATION.site).order_by(_ALLOCATION.site))
    if not found:
        return None
    means = [func.avg(_PRICE[name], type_=Float) for name in MEANS]
    seen = select(*means).where(_PRICE.tick >= first_tick, _PRICE.tick < end_tick)
    rows = read_model.ask(seen.group_by(_PRICE.site).order_by(_PRICE.site))
    table = np.array([[float(value) for value in row] for row in found])
    mean = np.array([[float(value) for value in row] for row in rows])
    return SiteSums(
        ticks_count=int(table[0, 0]),
        dt_h=dt_h,
        revenue_usd=sealed(table[:, 1] / MICRO_USD_PER_USD),
        cost_usd=sealed(table[:, 2] / MICRO_USD_PER_USD),
        site_energy_mwh=sealed(table[:, 3] / W_PER_MW * dt_h),
        it_energy_mwh=sealed(table[:, 4] / W_PER_MW * dt_h),
        emissions_t=sealed(table[:, 5] / G_PER_T),
        energy_price_usd_per_mwh=sealed(mean[:, 0]),
        carbon_intensity_g_per_kwh=sealed(mean[:, 1]),
        renewable_share=sealed(mean[:, 2]),
        dry_bulb_c=sealed(mean[:, 3]),
        availability_share=sealed(mean[:, 4]),
    )
