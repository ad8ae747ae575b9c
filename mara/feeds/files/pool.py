"""The machines of the trade, and a global pool of them spread over sites by capacity and profile."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.fleet import MINERS, RACKS, WORKLOAD_COUNT, WORKLOAD_KEYS, Machine, distribute

DEFAULT_MACHINES: Final = (
    Machine(power_w=3_500.0, hashrate_ths=200.0),
    Machine(power_w=5_360.0, hashrate_ths=335.0),
    Machine(power_w=4_050.0, hashrate_ths=300.0),
    Machine(power_w=10_200.0, rate_tokens_per_s=12_000.0),
    Machine(power_w=15_000.0, rate_tokens_per_s=25_000.0),
)
"""A 2025 fleet, in `Workload` order: 17.5, 16.0 and 13.5 J/TH, a server of 8 H100, an inference ASIC rack.

Source: manufacturers' nameplates for the miners and the server; the ASIC rack is an order of magnitude.
"""

NO_POOL_W: Final = sealed(np.zeros(WORKLOAD_COUNT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one site would like its IT watts to be. None: as in the pool as a whole.

    Attributes:
        racks_share: of IT watts, in inference racks.
        gpu_share: of the racks' watts, in GPU servers; the rest is ASIC.
        miners: relative watts of air, hydro and immersion miners in what racks leave, in any unit (3,).
    """

    racks_share: float | None = None
    gpu_share: float | None = None
    miners: tuple[float, float, float] | None = None


def units_of_pool(
    pool_units: tuple[int, ...], machines: tuple[Machine, ...], it_capacity_mw: Floats, profiles: tuple[Profile, ...]
) -> Ints:
    """The pool's machines by site (S, K): each kind by capacity x the profile's watts for it / watts of a machine.

    Totals are conserved exactly; a site gets about its capacity where the pool holds what the profiles ask for.

    Raises:
        ValueError: a kind that no site wants.
    """
    power_w = np.array([machine.power_w for machine in machines])
    pool_w = np.array(pool_units, dtype=np.float64) * power_w
    shares = np.array([watt_shares_of(profile, pool_w) for profile in profiles])
    weights = it_capacity_mw[:, None] * shares / power_w
    units = np.zeros((len(profiles), WORKLOAD_COUNT), dtype=np.int64)
    for kind, count in enumerate(pool_units):
        try:
            units[:, kind] = distribute(count, weights[:, kind])
        except ValueError as error:
            raise ValueError(f"{WORKLOAD_KEYS[kind]}: {error}") from error
    return units


def watt_shares_of(profile: Profile, pool_w: Floats = NO_POOL_W) -> Floats:
    """Share of a site's IT watts by workload (K,); what the profile leaves open is as in the pool [W] (K,)."""
    pool_racks_w = float(pool_w[RACKS].sum())
    racks = _first_of(profile.racks_share, _ratio(pool_racks_w, float(pool_w.sum())))
    gpu = _first_of(profile.gpu_share, _ratio(float(pool_w[RACKS][0]), pool_racks_w))
    miners = np.array(pool_w[MINERS] if profile.miners is None else profile.miners, dtype=np.float64)
    return np.array([*(miners * _ratio(1.0 - racks, float(miners.sum()))), racks * gpu, racks * (1.0 - gpu)])


def _first_of(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else 0.0
