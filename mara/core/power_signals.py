"""Signals of a power system beside its price: demand, reserves, calls."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerObservation:
    """The power system in one tick, over S sites and P products of the fleet.

    Attributes:
        system_demand_mw: demand of each site's power system, NaN where it is not known (S,).
        reserve_price_usd_per_mw_h: paid for a megawatt held ready for an hour; 0 where a product is not bought (P, S).
        called_share: part of its award that a product calls in the tick (P, S).
        call_ends_tick: tick in which the call of each product ends, 0 where it has none (P,).
    """

    system_demand_mw: Floats
    reserve_price_usd_per_mw_h: Floats
    called_share: Floats
    call_ends_tick: Ints

    @property
    def is_calling(self) -> bool:
        return bool(np.count_nonzero(self.called_share))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerForecast:
    """Expected state of the power system, by the rows of a forecast.

    Attributes:
        system_demand_mw: demand of each site's power system, NaN where it is not known (H, S).
        reserve_price_usd_per_mw_h: of each product (H, P, S).
    """

    system_demand_mw: Floats
    reserve_price_usd_per_mw_h: Floats
