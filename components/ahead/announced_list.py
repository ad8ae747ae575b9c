"""List of announced maintenance and other exclusions, which can be taken back."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, panel
from components.shared.view_model import Channel, Row, ViewModel
from mara.core.commands import MAINTENANCE, NOTICE_HOURS
from mara.core.contract import contract_label
from mara.core.history import ExclusionAhead
from mara.core.snapshot import Snapshot
from mara.errors import CommandError, MaraError

HINT: Final = (
    "What is announced can be taken back until its last tick, for all contracts of a site at once. Ticks that did not "
    "count until then stay so; all others count again."
)
EMPTY: Final = "Nothing is announced."
MOST_ROWS: Final = 200
MOST_NAME_CHARACTERS: Final = 200
CHANNEL: Final = "announced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Announcement that stands, as the list names it to the server.

    Attributes:
        site_id: site whose maintenance it is; empty for an announcement about one contract.
        contract_id: that contract; empty for a site's maintenance.
    """

    site_id: str
    contract_id: str
    begins_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractActions:
    """Function that the list calls; a MaraError is shown.

    Attributes:
        why_not: reason why the user may not take anything back; empty where they may.
    """

    retract: Callable[[Announcement], Awaitable[object]]
    why_not: str = ""


class AnnouncedList(ui.element, component="announced_list.js", esm=BROWSER_MODULES):
    """List that follows the channel `announced`, with a button for each entry."""

    def __init__(self, first: Channel, actions: RetractActions) -> None:
        super().__init__()
        self._actions = actions
        self.props["first"] = dict(first)
        self.props["empty"] = EMPTY
        self.props["forbidden"] = actions.why_not
        self.props["said"] = {}
        if not actions.why_not:
            self.on("order-retract", self._retract)
        self.mark("announced-list")

    async def _retract(self, event: GenericEventArguments) -> None:
        try:
            await self._actions.retract(announcement_of(event.args))
        except MaraError as error:
            said = str(error)
            self.props["said"] = {"error": f"{said[:1].upper()}{said[1:]}."}
        else:
            self.props["said"] = {"taken": True}
        self.update()


def announced_panel(picture: ViewModel, actions: RetractActions) -> None:
    """Draw the panel of what is announced and can be taken back."""
    with panel("Announced", "", HINT):
        AnnouncedList(picture.get(CHANNEL, {}), actions)


def announced_channel(snapshot: Snapshot, announced: Sequence[ExclusionAhead], site_id: str = "") -> Channel:
    """Return a row for each announcement that stands, the next first.

    Args:
        site_id: site whose maintenance is listed, with what is about contracts that run there; empty for all.
    """
    running = {contract.id: contract.site_id for contract in snapshot.contracts}
    together: dict[Announcement, list[ExclusionAhead]] = {}
    for one in announced:
        is_there = (one.row.site_id or running.get(one.contract_id, "")) == site_id or one.row.is_fleet_wide
        if not site_id or is_there:
            together.setdefault(_key_of(one), []).append(one)
    ranked = sorted(together.items(), key=lambda item: item[0].begins_at)[:MOST_ROWS]
    return {
        f"{key.site_id} {key.contract_id} {key.begins_at:%Y-%m-%dT%H:%M}": _row(key, same, snapshot) | {"rank": -rank}
        for rank, (key, same) in enumerate(ranked)
    }


def announcement_of(given: object) -> Announcement:
    """Parse the entry whose button was pressed.

    Raises:
        CommandError: it names no time.
    """
    entry = given if isinstance(given, dict) else {}
    begins = str(entry.get("begins", ""))
    try:
        begins_at = datetime.fromisoformat(begins).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"the begin of an announcement was expected, {begins[:40]!r} came: open the page again"
        ) from error
    return Announcement(
        site_id=str(entry.get("site", ""))[:MOST_NAME_CHARACTERS],
        contract_id=str(entry.get("contract", ""))[:MOST_NAME_CHARACTERS],
        begins_at=begins_at,
    )


def name_of(key: Announcement, snapshot: Snapshot) -> str:
    """Name the site whose maintenance it is, or the contract that it is about."""
    if key.site_id:
        return next((site.name for site in snapshot.sites if site.id == key.site_id), key.site_id)
    if not key.contract_id:
        return "All contracts"
    customer = next((one.customer for one in snapshot.contracts if one.id == key.contract_id), "")
    return contract_label(key.contract_id, customer)


def _key_of(one: ExclusionAhead) -> Announcement:
    site_id = one.row.site_id
    return Announcement(site_id=site_id, contract_id="" if site_id else one.contract_id, begins_at=one.row.starts_at)


def _row(key: Announcement, same: Sequence[ExclusionAhead], snapshot: Snapshot) -> Row:
    ends_at = max(one.row.ends_at for one in same)
    is_running = key.begins_at <= snapshot.at
    contracts = f"{len(same)} {'contract' if len(same) == 1 else 'contracts'}"
    what = f"{name_of(key, snapshot)}, {text.utc_moment(key.begins_at)} to {text.utc_moment(ends_at)}"
    effect = "from the next tick on its ticks count again" if is_running else "its ticks count as all others"
    return {
        "site": key.site_id,
        "contract": key.contract_id,
        "begins": key.begins_at.isoformat(),
        "can": bool(key.site_id or key.contract_id),
        "name": name_of(key, snapshot),
        "when": f"{text.utc_moment(key.begins_at)} to {text.utc_moment(ends_at)}",
        "state": "under way" if is_running else "",
        "contracts": contracts,
        "reason": _joined(one.row.reason for one in same),
        "by": _joined(one.row.author for one in same),
        "button": "End it now …" if is_running else "Take back …",
        "ask": f"{what}: {effect}, for {contracts}. It goes out in ten seconds.{_anew(same)}",
    }


def _anew(same: Sequence[ExclusionAhead]) -> str:
    is_maintenance = any(one.row.reason.startswith(MAINTENANCE) for one in same)
    return f" To announce it anew takes {NOTICE_HOURS} h of notice." if is_maintenance else ""


def _joined(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(words))
