"""A schedule over a horizon, decided by a solver, by rules or by a run."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.fleet import Workload
from mara.optimizers.lp.case import LpCase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """Decisions over H steps [MW].

    Purchases, moves, starts and breaches follow from them.

    Attributes:
        miners_mw (H, S, 3), merchant_mw (H, R, S, 2), contracts_mw (H, S, G).
        shed_mw: contracts scheduled off inside their budgets (H, 3).
        rested_mw: unserved contracts by the site that they keep their place at (H, S, 3).
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    shed_mw: Floats
    rested_mw: Floats

    @property
    def it_power_mw(self) -> Floats:
        """Own-account load by workload, all origins together (H, S, K)."""
        return np.concatenate([self.miners_mw, self.merchant_mw.sum(axis=1)], axis=2)


def net_site_mw(schedule: Schedule, case: LpCase) -> Floats:
    """Return each site's power beyond its hedge (H, S) [MW].

    Bought where positive, sold back where negative.
    """
    own = (schedule.it_power_mw * case.pue).sum(axis=2)
    contracts = schedule.contracts_mw.sum(axis=2) * case.pue[:, :, Workload.GPU]
    return np.asarray(own + contracts - case.hedge_mw)
