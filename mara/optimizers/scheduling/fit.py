"""Whether whole contracts fit onto sites at all: a contract larger than every site is nobody's to serve."""

import numpy as np

from mara.core.arrays import Floats
from mara.core.units import TOLERANCE_MW


def all_fit(power_mw: Floats, room_mw: Floats) -> bool:
    """Whether contracts (C,) are found places on sites (S,), the largest first, each where it first fits [MW]."""
    if not len(power_mw):
        return True
    if power_mw.sum() <= np.maximum(room_mw - power_mw.max(), 0.0).sum():
        return True  # whatever the order, a site refuses nobody before it is as full as that
    free: list[float] = np.sort(room_mw)[::-1].tolist()
    for power in np.sort(power_mw)[::-1].tolist():
        at = next((s for s, left in enumerate(free) if power <= left + TOLERANCE_MW), None)
        if at is None:
            return False
        free[at] -= power
    return True
