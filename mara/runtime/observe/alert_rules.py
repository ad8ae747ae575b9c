"""Rules that find troubles in a published state, beyond the plan's intentions.

An error budget spent on purpose is no trouble, nor is a replay that reaches the end of its history. Premium counts bad
ticks, because its budget is only a few ticks and a rate would say nothing; Standard and Flexible use burn rates over
two windows, of unplanned ticks only. Source: Google SRE workbook, chapter 5, with windows and factors for our budgets.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mara.core.alert import CRITICAL, WARNING, Alert, Trouble
from mara.core.contract import TARGET_PPM, TIER_KEYS, contract_label, some_of
from mara.core.live_source import GridWarning
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.telemetry import STALE_TICKS
from mara.core.units import MINUTES_PER_HOUR, PPM, SECONDS_PER_MINUTE
from mara.runtime.published_state import EngineState, PublishedState
from mara.store.store import LEAST_FREE_BYTES, MB

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
MOST_OVERDUE_S: Final = 5.0
"""Delay of a tick from which on the engine counts as late."""
LEAST_AHEAD_S: Final = 60.0
"""Time behind the newest tick from which on a clock counts as set back."""
LITTLE_FREE_BYTES: Final = 4 * LEAST_FREE_BYTES
"""Free space below which there is time left to make more."""
_WORRYING: Final = {EngineState.DEGRADED: WARNING, EngineState.HALTED: CRITICAL}
OF_ENGINE: Final = frozenset(
    {"state", "late", "clock", "disk", "grid_alert", "disarmed", "override", "unreached", "slow"}
)
_REMEMBERED: Final = frozenset({"premium", "burn_rate", "promise"})
"""Kinds that are found by bad ticks seen before, which a restart forgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSigns:
    """Measurements of the engine itself that no snapshot tells.

    Attributes:
        overdue_s: time since the tick under way should have begun.
        ahead_s: time by which a live world is ahead of this machine's clock.
        free_bytes: space beside the database; None where it is not on a disk of ours.
        grid_alerts: warnings of the grid's operator that stand; None before it has answered since the start.
    """

    overdue_s: float = 0.0
    ahead_s: float = 0.0
    free_bytes: int | None = None
    grid_alerts: tuple[GridWarning, ...] | None = ()


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
        if contract.is_stranded or contract.is_missed:
            self.unplanned_ticks += contract.bad_ticks - self.bad_ticks
        self.bad_ticks = contract.bad_ticks
        self.unplanned.append((tick, self.unplanned_ticks))

    def unplanned_within(self, ticks: int) -> int:
        """Count the unplanned bad ticks among the last `ticks`."""
        newest = self.unplanned[-1]
        before = next((bad for tick, bad in self.unplanned if tick >= newest[0] - ticks), newest[1])
        return newest[1] - before


