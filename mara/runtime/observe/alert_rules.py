"""Alerts on published states, compared with the plan's intentions.

An error budget spent on purpose raises no alert, nor does a replay that reaches the end of its history. Alerts about
Premium, sites, feeds and the engine come first. Premium counts bad ticks, because its budget is only a few ticks and
a rate would say nothing; Standard and Flexible use burn rates over two windows, of unplanned ticks only. Source:
Google SRE workbook, chapter 5, with windows and factors for our budgets.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mara.core.contract import TARGET_PPM, TIER_KEYS
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.units import MINUTES_PER_HOUR, PPM, SECONDS_PER_MINUTE
from mara.runtime.published_state import EngineState, PublishedState

PREMIUM_BAD_IN_AN_HOUR: Final = 2
PREMIUM_BUDGET_USED: Final = 4
BURN_RULES: Final = {"standard": ((14.4, 1), (6.0, 6)), "flexible": ((6.0, 1), (3.0, 6))}
"""Burn rates and the hours that each is measured over.

Flexible's burn rate is at most 10, so that 14.4 could never be reached.
"""
LONGEST_WINDOW_H: Final = 6
_MOST_SEEN: Final = LONGEST_WINDOW_H * MINUTES_PER_HOUR + 1
"""Ticks remembered of each contract: the longest window at 1-minute ticks."""
SEVERAL_SITES: Final = 2
"""Number of sites down at once that is an alert of its own."""
_WORRYING: Final = frozenset({EngineState.DEGRADED, EngineState.HALTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A condition that needs an operator's attention, or the end of one."""

    kind: str
    """State, premium, site, sites, feed, promise, burn_rate, metered or telemetry."""
    severity: str
    """One of critical, warning, resolved."""
    subject: str
    text: str
    tick: int


@dataclass(slots=True)
class _Seen:
    """Observed bad ticks of a contract in its present window."""

    bad_ticks: int
    unplanned: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_MOST_SEEN))
    """Tick, and the count of unplanned bad ticks up to it."""
    unplanned_ticks: int = 0

    def see(self, contract: ContractSnapshot, tick: int) -> None:
        """Count the bad ticks since the last call."""
        if contract.bad_ticks < self.bad_ticks:  # a new measurement window
            self.unplanned.clear()
            self.unplanned_ticks = self.bad_ticks = 0
        if contract.is_stranded:
            self.unplanned_ticks += contract.bad_ticks - self.bad_ticks
        self.bad_ticks = contract.bad_ticks
        self.unplanned.append((tick, self.unplanned_ticks))

    def unplanned_within(self, ticks: int) -> int:
        """Count the unplanned bad ticks among the last `ticks`."""
        newest = self.unplanned[-1]
        before = next((bad for tick, bad in self.unplanned if tick >= newest[0] - ticks), newest[1])
        return newest[1] - before


class AlertRules:
    """Compares each published state with the one before.

    Each alert is reported once when it begins, and once when it ends.
    """

    def __init__(self) -> None:
        self._state = EngineState.STARTING
        self._open: dict[tuple[str, str], Alert] = {}
        self._seen: dict[str, _Seen] = {}
        self._tick = -1

    def alerts(self, current: PublishedState) -> tuple[Alert, ...]:
        """List the alerts that began or ended since the last call."""
        snapshot = current.snapshot
        tick = snapshot.tick if snapshot is not None else 0
        found = list(self._state_alerts(current, tick))
        if snapshot is not None and snapshot.tick != self._tick and current.state is not EngineState.FINISHED:
            self._tick = snapshot.tick
            found += self._fleet_alerts(snapshot)
        return tuple(found)

    def _state_alerts(self, current: PublishedState, tick: int) -> list[Alert]:
        before, self._state = self._state, current.state
        if before is current.state:
            return []
        if current.state in _WORRYING:
            severity = "critical" if current.state is EngineState.HALTED else "warning"
            return [_state_alert(severity, f"the engine is {current.state}: {current.reason}", tick)]
        return [_state_alert("resolved", f"the engine is {current.state} again", tick)] if before in _WORRYING else []

    def _fleet_alerts(self, snapshot: Snapshot) -> list[Alert]:
        """List the alerts that began or ended with this snapshot.

        The worst come first.
        """
        self._look_at(snapshot)
        found = [
            *_premium(snapshot, self._seen),
            *_sites(snapshot),
            *_feeds(snapshot),
            *_promises(snapshot, self._seen),
            *_metered(snapshot),
        ]
        now = {(alert.kind, alert.subject): alert for alert in found}
        new = [alert for key, alert in now.items() if key not in self._open]
        over = [
            Alert(kind=was.kind, severity="resolved", subject=was.subject, text=f"over: {was.text}", tick=snapshot.tick)
            for key, was in self._open.items()
            if key not in now
        ]
        self._open = {key: self._open.get(key, alert) for key, alert in now.items()}
        return new + over

    def _look_at(self, snapshot: Snapshot) -> None:
        """Count the tick of each live contract, and drop contracts that have ended."""
        seen: dict[str, _Seen] = {}
        for contract in snapshot.contracts:
            kept = self._seen.get(contract.id)
            if kept is None:
                kept = _Seen(contract.bad_ticks)
            kept.see(contract, snapshot.tick)
            seen[contract.id] = kept
        self._seen = seen


