"""Sheet of one contract: windows, ticks, exclusions, and orders about it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES
from components.sla.contract_table import target_text
from mara.core.commands import EXCLUSION_KINDS, NOTICE_HOURS
from mara.core.history import ContractLife, ContractWindow, ExclusionRow, TickRun
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_MINUTE
from mara.errors import CommandError, MaraError

MOST_FAULTS: Final = 40
"""Most runs of bad ticks that are listed in words, the newest first."""
MOST_RUNS: Final = 4_000
"""Most runs of ticks that are drawn: a year that changes every two hours."""
MOST_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An exclusion of ticks as entered by an operator."""

    kind: str
    begins_at: datetime
    duration_h: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetActions:
    """Functions that the sheet calls with a contract's id; a MaraError is shown."""

    read: Callable[[str], Awaitable[ContractLife]]
    exclude: Callable[[str, Notice], Awaitable[object]]
    cancel: Callable[[str], Awaitable[object]]
    evidence: Callable[[str], Awaitable[object]]
    now: Callable[[], Snapshot | None]
    """Returns the newest snapshot; None before the first tick."""
    why_not: str = ""
    """Reason why the user may not order anything; empty where they may."""


class ContractSheet(ui.element, component="contract_sheet.js", esm=BROWSER_MODULES):
    """A dialog that shows one contract at a time; `show` opens it."""

    def __init__(self, actions: SheetActions) -> None:
        super().__init__()
        self._actions = actions
        self._shown_id = ""
        self.props["kinds"] = [{"key": kind, "label": kind.capitalize()} for kind in EXCLUSION_KINDS]
        self.props["life"] = {}
        self.props["said"] = {}
        self.props["forbidden"] = actions.why_not
        if not actions.why_not:
            self.on("order-cancel", self._cancel)
            self.on("order-exclude", self._exclude)
        self.on("show-evidence", self._evidence)
        self.mark("contract-sheet")

    async def show(self, contract_id: str) -> None:
        """Open the sheet on a contract, or show why it cannot be read."""
        self._shown_id = contract_id
        try:
            life = await self._actions.read(contract_id)
        except MaraError as error:
            self.props["life"] = {"id": contract_id, "title": contract_id, "error": str(error)}
        else:
            self.props["life"] = life_props(life, self._actions.now())
        self.props["said"] = {}
        self.update()
        self.run_method("open")

    async def _cancel(self) -> None:
        await self._taken(lambda: self._actions.cancel(self._shown_id))

    async def _exclude(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}

        async def exclude() -> None:
            await self._actions.exclude(self._shown_id, notice_of(given))

        await self._taken(exclude)

    async def _evidence(self) -> None:
        await self._taken(lambda: self._actions.evidence(self._shown_id), closes=False)

    async def _taken(self, order: Callable[[], Awaitable[object]], *, closes: bool = True) -> None:
        """Send an order; show a refusal on the sheet, else close it if `closes`."""
        try:
            await order()
        except MaraError as error:
            self.props["said"] = {"error": str(error)}
        else:
            self.props["said"] = {"taken": closes}
        self.update()


def notice_of(given: Mapping[str, Any]) -> Notice:
    """Parse the exclusion that was entered.

    Raises:
        CommandError: a time or a number of hours is invalid.
    """
    entered = str(given.get("begins", "")).strip()
    try:
        begins = datetime.fromisoformat(entered)
    except ValueError as error:
        raise CommandError(
            f"it begins at a UTC time like 2025-07-05 14:00, got {entered[:40]!r}: correct it"
        ) from error
    try:
        hours = float(str(given.get("hours", "")).replace(",", "."))
    except ValueError as error:
        raise CommandError("it lasts a number of hours: enter one") from error
    if not 0.0 < hours <= 24 * 366:
        raise CommandError(f"it lasts up to a year, got {hours:g} h: correct it")
    return Notice(
        kind=str(given.get("kind", ""))[:MOST_CHARACTERS],
        begins_at=begins.replace(tzinfo=UTC) if begins.tzinfo is None else begins.astimezone(UTC),
        duration_h=hours,
        reason=str(given.get("reason", ""))[: MOST_CHARACTERS + 1],
    )


def life_props(life: ContractLife, now: Snapshot | None) -> dict[str, Any]:
    """Convert a contract's life to the sheet's texts, and runs of ticks to draw."""
    row = life.row
    live = next((one for one in now.contracts if one.id == row.id), None) if now is not None else None
    begins = (row.starts_at if now is None else now.at) + timedelta(hours=NOTICE_HOURS + 1)
    return {
        "id": row.id,
        "title": row.customer or row.id,
        "about": f"{row.tier.capitalize()}, {text.mw(row.power_mw)} at {text.number(row.rate_usd_per_mwh)} USD/MWh",
        "is_live": row.is_live,
        "facts": [
            {"label": label, "text": said}
            for label, said in (*_facts(life), *(_standing(live) if live is not None else []))
        ],
        "strip": _strip(life),
        "faults": _faults(life.strip),
        "windows": [_window(window) for window in reversed(life.windows)],
        "exclusions": [_exclusion(row) for row in reversed(life.exclusions)],
        "begins": f"{begins.replace(minute=0):%Y-%m-%d %H:%M}",
    }


