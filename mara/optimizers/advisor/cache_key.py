"""Key under which advice is cached: a hash of a plan's rounded inputs.

Inputs are rounded so coarsely that only a change which matters to the advice gives a new key.
"""

from hashlib import sha256

import numpy as np

from mara.core.plan import Problem

STEPS = (
    ("energy_price_usd_per_mwh", 5.0),
    ("carbon_intensity_g_per_kwh", 25.0),
    ("dry_bulb_c", 2.0),
    ("wet_bulb_c", 2.0),
    ("availability_share", 0.05),
    ("demand_multiplier_share", 0.1),
)
"""Fields of an observation, and the step to which each is rounded.

Steps are in the unit of the field's name. Chosen.
"""
HASHPRICE_STEP_USD_PER_PH_DAY = 1.0
"""Step to which the hashprice is rounded. Chosen."""
CONTRACT_STEP_MW = 1.0
"""Step to which the promised power of each tier is rounded. Chosen."""
HASH_LENGTH = 16
"""Hexadecimal digits of a key, which make 64 bits."""


def snapshot_hash(problem: Problem) -> str:
    """Hash a problem; problems that ask for the same advice have the same hash."""
    seen, book = problem.observation, problem.world.book
    parts = [np.rint(getattr(seen, name) / step) for name, step in STEPS]
    parts.append(np.rint(np.array([seen.hashprice_usd_per_ph_day]) / HASHPRICE_STEP_USD_PER_PH_DAY))
    parts.append(np.rint(np.asarray(book.promised_mw) / CONTRACT_STEP_MW))
    digest = sha256(problem.config.fleet.name.encode())
    for part in parts:
        # Adding zero makes -0.0 the same bytes as 0.0.
        digest.update((part + 0.0).tobytes())
    return digest.hexdigest()[:HASH_LENGTH]
