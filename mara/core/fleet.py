"""Sites, machines and the fleet, whose arrays run over its sites.

They do not change during a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from mara.core.arrays import LATER, Floats, Ints, floats, ints, sealed
from mara.core.power_terms import PowerTerms
from mara.core.units import SECONDS_PER_HOUR, W_PER_MW
from mara.errors import CommandError

MOST_NAMED: Final = 20
"""Most sites that an error message lists."""
MOST_COMPARED: Final = 20
"""Most sites of a fleet whose ticks are compared with the last.

It spares a tenth of the time at ten sites and nothing at twenty; at thirty it costs 2 %, at a hundred 25 %.
"""


class Workload(IntEnum):
    """Kinds of load, the columns of every (S, K) array."""

    AIR_MINER = 0
    HYDRO_MINER = 1
    IMMERSION_MINER = 2
    GPU = 3
    ASIC = 4


MINERS: Final = slice(0, 3)
RACKS: Final = slice(3, 5)
"""Columns of the inference racks, GPU and ASIC pooled.

Contracts and merchant inference run on them.
"""
MINER_COUNT: Final = 3
RACK_KIND_COUNT: Final = 2
WORKLOAD_COUNT: Final = 5
WORKLOAD_KEYS: Final = tuple(w.name.lower() for w in Workload)


class Cooling(StrEnum):
    """Cooling of a site's inference racks. Miners bring their own."""

    FREE_AIR = "free_air"
    AIR = "air"
    EVAPORATIVE = "evaporative"
    HYDRO = "hydro"
    IMMERSION = "immersion"
    MECHANICAL = "mechanical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A kind of machine: miners have a hash rate, inference machines a token rate.

    The token rate is the sustained one; a machine's other rate is 0.
    """

    power_w: float
    hashrate_ths: float = 0.0
    rate_tokens_per_s: float = 0.0

    @property
    def efficiency_j_per_th(self) -> float:
        """Joules per terahash [J/TH]; only miners have an efficiency."""
        return self.power_w / self.hashrate_ths

    @property
    def tokens_per_mwh(self) -> float:
        """Tokens made by one IT megawatt-hour [tokens/MWh]."""
        return self.rate_tokens_per_s * SECONDS_PER_HOUR * W_PER_MW / self.power_w


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A data-centre site.

    `climate` and `market` hold what the synthetic feed needs, keyed by name; others ignore them.
    """

    id: str
    name: str
    country: str
    lat_deg: float
    lon_deg: float
    timezone: str
    price_zone: str
    cooling: Cooling
    climate: dict[str, float] = field(default_factory=dict)
    market: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fleet:
    """All sites of an operator: limits, hedges and inventory.

    Attributes:
        machines: kind of machine of each workload, in `Workload` order (K,).
        units_count: number of machines installed (S, K).
        grid_limit_mw: most site power that the grid connection can deliver (S,).
        hedge_mw: constant power bought ahead, paid whether used or not (S,).
        hedge_price_usd_per_mwh: price of that power (S,).
        power: charges, batteries, supply and grid products; None where power has a price alone.

    Raises:
        ValueError: no site, a wrong number of machine kinds, negative numbers, duplicate site ids, or a hedge above the
            grid limit.
    """

    name: str
    sites: tuple[Site, ...]
    machines: tuple[Machine, ...]
    units_count: Ints
    grid_limit_mw: Floats
    hedge_mw: Floats
    hedge_price_usd_per_mwh: Floats
    power: PowerTerms | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        s = len(self.sites)
        put = object.__setattr__
        put(self, "units_count", ints(self.units_count, (s, WORKLOAD_COUNT), "units_count"))
        for name in ("grid_limit_mw", "hedge_mw", "hedge_price_usd_per_mwh"):
            put(self, name, floats(getattr(self, name), (s,), name))
        if s == 0:
            raise ValueError("a fleet needs at least one site")
        if len(set(self.site_ids)) != s:
            raise ValueError("site ids must be unique")
        if len(self.machines) != WORKLOAD_COUNT:
            raise ValueError(f"a fleet needs {WORKLOAD_COUNT} machine kinds, got {len(self.machines)}")
        if (self.units_count < 0).any() or (self.grid_limit_mw < 0).any() or (self.hedge_mw < 0).any():
            raise ValueError("units, grid limits and hedges must not be negative")
        if (self.hedge_mw > self.grid_limit_mw).any():
            raise ValueError("hedge_mw must not exceed grid_limit_mw")
        if self.power is not None and self.power.site_count != s:
            raise ValueError(f"power terms must be of {s} sites, got {self.power.site_count}")

    @property
    def site_count(self) -> int:
        return len(self.sites)

    @cached_property
    def is_small(self) -> bool:
        """True for few sites, whose ticks may repeat the last.

        Of many sites some always change.
        """
        return self.site_count <= MOST_COMPARED

    @cached_property
    def site_ids(self) -> tuple[str, ...]:
        return tuple(site.id for site in self.sites)

    @cached_property
    def is_unhedged(self) -> bool:
        """Return whether no site has bought power ahead."""
        return not self.hedge_mw.any()

    @cached_property
    def unit_power_mw(self) -> Floats:
        """Power of one machine (K,) [MW]."""
        return sealed(np.array([m.power_w for m in self.machines]) / W_PER_MW)

    @cached_property
    def nameplate_mw(self) -> Floats:
        """Installed IT power (S, K) [MW]."""
        return sealed(self.units_count * self.unit_power_mw)

    @cached_property
    def racks_mw(self) -> Floats:
        """Installed inference racks, GPU and ASIC together (S,) [MW]."""
        return sealed(self.nameplate_mw[:, RACKS].sum(axis=1))

    @cached_property
    def efficiency_j_per_th(self) -> Floats:
        """Efficiency of the three miner kinds (3,) [J/TH]."""
        return sealed(np.array([m.efficiency_j_per_th for m in self.machines[MINERS]]))

    @cached_property
    def tokens_per_mwh(self) -> Floats:
        """Tokens made by an IT megawatt-hour of GPU and ASIC (2,) [tokens/MWh]."""
        return sealed(np.array([m.tokens_per_mwh for m in self.machines[RACKS]]))

    @cached_property
    def token_capacity_per_h(self) -> float:
        """Tokens that all racks together can make in an hour [tokens/h]."""
        return float((self.nameplate_mw[:, RACKS] * self.tokens_per_mwh).sum())


