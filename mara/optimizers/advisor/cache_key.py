"""What makes a new question: the inputs of a plan, rounded until only what matters to it can change them."""

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
"""Fields of an observation, and the change of each that matters."""
HASHPRICE_STEP_USD_PER_PH_DAY = 1.0
CONTRACT_STEP_MW = 1.0
HASH_LENGTH = 16  # hexadecimal digits: 64 bits


def snapshot_hash(problem: Problem) -> str:
    """Equal for two problems that ask for the same advice."""
    seen, book = problem.observation, problem.world.book
    parts = [np.rint(getattr(seen, name) / step) for name, step in STEPS]
    parts.append(np.rint(np.array([seen.hashprice_usd_per_ph_day]) / HASHPRICE_STEP_USD_PER_PH_DAY))
    parts.append(np.rint(np.asarray(book.promised_mw) / CONTRACT_STEP_MW))
    digest = sha256(problem.config.fleet.name.encode())
    for part in parts:
        digest.update((part + 0.0).tobytes())
    return digest.hexdigest()[:HASH_LENGTH]