def _facts(life: ContractLife) -> list[tuple[str, str]]:
    row = life.row
    share = row.availability_share
    charge = sum(window.charge_micro_usd for window in life.windows)
    return [
        ("Contract", row.id),
        ("Life", f"{text.utc_moment(row.starts_at)} to {text.utc_moment(row.ends_at)}"),
        ("Availability", text.NOTHING if share is None else text.availability(share)),
        ("Target", target_text(row.tier)),
        (
            "Ticks",
            f"{text.number(row.good_ticks)} good, {text.number(row.bad_ticks)} bad, "
            f"{text.number(row.excluded_ticks)} excluded",
        ),
        ("Billed", text.usd(charge / MICRO_USD_PER_USD)),
        ("Credits paid", text.usd(row.credit_micro_usd / MICRO_USD_PER_USD)),
        ("Measured over", "its whole life" if len(life.windows) < 2 else f"calendar months of {row.timezone}"),
    ]


def _standing(live: ContractSnapshot) -> list[tuple[str, str]]:
    """Describe a live contract's state in its measurement window."""
    left = max(live.budget_ticks - live.bad_ticks, 0)
    return [
        ("Next bad tick costs", text.usd_in_short(live.next_bad_tick_cost_usd)),
        ("Budget left", f"{text.ticks(left)} of {text.number(live.budget_ticks)}" if live.tier != "spot" else "none"),
        ("Window ends", text.utc_moment(live.window_ends_at)),
        ("Owed as it stands", text.usd(live.credit_usd)),
    ]


def _strip(life: ContractLife) -> dict[str, Any]:
    """Return runs of ticks of equal state, counted from the contract's start.

    Future ticks are left empty.
    """
    if not life.strip:
        return {"total": 0, "runs": [], "first": text.utc_moment(life.row.starts_at), "last": ""}
    first, last = life.strip[0], life.strip[-1]
    tick_s = (first.ends_at - first.starts_at).total_seconds() / (first.to_tick - first.from_tick)
    planned = round((life.row.ends_at - life.row.starts_at).total_seconds() / tick_s)
    runs = life.strip[-MOST_RUNS:]
    return {
        "total": max(planned, last.to_tick - first.from_tick),
        "runs": [
            {"state": run.state, "from": run.from_tick - first.from_tick, "to": run.to_tick - first.from_tick}
            for run in runs
        ],
        "first": text.utc_moment(first.starts_at),
        "last": text.utc_moment(life.row.ends_at),
    }


def _faults(strip: tuple[TickRun, ...]) -> list[str]:
    bad = [run for run in reversed(strip) if run.state == "bad"]
    said = [f"{text.utc_moment(run.starts_at)}, {text.ticks(run.to_tick - run.from_tick)}" for run in bad[:MOST_FAULTS]]
    return [*said, f"and {text.number(len(bad) - MOST_FAULTS)} more before"] if len(bad) > MOST_FAULTS else said


def _window(window: ContractWindow) -> dict[str, str]:
    counted = window.good_ticks + window.bad_ticks
    share = window.good_ticks / counted if counted else 1.0
    credit = window.credit_micro_usd
    open_note = "" if window.is_closed else ", open"
    by_meter = f", {text.ticks(window.metered_ticks)} judged by meter" if window.metered_ticks else ""
    return {
        "window": f"{text.utc_date(window.starts_at)} to {text.utc_date(window.ends_at)}{open_note}{by_meter}",
        "availability": text.availability(share),
        "bad_ticks": text.count_of(window.bad_ticks, window.budget_ticks),
        "billed": text.usd(window.charge_micro_usd / MICRO_USD_PER_USD),
        "credit": text.NOTHING if credit is None else text.usd(credit / MICRO_USD_PER_USD),
    }


def _exclusion(row: ExclusionRow) -> dict[str, str]:
    minutes = (row.ends_at - row.starts_at).total_seconds() / SECONDS_PER_MINUTE
    whom = " of all contracts" if row.is_fleet_wide else ""
    return {
        "when": f"{text.utc_moment(row.starts_at)}, {text.duration(minutes)}{whom}",
        "reason": row.reason,
        "author": f"{row.author}, announced {text.utc_moment(row.announced_at)}{_retraction(row)}",
    }


def _retraction(row: ExclusionRow) -> str:
    if row.retracted_at is None:
        return ""
    return f"; taken back by {row.retracted_by}, its ticks count from {text.utc_moment(row.retracted_at)} on"