class AlertRules:
    """Finds the troubles of each state, and remembers each contract's ticks.

    Another rule is a function in `_ENGINE_RULES`, for what is measured at any time, or in `_FLEET_RULES`, for what a
    tick's snapshot tells; its kind is a row of `mara.core.alert.KINDS`.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._tick = -1
        self._of_fleet: tuple[Trouble, ...] = ()
        self._warned: tuple[Trouble, ...] = ()
        self._carried: dict[tuple[str, str], Trouble] = {}
        self._carried_to_tick: int | None = None

    def carry_on(self, standing: Iterable[Alert]) -> None:
        """Take over the alerts that stood before a restart.

        Those of the fleet stand until its first tick, those about promises an hour more, in which bad ticks that
        a restart forgets could not be found. Warnings of the grid's operator stand until it has answered.
        """
        standing = tuple(standing)
        self._of_fleet = tuple(alert.trouble for alert in standing if alert.kind not in OF_ENGINE)
        self._warned = tuple(alert.trouble for alert in standing if alert.kind == "grid_alert")
        self._carried = {alert.trouble.key: alert.trouble for alert in standing if alert.kind in _REMEMBERED}

    def troubles(self, current: PublishedState, signs: EngineSigns) -> tuple[Trouble, ...]:
        """List all troubles of this moment; those of the fleet change with its ticks only."""
        snapshot = current.snapshot
        if snapshot is not None and snapshot.tick != self._tick and current.state is not EngineState.FINISHED:
            self._tick = snapshot.tick
            self._look_at(snapshot)
            found = [trouble for rule in _FLEET_RULES for trouble in rule(snapshot, self._seen)]
            self._of_fleet = (*found, *self._still_carried(snapshot, found))
        if signs.grid_alerts is not None:
            self._warned = ()
        of_engine = (trouble for rule in _ENGINE_RULES for trouble in rule(current, signs))
        return (*of_engine, *self._warned, *self._of_fleet)

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

    def _still_carried(self, snapshot: Snapshot, found: Iterable[Trouble]) -> list[Trouble]:
        """List what stood before a restart and cannot be ruled out yet."""
        if self._carried_to_tick is None:
            self._carried_to_tick = snapshot.tick + MINUTES_PER_HOUR // snapshot.tick_minutes
        if snapshot.tick > self._carried_to_tick:
            self._carried = {}
        known = {trouble.key for trouble in found}
        used = {contract.id for contract in snapshot.contracts if contract.bad_ticks}
        self._carried = {key: kept for key, kept in self._carried.items() if key not in known and kept.subject in used}
        return list(self._carried.values())


def _states(current: PublishedState, _: EngineSigns) -> Iterator[Trouble]:
    """Find an engine that has failed, for now or until an operator resumes."""
    severity = _WORRYING.get(current.state)
    if severity is not None:
        text = f"the engine is {current.state}: {current.reason}"
        yield Trouble(kind="state", severity=severity, subject="engine", text=text)


def _late(current: PublishedState, signs: EngineSigns) -> Iterator[Trouble]:
    """Find an engine whose tick should have begun long ago."""
    if current.state is EngineState.RUNNING and signs.overdue_s > MOST_OVERDUE_S:
        text = f"a tick is late by more than {MOST_OVERDUE_S:g} s"
        yield Trouble(kind="late", severity=WARNING, subject="engine", text=text)


def _clock(current: PublishedState, signs: EngineSigns) -> Iterator[Trouble]:
    """Find a live world that waits for a clock that was set back."""
    if current.state is EngineState.RUNNING and signs.ahead_s >= LEAST_AHEAD_S:
        ahead_minutes = signs.ahead_s / SECONDS_PER_MINUTE
        text = f"no tick comes for {ahead_minutes:.0f} min: this machine's clock is behind the newest tick by that"
        yield Trouble(kind="clock", severity=CRITICAL, subject="engine", text=text)


def _disk(_: PublishedState, signs: EngineSigns) -> Iterator[Trouble]:
    """Find a disk that has room for little more."""
    if signs.free_bytes is not None and signs.free_bytes < LITTLE_FREE_BYTES:
        severity = CRITICAL if signs.free_bytes < LEAST_FREE_BYTES else WARNING
        least = LEAST_FREE_BYTES if severity == CRITICAL else LITTLE_FREE_BYTES
        text = f"less than {least // MB} MB are free beside the database"
        yield Trouble(kind="disk", severity=severity, subject="disk", text=text)


def _grid_alerts(current: PublishedState, signs: EngineSigns) -> Iterator[Trouble]:
    """Find warnings of the grid's operator."""
    names = _site_names(current)
    for warning in signs.grid_alerts or ():
        severity = CRITICAL if warning.is_emergency else WARNING
        yield Trouble(kind="grid_alert", severity=severity, subject=warning.id, text=warning.sentence(names))


def _disarmed(current: PublishedState, _: EngineSigns) -> Iterator[Trouble]:
    """Find sites that nobody disarmed, and devices that somebody else has set."""
    names = _site_names(current)
    for site in current.disarmed:
        text = f"{names.get(site.site_id, site.site_id)} was disarmed: {site.reason}"
        yield Trouble(kind="disarmed", severity=CRITICAL, subject=site.site_id, text=text)
    for status in current.executors:
        if status.state == "override":
            text = f"{names.get(status.site_id, status.site_id)}: {status.message}"
            yield Trouble(kind="override", severity=CRITICAL, subject=status.site_id, text=text)


