"""What an outage did to the contracts of its site, in sentences."""

from collections.abc import Iterator

import numpy as np

from mara.core.arrays import Bools
from mara.core.contract import UNPLACED, Tier
from mara.core.step import Step
from mara.core.world import RunConfig


def fell(step: Step, site: int) -> bool:
    """Whether the site lost machines in this tick."""
    return bool(step.observation.availability_share[site] < step.before.availability_share[site])


def outage_text(step: Step, config: RunConfig, site: int) -> str:
    """What was lost, where its Premium went, what gave way to that, and what is off."""
    name, up = config.fleet.sites[site].name, float(step.observation.availability_share[site])
    first = f"{name} is down." if up == 0.0 else f"{name} lost {1.0 - up:.0%} of its machines."
    return " ".join((first, *_consequences(step, config, site)))


def driven_out_by(step: Step, i: int) -> int:
    """The failed site whose Premium took the place of contract `i`; `UNPLACED` where none did."""
    home = int(step.before.accounts.site[i])
    if home == UNPLACED or fell(step, home):
        return UNPLACED
    came = np.flatnonzero(_rescued(step) & (step.allocation.site == home))
    return int(step.before.accounts.site[came[0]]) if len(came) else UNPLACED


def _consequences(step: Step, config: RunConfig, site: int) -> Iterator[str]:
    book, done, was = step.before.book, step.allocation, step.before.accounts.site
    from_here, premium = was == site, book.tier == Tier.PREMIUM
    rescued = _rescued(step) & from_here
    if rescued.any():
        names = [config.fleet.sites[to].name for to in dict.fromkeys(done.site[rescued].tolist())]
        yield f"{book.power_mw[rescued].sum():.1f} MW of Premium moved to {_listed(names)} in time."
    off = step.before.accounts.served & ~done.served & ~done.scheduled & (book.tier != Tier.SPOT)
    gave_way = off & ~from_here & np.isin(was, done.site[rescued])
    if gave_way.any():
        yield f"{_counted(step, gave_way)} gave way to it."
    lost = off & from_here & premium
    if lost.any():
        yield f"{book.power_mw[lost].sum():.1f} MW of Premium {_is(lost)} off: no site can hold it whole."
    others = off & from_here & ~premium
    if others.any():
        yield f"{_counted(step, others)} {_is(others)} off until placed again."


def _rescued(step: Step) -> Bools:
    """Premium that left a site in the tick in which it failed, and ran elsewhere (C,)."""
    done, was = step.allocation, step.before.accounts.site
    lost_machines = step.observation.availability_share < step.before.availability_share
    moved = done.served & (done.site != was) & (was != UNPLACED)
    return np.asarray(moved & (step.before.book.tier == Tier.PREMIUM) & lost_machines[was])


def _counted(step: Step, which: Bools) -> str:
    count = int(np.count_nonzero(which))
    return f"{count} contract{'s' if count > 1 else ''} ({step.before.book.power_mw[which].sum():.1f} MW)"


def _is(which: Bools) -> str:
    return "are" if np.count_nonzero(which) > 1 else "is"


def _listed(names: list[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
