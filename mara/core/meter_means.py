"""Means of meters over a tick, and the machines that meters show standing still.

Only what was known when the tick was over counts, so that a tick is the same whenever it is computed. A reading holds
until the next of its meter, for as long as it is not stale. Model: docs/model.md#metered-sites
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from mara.core.arrays import Bools, sealed
from mara.core.fleet import MINER_COUNT, WORKLOAD_COUNT, WORKLOAD_KEYS
from mara.core.metering import Metering, Reading
from mara.core.telemetry import STALE_TICKS
from mara.core.world import RunConfig, World

STILL_SHARE: Final = 0.01
"""Share of the power of all machines up to which they stand still."""
SET_SHARE: Final = 0.05
"""Share of it from which on machines are set to run."""

MeterReadings = Mapping[tuple[str, str], Sequence[Reading]]
"""Newest readings of each site and group, by instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSpan:
    """Time of a tick, and how long a reading holds at most."""

    begins: datetime
    ends: datetime
    holds: timedelta


def span_of(tick: int, config: RunConfig) -> TickSpan:
    """Return the time of a tick on the fleet's clock."""
    grid = config.grid
    return TickSpan(
        begins=grid.at(tick), ends=grid.at(tick + 1), holds=timedelta(minutes=STALE_TICKS * grid.tick_minutes)
    )


def mean_over(
    readings: Sequence[Reading], span: TickSpan, value: Callable[[Reading], float | None] = lambda read: read.power_mw
) -> float | None:
    """Average one meter over a tick by time; None where a part of it is unknown.

    Args:
        readings: by instant; those that came after the tick, or are of after it, do not count.
        value: number of a reading, by default its power [MW]; the average has its unit.
    """
    known = [r for r in readings if r.at < span.ends and r.known_at is not None and r.known_at <= span.ends]
    total, at = 0.0, span.begins
    for n, reading in enumerate(known):
        until = min(known[n + 1].at if n + 1 < len(known) else span.ends, reading.at + span.holds)
        if until <= at:
            continue
        measured = value(reading)
        if reading.at > at or reading.quality == "bad" or measured is None:
            return None
        total += measured * (until - at).total_seconds()
        at = until
    return total / (span.ends - span.begins).total_seconds() if at >= span.ends else None


def metering_of(readings: MeterReadings, is_metered: Bools, world: World, config: RunConfig) -> Metering:
    """Sum up what meters tell when the world's next tick begins.

    Args:
        is_metered: True at sites whose meters are believed (S,).
    """
    span, fleet = span_of(world.tick - 1, config), config.fleet
    power_mw = np.full(fleet.site_count, np.nan)
    is_down = np.zeros((fleet.site_count, WORKLOAD_COUNT), dtype=np.bool_)
    for s in np.flatnonzero(is_metered | _was_metered(world, fleet.site_count)).tolist():
        site = _SiteMeters.of(readings, fleet.site_ids[s], fleet.units_count[s] > 0, span)
        power_mw[s] = np.nan if site.power_mw is None else site.power_mw
        if is_metered[s]:
            is_down[s] = _standing_still(site, s, world, config)
    return Metering(is_metered=is_metered, power_mw=sealed(power_mw), is_down=sealed(is_down))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SiteMeters:
    """Means of a site's meters; None where unknown, or where there is no such meter."""

    power_mw: float | None
    hashrate_ths: float | None
    groups_mw: tuple[float | None, ...]
    groups_ths: tuple[float | None, ...]

    @classmethod
    def of(cls, readings: MeterReadings, site_id: str, is_installed: Bools, span: TickSpan) -> "_SiteMeters":
        whole = readings.get((site_id, ""), ())
        groups = [readings.get((site_id, key), ()) for key in WORKLOAD_KEYS]
        groups_mw = tuple(mean_over(group, span) for group in groups)
        power_mw = mean_over(whole, span)
        if not whole:
            parts = [groups_mw[k] for k in np.flatnonzero(is_installed).tolist()]
            known = [part for part in parts if part is not None]
            power_mw = sum(known) if parts and len(known) == len(parts) else None
        return cls(
            power_mw=power_mw,
            hashrate_ths=mean_over(whole, span, _hashrate_ths),
            groups_mw=groups_mw,
            groups_ths=tuple(mean_over(group, span, _hashrate_ths) for group in groups),
        )

    def stands_still(self, k: int, group_mw: float, site_mw: float, *, site_says: bool) -> bool | None:
        """Say whether machines of a kind stand still; None where no meter tells.

        Args:
            group_mw, site_mw: power of all machines of the kind, and of the site.
            site_says: the site was set to run so much that its own meter shows whether it does.
        """
        if self.groups_mw[k] is not None and self.groups_mw[k] <= STILL_SHARE * group_mw:  # type: ignore[operator]
            return True
        if site_says and self.power_mw is not None and self.power_mw <= STILL_SHARE * site_mw:
            return True
        hashrate_ths = self.hashrate_ths if self.groups_ths[k] is None else self.groups_ths[k]
        if k < MINER_COUNT and hashrate_ths == 0.0:
            return True
        is_told = self.groups_mw[k] is not None or self.power_mw is not None
        return False if is_told else None


def _standing_still(site: _SiteMeters, s: int, world: World, config: RunConfig) -> Bools:
    """Find the machines of a site that stand still though set to run (K,).

    Once down they stay down until a meter shows them running: a meter that is silent says nothing.
    """
    nameplate_mw, unread = config.fleet.nameplate_mw[s], world.unread
    if unread is None or unread.observation.metering is None or not unread.observation.metering.is_metered[s]:
        return np.zeros(WORKLOAD_COUNT, dtype=np.bool_)
    was_down, set_mw = unread.observation.metering.is_down[s], unread.set_mw[s]
    down = np.zeros(WORKLOAD_COUNT, dtype=np.bool_)
    site_mw = float(nameplate_mw.sum())
    # A few racks at work draw as little as a site at rest: what is known to be down stays so, nothing falls by that.
    is_busy = float(set_mw.sum()) >= SET_SHARE * site_mw
    for k in np.flatnonzero(nameplate_mw > 0.0).tolist():
        still = site.stands_still(k, float(nameplate_mw[k]), site_mw, site_says=is_busy or bool(was_down[k]))
        was_set = bool(was_down[k]) or set_mw[k] >= SET_SHARE * nameplate_mw[k]
        down[k] = was_down[k] if still is None else still and was_set
    is_whole = bool(down[nameplate_mw > 0.0].all())
    return np.ones(WORKLOAD_COUNT, dtype=np.bool_) if is_whole else down


def _was_metered(world: World, site_count: int) -> Bools:
    unread = world.unread
    if unread is None or unread.observation.metering is None:
        return np.zeros(site_count, dtype=np.bool_)
    return unread.observation.metering.is_metered


def _hashrate_ths(reading: Reading) -> float | None:
    return reading.hashrate_ths
