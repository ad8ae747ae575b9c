"""Calendar of the coming days: maintenance, contracts, calls, limits and warnings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from nicegui import ui

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, panel
from components.shared.view_model import Channel, Shown, ViewModel
from mara.core.contract import contract_label
from mara.core.history import ContractRow, ExclusionAhead, ExclusionRow
from mara.core.live_source import AnnouncedLimit, GridWarning
from mara.core.snapshot import ContractSnapshot, Snapshot

DAYS: Final = 14
MOST_ROWS: Final = 200
HINT: Final = (
    "Days and times in UTC. Maintenance stands at its site, as do limits and warnings by the grid's operator; what is "
    "announced to one contract stands where that runs now. Contracts start where the plan puts them, so those that "
    "wait stand apart."
)
NOWHERE: Final = "Not placed"
EMPTY: Final = "Nothing is announced, and no contract starts or ends in these days."

Kind = Literal["maintenance", "starts", "ends", "call", "outage", "limit", "warning"]


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
    snapshot: Snapshot,
    announced: Sequence[ExclusionAhead],
    waiting: Sequence[ContractRow],
    limits: Sequence[AnnouncedLimit] = (),
    warnings: Sequence[GridWarning] = (),
) -> ViewModel:
    """Return the entries of the coming days by site and by contract.

    Args:
        announced: exclusions to come.
        waiting: contracts that are booked and not live yet.
        limits: limits of sites by the grid's operator, begun or to come.
        warnings: warnings by the grid's operator, begun or to come.
    """
    today = snapshot.at.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=day) for day in range(DAYS)]
    found = (*_entries(snapshot, announced, waiting), *_limits(snapshot, limits), *_warnings(snapshot, warnings))
    entries = sorted(found, key=lambda entry: (entry.begins_at, entry.contract_id))
    sites = {site.id: site.name for site in snapshot.sites}
    contracts = {one.id: contract_label(one.id, one.customer) for one in snapshot.contracts}
    contracts |= {row.id: contract_label(row.id, row.customer) for row in waiting}
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
        yield _moment("ends", contract.site_id, contract, contract.ends_at)
    for row in waiting:
        yield _moment("starts", "", row, row.starts_at)
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


def _limits(snapshot: Snapshot, limits: Sequence[AnnouncedLimit]) -> Iterator[CalendarEntry]:
    """List the limits by the grid's operator."""
    connection_mw = {site.id: site.grid_limit_mw for site in snapshot.sites}
    for limit in limits:
        if limit.site_id not in connection_mw:
            continue
        most = f"at most {text.mw(limit.limit_mw)} of {text.mw(connection_mw[limit.site_id])}"
        yield _by_operator("limit", limit.site_id, limit, most, snapshot)


def _warnings(snapshot: Snapshot, warnings: Sequence[GridWarning]) -> Iterator[CalendarEntry]:
    """List the warnings of the grid's operator, each at all its sites."""
    known = {site.id for site in snapshot.sites}
    for warning in warnings:
        said = f"{warning.subject}: {warning.text}" if warning.text else warning.subject
        for site_id in warning.site_ids:
            if site_id in known:
                yield _by_operator("warning", site_id, warning, said, snapshot)


def _by_operator(
    kind: Kind, site_id: str, told: AnnouncedLimit | GridWarning, said: str, snapshot: Snapshot
) -> CalendarEntry:
    """Make an entry of what the grid's operator told; an endless one lasts all days."""
    end = told.until or snapshot.at + timedelta(days=DAYS)
    span = f"from {text.utc_time(told.begins_at)}" if told.until is None else _span(told.begins_at, end)
    return CalendarEntry(
        kind=kind,
        site_id=site_id,
        contract_id="",
        begins_at=max(told.begins_at, snapshot.at),
        ends_at=end,
        text=f"{span} {said}, by {told.author}",
    )


def _said(row: ExclusionRow) -> str:
    return f"{_span(row.starts_at, row.ends_at)} {row.reason}, by {row.author}"


def _span(begins: datetime, ends: datetime) -> str:
    """Tell two times of a day, or with their dates where these differ."""
    if begins.date() == ends.date():
        return f"{text.utc_time(begins)} to {text.utc_time(ends)}"
    both = (f"{text.utc_date(at)} {text.utc_time(at)}" for at in (begins, ends))
    return " to ".join(both)


def _moment(kind: Kind, site_id: str, of: ContractSnapshot | ContractRow, at: datetime) -> CalendarEntry:
    said = f"{text.utc_time(at)} {contract_label(of.id, of.customer)} {kind}, {of.tier}, {text.mw(of.power_mw)}"
    return CalendarEntry(kind=kind, site_id=site_id, contract_id=of.id, begins_at=at, ends_at=at, text=said)


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