def _state_alert(severity: str, text: str, tick: int) -> Alert:
    return Alert(kind="state", severity=severity, subject="engine", text=text, tick=tick)


def _premium(snapshot: Snapshot, seen: dict[str, _Seen]) -> Iterator[Alert]:
    """Find Premium contracts that have missed their target or are close to it."""
    per_hour = MINUTES_PER_HOUR // snapshot.tick_minutes
    for contract in snapshot.contracts:
        if contract.tier != "premium":
            continue
        bad, used = seen[contract.id].unplanned_within(per_hour), contract.bad_ticks
        if used > contract.budget_ticks:
            why = f"its promise is broken, {used} bad ticks where {contract.budget_ticks} are tolerated"
            yield _of_contract("premium", "critical", contract, why, snapshot.tick)
        elif bad >= PREMIUM_BAD_IN_AN_HOUR:
            yield _of_contract("burn_rate", "critical", contract, f"{bad} bad ticks in the last hour", snapshot.tick)
        elif used >= PREMIUM_BUDGET_USED:
            why = f"{used} bad ticks of {contract.budget_ticks} in its window"
            yield _of_contract("burn_rate", "critical", contract, why, snapshot.tick)


def _sites(snapshot: Snapshot) -> Iterator[Alert]:
    """Find sites without available machines, and several such sites at once."""
    down = [site for site in snapshot.sites if site.status == "down"]
    if len(down) >= SEVERAL_SITES:
        text = f"{len(down)} sites are down: {', '.join(site.name for site in down)}"
        yield Alert(kind="sites", severity="critical", subject="fleet", text=text, tick=snapshot.tick)
    for site in down:
        ordered = ", as an operator ordered" if site.outage_ends_tick else ""
        text = f"{site.name} is down{ordered}: none of its machines is available"
        yield Alert(kind="site", severity="warning", subject=site.id, text=text, tick=snapshot.tick)


def _feeds(snapshot: Snapshot) -> Iterator[Alert]:
    """Find failed sources that are replaced by their last good values."""
    for source in snapshot.stale_sources:
        text = f"no new values from {source}: the last good ones stand in"
        yield Alert(kind="feed", severity="warning", subject=source, text=text, tick=snapshot.tick)


def _metered(snapshot: Snapshot) -> Iterator[Alert]:
    """Find sites whose meters deviate from the plan or went silent."""
    for site in snapshot.sites:
        if site.metered is None or site.mode == "advise":
            continue
        danger = (
            f"; in danger within two ticks: {', '.join(site.metered.endangered)}" if site.metered.endangered else ""
        )
        severity = "critical" if danger else "warning"
        if site.metered.site_power_mw is None:
            text = f"{site.name}: no good telemetry for {site.metered.age_s / SECONDS_PER_MINUTE:.0f} min{danger}"
            yield Alert(kind="telemetry", severity=severity, subject=site.id, text=text, tick=snapshot.tick)
        elif site.metered.is_deviating:
            text = (
                f"{site.name} draws {site.metered.site_power_mw:.1f} MW where {site.site_power_mw:.1f} are planned,"
                f" which costs {site.metered.cost_usd_per_h or 0.0:.0f} USD/h{danger}"
            )
            yield Alert(kind="metered", severity=severity, subject=site.id, text=text, tick=snapshot.tick)


def _promises(snapshot: Snapshot, seen: dict[str, _Seen]) -> Iterator[Alert]:
    """Find Standard and Flexible contracts in unplanned breach or burning too fast."""
    per_hour = MINUTES_PER_HOUR // snapshot.tick_minutes
    for contract in snapshot.contracts:
        if contract.tier not in BURN_RULES:
            continue
        of = seen[contract.id]
        if contract.bad_ticks > contract.budget_ticks:
            if of.unplanned_ticks:  # neither breaches before the first call nor planned ones
                why = (
                    f"its window closes in breach, {contract.bad_ticks} bad ticks where {contract.budget_ticks} are "
                    "tolerated"
                )
                yield _of_contract("promise", "warning", contract, why, snapshot.tick)
            continue
        why = _burning(contract, of, per_hour)
        if why:
            yield _of_contract("burn_rate", "warning", contract, why, snapshot.tick)


def _burning(contract: ContractSnapshot, seen: _Seen, per_hour: int) -> str:
    """Say why an error budget burns too fast unplanned; empty when it does not."""
    spare_share = (PPM - TARGET_PPM[TIER_KEYS.index(contract.tier)]) / PPM
    for factor, hours in BURN_RULES[contract.tier]:
        ticks = hours * per_hour
        burn = seen.unplanned_within(ticks) / ticks / spare_share
        if burn >= factor and len(seen.unplanned) > ticks:
            return f"its budget burns {burn:.1f} times too fast over {hours} h, unplanned"
    return ""


def _of_contract(kind: str, severity: str, contract: ContractSnapshot, why: str, tick: int) -> Alert:
    text = f"{contract.customer or contract.id}, {contract.tier}: {why}"
    return Alert(kind=kind, severity=severity, subject=contract.id, text=text, tick=tick)
