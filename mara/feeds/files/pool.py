"""Default machines, and a pool of machines spread over sites by capacity."""

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
"""Machines of 2025 in `Workload` order: three miners, a GPU server, an ASIC rack.

Source: Bitmain Antminer S21, 200 TH/s at 17.5 J/TH; NVIDIA DGX H100 (8 GPUs), 10.2 kW at most. Hydro miners (335 TH/s
at 16.0 J/TH) and immersion miners (300 TH/s at 13.5 J/TH) by manufacturers' nameplates. Chosen: token rates and the
inference ASIC rack, to an order of magnitude.
"""

NO_POOL_W: Final = sealed(np.zeros(WORKLOAD_COUNT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Desired mix of a site's IT power by kind of machine; None is the pool's mix.

    Attributes:
        racks_share: share of IT power in inference racks.
        gpu_share: share of the racks' power in GPU servers; the rest is ASIC racks.
        miners: relative power of air, hydro and immersion miners in the rest, in any unit (3,).
    """

    racks_share: float | None = None
    gpu_share: float | None = None
    miners: tuple[float, float, float] | None = None


def units_of_pool(
    pool_units: tuple[int, ...], machines: tuple[Machine, ...], it_capacity_mw: Floats, profiles: tuple[Profile, ...]
) -> Ints:
    """Spread the pool's machines over sites (S, K).

    Each kind is spread in proportion to capacity x the profile's share for it / power of a machine, by largest
    remainders. Totals are kept exactly; sites get about their capacity if the pool holds what the profiles ask for.

    Raises:
        ValueError: no site's profile has a share for a kind that the pool holds.
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
    """Compute the share of a site's IT power by workload (K,).

    Values that the profile leaves open are those of the pool, `pool_w` (K,).
    """
    pool_racks_w = float(pool_w[RACKS].sum())
    racks = _first_of(profile.racks_share, _ratio(pool_racks_w, float(pool_w.sum())))
    gpu = _first_of(profile.gpu_share, _ratio(float(pool_w[RACKS][0]), pool_racks_w))
    miners = np.array(pool_w[MINERS] if profile.miners is None else profile.miners, dtype=np.float64)
    return np.array([*(miners * _ratio(1.0 - racks, float(miners.sum()))), racks * gpu, racks * (1.0 - gpu)])


def _first_of(given_share: float | None, otherwise_share: float) -> float:
    return otherwise_share if given_share is None else given_share


def _ratio(part_mw: float, whole_mw: float) -> float:
    return part_mw / whole_mw if whole_mw > 0.0 else 0.0