def distribute(pool_count: int, weight_ratio: Floats) -> Ints:
    """Split a whole number of machines by weights (S,), exactly.

    Largest remainders (Hamilton's method), ties to the earlier site. Source:
    https://christophertkenny.com/apportion/reference/app_hamilton_vinton.html

    Raises:
        ValueError: a negative weight or pool, or a pool with nothing but zero weights.
    """
    if pool_count < 0 or (weight_ratio < 0).any():
        raise ValueError("pool and weights must not be negative")
    total = float(weight_ratio.sum())
    if total == 0.0:
        if pool_count:
            raise ValueError(f"no site takes any of {pool_count} units: give at least one a weight")
        return np.zeros(len(weight_ratio), dtype=np.int64)
    exact = weight_ratio * (pool_count / total)
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: pool_count - int(whole.sum())]] += 1
    return whole


class Named(Protocol):
    """Anything with a unique id, and a name that need not be unique."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


def site_index(sites: Sequence[Named], named: str) -> int:
    """Find the index of a site by its id or name, ignoring case.

    Raises:
        CommandError: no site has that id or name, or several have the name.
    """
    wanted = named.strip().casefold()
    exact = [i for i, site in enumerate(sites) if site.id == named]
    by_id = exact or [i for i, site in enumerate(sites) if site.id.casefold() == wanted]
    found = by_id or [i for i, site in enumerate(sites) if site.name.casefold() == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        same = ", ".join(sites[i].id for i in found[:MOST_NAMED])
        raise CommandError(f"{len(found)} sites are called {named!r}: name one by its id, {same}")
    more = ", …" if len(sites) > MOST_NAMED else ""
    known = ", ".join(site.id for site in sites[:MOST_NAMED])
    raise CommandError(f"no site {named!r}: ask for one of {known}{more}, by id or by name")


def machines_of(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """List the kinds of machines at each site."""
    return {
        site_id: tuple(key for key, count in zip(WORKLOAD_KEYS, counts, strict=True) if count)
        for site_id, counts in zip(fleet.site_ids, fleet.units_count.tolist(), strict=True)
    }