def _unreached(current: PublishedState, _: EngineSigns) -> Iterator[Trouble]:
    """Find sites in dry-run or act whose devices their executor does not reach."""
    names = _site_names(current)
    modes = {} if current.snapshot is None else {site.id: site.mode for site in current.snapshot.sites}
    for status in current.executors:
        mode = modes.get(status.site_id, "advise")
        if status.state == "failed" and mode in {"dry-run", "act"}:
            severity = CRITICAL if mode == "act" else WARNING
            text = f"{names.get(status.site_id, status.site_id)}: {status.message}"
            yield Trouble(kind="unreached", severity=severity, subject=status.site_id, text=text)


def _responses(current: PublishedState, _: EngineSigns) -> Iterator[Trouble]:
    """Find orders that could not wait, and that were not read back in their time."""
    names = _site_names(current)
    for response in current.responses:
        if response.is_late:
            took = "not read back" if response.read_back_s is None else f"read back after {response.read_back_s:.1f} s"
            name = names.get(response.site_id, response.site_id)
            text = f"{name}: {response.cause} {took}, {response.allowed_s:g} s are allowed"
            yield Trouble(kind="slow", severity=CRITICAL, subject=response.site_id, text=text)


def _site_names(current: PublishedState) -> dict[str, str]:
    """Name each site by its id; empty before the first tick."""
    return {} if current.snapshot is None else {site.id: site.name for site in current.snapshot.sites}


