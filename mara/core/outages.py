"""Consequences of an outage for the contracts of its site."""

import numpy as np

from mara.core.arrays import Bools
from mara.core.contract import UNPLACED, Tier
from mara.core.event_details import SiteFailed
from mara.core.step import Step


def fell(step: Step, site: int) -> bool:
    """Say whether the site lost machines in this tick."""
    return bool(step.observation.availability_share[site] < step.before.availability_share[site])


def failure_of(step: Step, site: int) -> SiteFailed:
    """Sum up what a site lost, its rescued Premium, what gave way, and what is off."""
    book, done, was = step.before.book, step.allocation, step.before.accounts.site
    from_here, premium = was == site, book.tier == Tier.PREMIUM
    rescued = _rescued(step) & from_here
    off = step.before.accounts.served & ~done.served & ~done.scheduled & (book.tier != Tier.SPOT)
    gave_way = off & ~from_here & np.isin(was, done.site[rescued])
    lost, others = off & from_here & premium, off & from_here & ~premium
    return SiteFailed(
        up_share=float(step.observation.availability_share[site]),
        rescued_mw=float(book.power_mw[rescued].sum()),
        refuge_sites=tuple(dict.fromkeys(done.site[rescued].tolist())),
        gave_way_count=int(np.count_nonzero(gave_way)),
        gave_way_mw=float(book.power_mw[gave_way].sum()),
        premium_off_mw=float(book.power_mw[lost].sum()),
        is_several_off=int(np.count_nonzero(lost)) > 1,
        off_count=int(np.count_nonzero(others)),
        off_mw=float(book.power_mw[others].sum()),
    )


def driven_out_by(step: Step, i: int) -> int:
    """Find the failed site whose Premium took the place of contract `i`.

    `UNPLACED` where none did.
    """
    home = int(step.before.accounts.site[i])
    if home == UNPLACED or fell(step, home):
        return UNPLACED
    came = np.flatnonzero(_rescued(step) & (step.allocation.site == home))
    return int(step.before.accounts.site[came[0]]) if len(came) else UNPLACED


def _rescued(step: Step) -> Bools:
    """Premium that left a site in the tick in which it failed, and ran elsewhere (C,)."""
    done, was = step.allocation, step.before.accounts.site
    lost_machines = step.observation.availability_share < step.before.availability_share
    moved = done.served & (done.site != was) & (was != UNPLACED)
    return np.asarray(moved & (step.before.book.tier == Tier.PREMIUM) & lost_machines[was])
