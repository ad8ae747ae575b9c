"""How much Premium has no reserve however contracts are placed: the one site of a fleet has nobody to fail over to."""

import numpy as np

from mara.core.arrays import Floats


def least_unbacked_mw(room_mw: Floats, premium_mw: Floats, standard_mw: Floats) -> Floats:
    """The least by which the N+1 rows of each step must give way for all Premium and Standard to run (H,) [MW].

    With everything free held as reserve, ``R = rooms - premium - standard`` in all, the row of a site reads
    ``room - standard there <= R + slack``: Standard belongs where rooms are largest, which levels them like water. A
    program without this slack would rather breach Premium, and sell racks as free that Premium then takes.

    Args:
        room_mw: contract load that each site can carry (H, S).
        premium_mw, standard_mw: promised in each step (H,).
    """
    free = np.maximum(room_mw.sum(axis=1) - premium_mw - standard_mw, 0.0)
    largest_first = -np.sort(-room_mw, axis=1)
    counts = np.arange(1, room_mw.shape[1] + 1)
    level = ((largest_first.cumsum(axis=1) - standard_mw[:, None]) / counts).max(axis=1)
    return np.asarray(np.maximum(level - free, 0.0))