def _premium(snapshot: Snapshot, seen: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find Premium contracts that have missed their target or are close to it."""
    per_hour = MINUTES_PER_HOUR // snapshot.tick_minutes
    for contract in snapshot.contracts:
        if contract.tier != "premium":
            continue
        bad, used = seen[contract.id].unplanned_within(per_hour), contract.bad_ticks
        if used > contract.budget_ticks:
            why = f"its promise is broken: {used} bad ticks, tolerated {contract.budget_ticks}"
            yield _of_contract("premium", CRITICAL, contract, why)
        elif bad >= PREMIUM_BAD_IN_AN_HOUR:
            yield _of_contract("burn_rate", CRITICAL, contract, f"{bad} bad ticks in the last hour")
        elif used >= PREMIUM_BUDGET_USED:
            why = f"{used} of {contract.budget_ticks} tolerated bad ticks are used up in its window"
            yield _of_contract("burn_rate", CRITICAL, contract, why)


def _sites(snapshot: Snapshot, _: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find sites without available machines, and several such sites at once."""
    down = [site for site in snapshot.sites if site.status == "down"]
    if len(down) >= SEVERAL_SITES:
        text = f"{len(down)} sites are down: {', '.join(site.name for site in down)}"
        yield Trouble(kind="sites", severity=CRITICAL, subject="fleet", text=text)
    for site in down:
        ordered = ", as an operator ordered" if site.outage_ends_tick else ""
        shown = ", as its meter shows" if site.standing_still and not ordered else ""
        text = f"{site.name} is down{ordered}{shown}: none of its machines is available"
        at_risk_usd = _at_risk_usd(site.id, snapshot) if shown else None
        yield Trouble(kind="site", severity=WARNING, subject=site.id, text=text, at_risk_usd=at_risk_usd)


def _still(snapshot: Snapshot, _: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find machines that meters show standing still, where the rest of the site runs."""
    for site in snapshot.sites:
        if site.standing_still and site.status != "down":
            text = f"{site.name}: {', '.join(site.standing_still)} stand still, though set to run, as its meter shows"
            yield Trouble(
                kind="still", severity=WARNING, subject=site.id, text=text, at_risk_usd=_at_risk_usd(site.id, snapshot)
            )


def _at_risk_usd(site_id: str, snapshot: Snapshot) -> float | None:
    """Money at risk of a site's contracts without power: credits, and a bad tick more."""
    off = [c for c in snapshot.contracts if c.site_id == site_id and (c.is_missed or c.is_stranded)]
    return sum(c.credit_usd + c.next_bad_tick_cost_usd for c in off) if off else None


def _feeds(snapshot: Snapshot, _: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find failed sources that are replaced by their last good values."""
    for source in snapshot.stale_sources:
        text = f"no new values from {source}: the last good ones stand in"
        yield Trouble(kind="feed", severity=WARNING, subject=source, text=text)


def _limited(snapshot: Snapshot, _: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find sites that the grid's operator lets draw less than their connection."""
    for site in snapshot.sites:
        if site.import_limit_mw is None:
            continue
        off = [
            contract_label(one.id, one.customer)
            for one in snapshot.contracts
            if one.is_stranded and one.site_id in {"", site.id}
        ]
        danger = f"; promised load is off: {some_of(off)}" if off else ""
        text = (
            f"{site.name} may draw {site.import_limit_mw:.1f} MW of {site.grid_limit_mw:.1f}, by order of the grid's "
            f"operator{danger}"
        )
        yield Trouble(kind="grid_limit", severity=CRITICAL if danger else WARNING, subject=site.id, text=text)


def _metered(snapshot: Snapshot, _: dict[str, _Seen]) -> Iterator[Trouble]:
    """Find sites whose meters deviate from the plan or went silent."""
    labels = {one.id: contract_label(one.id, one.customer) for one in snapshot.contracts}
    for site in snapshot.sites:
        if site.mode == "advise":
            continue
        if site.metered is None:
            text = f"{site.name} is in {site.mode}, and no reading of its meter has ever come"
            yield Trouble(kind="telemetry", severity=WARNING, subject=site.id, text=text)
            continue
        endangered = some_of([labels.get(one, one) for one in site.metered.endangered])
        danger = f"; in danger within two ticks: {endangered}" if endangered else ""
        of = [one for one in snapshot.contracts if one.id in site.metered.endangered]
        at_risk_usd = sum(one.credit_usd + one.next_bad_tick_cost_usd for one in of) if of else None
        severity = CRITICAL if danger else WARNING
        if site.metered.site_power_mw is None:
            age_minutes = site.metered.age_s / SECONDS_PER_MINUTE
            why = "its newest telemetry is marked bad, or does not cover all of its machines"
            if age_minutes > STALE_TICKS * snapshot.tick_minutes:
                why = f"no good telemetry for {age_minutes:.0f} min"
            text = f"{site.name}: {why}{danger}"
            yield Trouble(kind="telemetry", severity=severity, subject=site.id, text=text, at_risk_usd=at_risk_usd)
        elif site.metered.is_deviating:
            text = (
                f"{site.name} draws {site.metered.site_power_mw:.1f} MW where {site.site_power_mw:.1f} are planned,"
                f" which costs {site.metered.cost_usd_per_h or 0.0:.0f} USD/h{danger}"
            )
            yield Trouble(kind="metered", severity=severity, subject=site.id, text=text, at_risk_usd=at_risk_usd)


def _promises(snapshot: Snapshot, seen: dict[str, _Seen]) -> Iterator[Trouble]:
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
                yield _of_contract("promise", WARNING, contract, why)
            continue
        why = _burning(contract, of, per_hour)
        if why:
            yield _of_contract("burn_rate", WARNING, contract, why)


def _burning(contract: ContractSnapshot, seen: _Seen, per_hour: int) -> str:
    """Say why an error budget burns too fast unplanned; empty when it does not."""
    spare_share = (PPM - TARGET_PPM[TIER_KEYS.index(contract.tier)]) / PPM
    for factor, hours in BURN_RULES[contract.tier]:
        ticks = hours * per_hour
        if len(seen.unplanned) <= ticks:
            continue
        burn = seen.unplanned_within(ticks) / ticks / spare_share
        if burn >= factor:
            return f"its budget burns {burn:.1f} times too fast over {hours} h, unplanned"
    return ""


def _of_contract(kind: str, severity: str, contract: ContractSnapshot, why: str) -> Trouble:
    """Describe a contract's trouble, with its credit and its next bad tick's cost."""
    return Trouble(
        kind=kind,
        severity=severity,
        subject=contract.id,
        text=f"{contract.customer or contract.id}, {contract.tier}: {why}",
        at_risk_usd=contract.credit_usd + contract.next_bad_tick_cost_usd,
    )


_ENGINE_RULES: Final[tuple[Callable[[PublishedState, EngineSigns], Iterator[Trouble]], ...]] = (
    _states,
    _late,
    _clock,
    _disk,
    _grid_alerts,
    _disarmed,
    _unreached,
    _responses,
)
_FLEET_RULES: Final[tuple[Callable[[Snapshot, dict[str, _Seen]], Iterator[Trouble]], ...]] = (
    _premium,
    _sites,
    _still,
    _feeds,
    _limited,
    _promises,
    _metered,
)
