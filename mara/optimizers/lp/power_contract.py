"""Terms of power beyond its price: charges, battery, feeding in, products.

Model: docs/model.md#the-power-contract
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.power_state import PowerState
from mara.core.power_terms import (
    BATTERY_RESPONSE_S,
    MERCHANT_RESPONSE_S,
    MINER_RESPONSE_S,
    SPOT_RESPONSE_S,
    PowerTerms,
)
from mara.errors import PlanRejected
from mara.optimizers.flexibility.contracted_supply import SupplyVolumes
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.flexibility.expected_terms import ExpectedTerms

ANY_SIGN: Final = frozenset(
    {"export_fee_usd_per_mwh", "adder_usd_per_mwh", "price_usd_per_mw_h", "deployment_usd_per_mwh"}
)

OVER_STEPS: Final = frozenset({"adder_usd_per_mwh", "counts", "price_usd_per_mw_h", "volume_mw", "unused_usd_per_mwh"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyCycles:
    """Limits of what N batteries deliver in a UTC day.

    Attributes:
        site: site of each (N,). limit_mwh: most in a day (N,). delivered_mwh: in the day so far (N,).
        begins_day: steps that begin another day (H,).
    """

    site: Ints
    limit_mwh: Floats
    delivered_mwh: Floats
    begins_day: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batteries:
    """One battery behind the meter of each of S sites; a site without one has power 0.

    Attributes:
        power_mw, energy_mwh: most that it charges or discharges, at the meter, and most that it stores (S,).
        efficiency_in_share, efficiency_out_share: stored per charged energy, delivered per stored energy (S,).
        wear_usd_per_mwh: cost of each megawatt-hour delivered (S,).
        start_mwh: stored before the first step (S,).
        end_mwh: to be stored after the last step (S,); None where that is free.
        cycles: limits of what is delivered in a day.
    """

    power_mw: Floats
    energy_mwh: Floats
    efficiency_in_share: Floats
    efficiency_out_share: Floats
    wear_usd_per_mwh: Floats
    start_mwh: Floats
    end_mwh: Floats | None
    cycles: DailyCycles | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridProduct:
    """A reserve that a grid pays for: power that can go, and stay away for a while.

    Attributes:
        price_usd_per_mw_h: paid for a megawatt held ready for an hour (H, S).
        duration_h: longest that it may have to stay away.
        expected_deployment_share: part of the time that it is expected to be called.
        deployment_usd_per_mwh: paid for energy that stayed away when called.
        block_mw, minimum_bid_mw: step and least size of an award at a site; the program sells any part, and what is
            read from it is rounded down.
        takes_miners, takes_merchant, takes_spot, takes_batteries: whether each goes as quickly as the product asks.
    """

    id: str
    price_usd_per_mw_h: Floats
    duration_h: float
    expected_deployment_share: float
    deployment_usd_per_mwh: float
    block_mw: float = 0.0
    minimum_bid_mw: float = 0.0
    takes_miners: bool = True
    takes_merchant: bool = True
    takes_spot: bool = True
    takes_batteries: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerContract:
    """All terms of power beyond its price, over H steps and S sites.

    Attributes:
        export_limit_mw: most that a connection may feed into the grid (S,).
        export_fee_usd_per_mwh: taken off the price of energy that is fed in (S,).
        adder_usd_per_mwh: paid on top of the price for energy that is drawn (H, S).
        supply: contracted power that costs something where it is not drawn.
    """

    export_limit_mw: Floats
    export_fee_usd_per_mwh: Floats
    adder_usd_per_mwh: Floats
    demand_charge: DemandCharges | None = None
    supply: SupplyVolumes | None = None
    battery: Batteries | None = None
    products: tuple[GridProduct, ...] = ()

    @property
    def battery_sites(self) -> Ints:
        """Sites with a battery that can do something (B,)."""
        if self.battery is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero((self.battery.power_mw > 0.0) & (self.battery.energy_mwh > 0.0))

    @property
    def feeding_sites(self) -> Ints:
        """Indices of the sites that can feed into the grid (F,).

        They have a battery, and a limit of feeding above zero.
        """
        sites = self.battery_sites
        return sites[self.export_limit_mw[sites] > 0.0]

    @property
    def billed(self) -> Ints:
        """Indices of the demand charges whose peak costs something (B,)."""
        if self.demand_charge is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self.demand_charge.usd_per_mw > 0.0)


def contract_of_run(
    terms: PowerTerms, expected: ExpectedTerms, state: PowerState, grid_limit_mw: Floats
) -> PowerContract:
    """Make the contract of a run's horizon from its terms.

    An expected coincident peak is an adder: its cost is linear in what is drawn.

    Args:
        grid_limit_mw: most that each site may draw (S,).
    """
    charge = expected.demand
    charge = replace(charge, peak_so_far_mw=np.minimum(charge.peak_so_far_mw, grid_limit_mw[charge.site]))
    battery = Batteries(
        power_mw=terms.battery_power_mw,
        energy_mwh=terms.battery_energy_mwh,
        efficiency_in_share=terms.efficiency_in_share,
        efficiency_out_share=terms.efficiency_out_share,
        wear_usd_per_mwh=terms.wear_usd_per_mwh,
        start_mwh=state.stored_mwh,
        end_mwh=terms.end_mwh,
        cycles=_cycles_of(terms, expected.begins_day, state),
    )
    return PowerContract(
        export_limit_mw=terms.export_limit_mw,
        export_fee_usd_per_mwh=terms.export_fee_usd_per_mwh,
        adder_usd_per_mwh=expected.adder_usd_per_mwh + expected.peak_usd_per_mwh + expected.take_or_pay_usd_per_mwh,
        demand_charge=charge if terms.demand else None,
        supply=expected.supply,
        battery=battery if terms.batteries else None,
        products=tuple(
            GridProduct(
                id=product.id,
                price_usd_per_mw_h=expected.reserve_price_usd_per_mw_h[:, p],
                duration_h=product.duration_h,
                expected_deployment_share=product.expected_deployment_share,
                deployment_usd_per_mwh=product.deployment_usd_per_mwh,
                block_mw=product.block_mw,
                minimum_bid_mw=product.minimum_bid_mw,
                takes_miners=product.response_s >= MINER_RESPONSE_S,
                takes_merchant=product.response_s >= MERCHANT_RESPONSE_S,
                takes_spot=product.response_s >= SPOT_RESPONSE_S,
                takes_batteries=product.response_s >= BATTERY_RESPONSE_S,
            )
            for p, product in enumerate(terms.products)
        ),
    )


def _cycles_of(terms: PowerTerms, begins_day: Bools, state: PowerState) -> DailyCycles | None:
    """Limit what batteries deliver in a day, where something does."""
    site = np.flatnonzero(np.isfinite(terms.daily_limit_mwh))
    if not len(site):
        return None
    so_far = np.zeros(len(site)) if begins_day[0] else np.minimum(state.delivered_mwh, terms.daily_limit_mwh)[site]
    return DailyCycles(site=site, limit_mwh=terms.daily_limit_mwh[site], delivered_mwh=so_far, begins_day=begins_day)


def at_sites(contract: PowerContract, sites: Ints) -> PowerContract:
    """Restrict a contract to some sites, by their indices (s,)."""
    charge, battery = contract.demand_charge, contract.battery
    return PowerContract(
        export_limit_mw=contract.export_limit_mw[sites],
        export_fee_usd_per_mwh=contract.export_fee_usd_per_mwh[sites],
        adder_usd_per_mwh=contract.adder_usd_per_mwh[:, sites],
        demand_charge=charge and _charges_at(charge, sites),
        supply=contract.supply and _supply_at(contract.supply, sites),
        battery=battery
        and Batteries(
            power_mw=battery.power_mw[sites],
            energy_mwh=battery.energy_mwh[sites],
            efficiency_in_share=battery.efficiency_in_share[sites],
            efficiency_out_share=battery.efficiency_out_share[sites],
            wear_usd_per_mwh=battery.wear_usd_per_mwh[sites],
            start_mwh=battery.start_mwh[sites],
            end_mwh=None if battery.end_mwh is None else battery.end_mwh[sites],
            cycles=battery.cycles and _cycles_at(battery.cycles, sites),
        ),
        products=tuple(
            replace(product, price_usd_per_mw_h=product.price_usd_per_mw_h[:, sites]) for product in contract.products
        ),
    )


def _cycles_at(cycles: DailyCycles, sites: Ints) -> DailyCycles:
    """Restrict limits of cycles to some sites, ascending."""
    own = np.isin(cycles.site, sites)
    return DailyCycles(
        site=np.searchsorted(sites, cycles.site[own]),
        limit_mwh=cycles.limit_mwh[own],
        delivered_mwh=cycles.delivered_mwh[own],
        begins_day=cycles.begins_day,
    )


def _charges_at(charge: DemandCharges, sites: Ints) -> DemandCharges:
    """Restrict demand charges to some sites, ascending."""
    own = np.isin(charge.site, sites)
    return DemandCharges(
        site=np.searchsorted(sites, charge.site[own]),
        usd_per_mw=charge.usd_per_mw[own],
        peak_so_far_mw=charge.peak_so_far_mw[own],
        counts=charge.counts[:, own],
    )


def _supply_at(supply: SupplyVolumes, sites: Ints) -> SupplyVolumes:
    """Restrict contracted power to some sites, ascending."""
    own = np.isin(supply.site, sites)
    return SupplyVolumes(
        site=np.searchsorted(sites, supply.site[own]),
        volume_mw=supply.volume_mw[:, own],
        unused_usd_per_mwh=supply.unused_usd_per_mwh[:, own],
    )


def check_terms(contract: PowerContract, steps: int, sites: int) -> None:
    """Refuse terms that no program can be built of.

    Raises:
        PlanRejected: a wrong shape, NaN, infinity, a number out of its range, more stored than fits, or two products
            of one id; the message names the field.
    """
    parts: list[tuple[str, object]] = [("", contract), ("demand_charge.", contract.demand_charge)]
    parts += [("battery.", contract.battery), ("supply.", contract.supply)]
    parts.append(("battery.cycles.", contract.battery and contract.battery.cycles))
    parts += [(f"products[{i}].", product) for i, product in enumerate(contract.products)]
    for place, part in parts:
        for field in fields(part) if part is not None else ():  # type: ignore[arg-type]
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                both = field.name in OVER_STEPS
                each = len(part.site) if isinstance(part, DemandCharges | SupplyVolumes | DailyCycles) else sites
                shape = (steps, each) if both else (steps if field.name == "begins_day" else each,)
                _check_shape(place + field.name, value, shape)
            if isinstance(value, np.ndarray | float):
                _check_range(place + field.name, field.name, np.asarray(value, dtype=np.float64))
    ids = [product.id for product in contract.products]
    if len(set(ids)) != len(ids):
        raise PlanRejected("products must have different ids, got one of them twice")
    if contract.battery is not None:
        _check_stored(contract.battery)


def _check_shape(place: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise PlanRejected(f"{place} must have shape {shape}, got {array.shape}")


def _check_range(place: str, name: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise PlanRejected(f"{place} must be finite numbers, got NaN or infinity")
    least, most = array.min(initial=np.inf), array.max(initial=-np.inf)
    if name not in ANY_SIGN and least < 0.0:
        raise PlanRejected(f"{place} must not be negative, got {least:g}")
    if name.endswith("_share") and most > 1.0:
        raise PlanRejected(f"{place} must be at most 1, got {most:g}: a share, not percent")
    if (name.startswith("efficiency") or name == "duration_h") and least <= 0.0:
        raise PlanRejected(f"{place} must be positive, got {least:g}")


def _check_stored(battery: Batteries) -> None:
    for name in ("start_mwh", "end_mwh"):
        stored = getattr(battery, name)
        over = [] if stored is None else np.flatnonzero(stored > battery.energy_mwh).tolist()
        if over:
            raise PlanRejected(
                f"battery.{name} must not exceed energy_mwh, got {stored[over[0]]:g} over "
                f"{battery.energy_mwh[over[0]]:g} MWh at site {over[0]}"
            )
