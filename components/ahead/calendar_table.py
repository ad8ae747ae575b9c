"""Calendar of the coming days: maintenance, starts and ends of contracts, calls."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from nicegui import ui

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, panel
from components.shared.view_model import Channel, Shown, ViewModel
from mara.core.history import ContractRow, ExclusionAhead, ExclusionRow
from mara.core.snapshot import Snapshot

DAYS: Final = 14
MOST_ROWS: Final = 200
HINT: Final = (
    "Days and times in UTC. Maintenance stands at the site that it is of, and what is announced to one contract where "
    "that runs now. Contracts start where the plan puts them, so those that wait stand apart."
)
NOWHERE: Final = "Not placed"
EMPTY: Final = "No maintenance is announced, and no contract starts or ends in these days."

Kind = Literal["maintenance", "starts", "ends", "call", "outage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """An entry of the calendar: about a site, and about a contract if one is named."""

    kind: Kind
    site_id: str
    contract_id: str
    begins_at: datetime
    ends_at: datetime
    text: str


class CalendarTable(ui.element, component="calendar_table.js", esm=BROWSER_MODULES):
    """Table of sites or contracts by days; on a phone a list of those with entries.

    It follows the channels `calendar-sites`, `calendar-contracts` and `calendar-days`.
    """

    def __init__(self, picture: ViewModel) -> None:
        super().__init__()
        self.props["first"] = {name: dict(picture.get(name, {})) for name in CHANNELS}
        self.props["empty"] = EMPTY
        self.mark("calendar-table")


CHANNELS: Final = ("calendar-sites", "calendar-contracts", "calendar-days")


def calendar_panel(picture: ViewModel) -> None:
    """Draw the panel that `calendar_channels` states."""
    with panel("The coming days", "", HINT):
        CalendarTable(picture)


def calendar_channels(
    snapshot: Snapshot, announced: Sequence[ExclusionAhead], waiting: Sequence[ContractRow]
) -> ViewModel:
    """Return the entries of the coming days by site and by contract.

    Args:
        announced: exclusions to come.
        waiting: contracts that are booked and not live yet.
    """
    today = snapshot.at.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=day) for day in range(DAYS)]
    entries = sorted(_entries(snapshot, announced, waiting), key=lambda entry: (entry.begins_at, entry.contract_id))
    sites = {site.id: site.name for site in snapshot.sites}
    contracts = {contract.id: f"{contract.id}, {contract.customer}" for contract in snapshot.contracts}
    contracts |= {row.id: f"{row.id}, {row.customer}" for row in waiting}
    by_site = [(entry.site_id, sites.get(entry.site_id, NOWHERE), entry) for entry in _joined(entries)]
    by_contract = [
        (one.contract_id, contracts[one.contract_id], one) for one in entries if one.contract_id in contracts
    ]
    return {
        "calendar-sites": _rows(by_site, days),
        "calendar-contracts": _rows(by_contract, days),
        "calendar-days": {"labels": [f"{day:%a} {day.day} {day:%b}" for day in days]},
    }


def _entries(
    snapshot: Snapshot, announced: Sequence[ExclusionAhead], waiting: Sequence[ContractRow]
) -> Iterator[CalendarEntry]:
    """List what is known of the time to come, in no order."""
    yield from _announcements(snapshot, announced)
    for contract in snapshot.contracts:
        yield _moment("ends", contract.site_id, contract.id, contract.ends_at, contract.power_mw, contract.tier)
    for row in waiting:
        yield _moment("starts", "", row.id, row.starts_at, row.power_mw, row.tier)
    for site in snapshot.sites:
        if site.outage_ends_tick > snapshot.tick:
            yield _until("outage", site.id, site.outage_ends_tick, "Ordered down", snapshot)
    for terms in snapshot.power:
        for award in terms.awards:
            if award.call_ends_tick > snapshot.tick:
                said = f"{award.product} calls {text.mw(award.called_mw)}"
                yield _until("call", terms.site_id, award.call_ends_tick, said, snapshot)


def _announcements(snapshot: Snapshot, announced: Sequence[ExclusionAhead]) -> Iterator[CalendarEntry]:
    """List announced exclusions, those about all contracts once for each of them."""
    live = {contract.id: contract for contract in snapshot.contracts}
    for ahead in announced:
        for contract_id in [ahead.contract_id] if ahead.contract_id else live:
            if contract_id in live:
                yield CalendarEntry(
                    kind="maintenance",
                    site_id=ahead.row.site_id or live[contract_id].site_id,
                    contract_id=contract_id,
                    begins_at=max(ahead.row.starts_at, snapshot.at),
                    ends_at=ahead.row.ends_at,
                    text=_said(ahead.row),
                )


def _said(row: ExclusionRow) -> str:
    return f"{text.utc_time(row.starts_at)} to {text.utc_time(row.ends_at)} {row.reason}, by {row.author}"


def _moment(kind: Kind, site_id: str, contract_id: str, at: datetime, power_mw: float, tier: str) -> CalendarEntry:
    said = f"{text.utc_time(at)} {contract_id} {kind}, {tier}, {text.mw(power_mw)}"
    return CalendarEntry(kind=kind, site_id=site_id, contract_id=contract_id, begins_at=at, ends_at=at, text=said)


def _until(kind: Kind, site_id: str, end_tick: int, said: str, snapshot: Snapshot) -> CalendarEntry:
    ends = snapshot.at + timedelta(minutes=(end_tick - snapshot.tick) * snapshot.tick_minutes)
    return CalendarEntry(
        kind=kind,
        site_id=site_id,
        contract_id="",
        begins_at=snapshot.at,
        ends_at=ends,
        text=f"{said} until {text.utc_time(ends)}",
    )


def _joined(entries: Sequence[CalendarEntry]) -> list[CalendarEntry]:
    """Join the same maintenance of several contracts at a site to one entry."""
    alike: dict[tuple[str, str, datetime], list[CalendarEntry]] = {}
    for entry in entries:
        key = (entry.site_id, entry.text, entry.begins_at)
        alike.setdefault(key, []).append(entry)
    return [_counted(same) for same in alike.values()]


def _counted(same: Sequence[CalendarEntry]) -> CalendarEntry:
    first = same[0]
    if first.kind != "maintenance":
        return first
    return replace(first, text=f"{first.text} ({len(same)} {'contract' if len(same) == 1 else 'contracts'})")


def _rows(entries: Iterable[tuple[str, str, CalendarEntry]], days: Sequence[datetime]) -> Channel:
    """Return a row for each key with its entries by day, ordered by its first entry."""
    rows: dict[str, tuple[str, list[list[Shown]]]] = {}
    for key, name, entry in entries:
        ends = max(entry.ends_at, entry.begins_at + timedelta(seconds=1))
        places = [n for n, day in enumerate(days) if entry.begins_at < day + timedelta(days=1) and ends > day]
        if places and (key in rows or len(rows) < MOST_ROWS):
            _, by_day = rows.setdefault(key, (name, [[] for _ in days]))
            for place in places:
                by_day[place].append({"kind": entry.kind, "text": entry.text})
    return {
        key or NOWHERE: {"rank": -rank, "name": name, "id": key, "days": list(by_day)}
        for rank, (key, (name, by_day)) in enumerate(rows.items())
    }
