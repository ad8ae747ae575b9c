"""N+1 reserve: racks held free for the Premium of any one site that fails."""

from collections.abc import Sequence

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import Tier
from mara.optimizers.scheduling.tick_tables import TickTables


def reserve_for_premium(contracts_mw: Sequence[Sequence[float]], tables: TickTables) -> Floats:
    """Hold racks for the Premium of any one failing site (S,) [MW].

    No more than that is held, at the sites with the dearest power, whose racks are least useful otherwise.
    Flexible, Spot and merchant inference may run on them meanwhile. The reserve is sized in megawatts, so that a large
    contract may still find no single site to go to, and a second failure finds nothing.

    Args:
        contracts_mw: contract load by site and tier (S, G).
    """
    room = tables.room_mw
    reserve = [0.0] * len(room)
    held, most = 0.0, max([by_tier[Tier.PREMIUM] for by_tier in contracts_mw])
    for site in tables.dearest:
        if held >= most:
            break
        premium = contracts_mw[site][Tier.PREMIUM]
        reserve[site] = max(room[site] - premium - contracts_mw[site][Tier.STANDARD], 0.0)
        held += reserve[site]
        # The site itself does not help its own Premium.
        most = max(most, reserve[site] + premium)
        if held > most:
            spare = min(held - most, reserve[site])
            reserve[site] -= spare
            held -= spare
    return np.array(reserve)


def least_unbacked_mw(room_mw: Floats, premium_mw: Floats, standard_mw: Floats) -> Floats:
    """Find the least slack of the N+1 rows (H,) [MW].

    With this slack all Premium and Standard can run.

    If all free racks are reserve, ``R = rooms - premium - standard`` in total, the row of a site reads ``room -
    standard there <= R + slack``: Standard goes where rooms are largest, which levels what they have left. Without
    this slack a program would breach Premium, and sell racks as free that Premium then takes.

    Closed form by water filling: docs/model.md#5-the-linear-program (row any_one_site); decision 0107.

    Args:
        room_mw: contract load that each site can carry (H, S).
        premium_mw, standard_mw: promised in each step (H,).
    """
    free = np.maximum(room_mw.sum(axis=1) - premium_mw - standard_mw, 0.0)
    largest_first = -np.sort(-room_mw, axis=1)
    counts = np.arange(1, room_mw.shape[1] + 1)
    level = ((largest_first.cumsum(axis=1) - standard_mw[:, None]) / counts).max(axis=1)
    return np.asarray(np.maximum(level - free, 0.0))
