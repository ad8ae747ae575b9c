"""Signals of OpenADR events by site: prices, emissions, limits and warnings.

Where intervals of a type overlap, the event of the higher priority counts; among equals the one changed last.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Final

import numpy as np

from mara.core.live_source import GridWarning
from mara.errors import FeedInvalid
from mara.feeds.live.openadr.documents import AdrEvent, PayloadDescriptor, Program, ValuesMap
from mara.feeds.live.openadr.periods import ENDLESS_S, spans_of
from mara.feeds.markets.building.money import DOLLAR, Rates
from mara.feeds.markets.reading.clocks import DAY_S

ALERT: Final = "ALERT_"
LOWEST_PRIORITY: Final = 2**31
KWH_PER_MWH: Final = 1_000.0
MOST: Final = 1e9
"""Largest number that is believed, in any unit."""
GHG_UNITS: Final[Mapping[str | None, float]] = {None: 1.0, "GHG": 1.0}
Row = tuple[int, int, float]
"""Begin and end [UTC seconds], and a value that holds between them."""


class Signal(StrEnum):
    """Types of values in events that become inputs of ticks."""

    PRICE = "PRICE"
    GHG = "GHG"
    IMPORT_LIMIT = "IMPORT_CAPACITY_LIMIT"
    SETPOINT = "DISPATCH_SETPOINT"


KNOWN_SIGNALS: Final = frozenset(str(signal) for signal in Signal)
LIMITS: Final = (Signal.IMPORT_LIMIT, Signal.SETPOINT)
POWER_UNITS_MW: Final[Mapping[str | None, float]] = {None: 1e-3, "KW": 1e-3, "MW": 1.0}
"""Megawatts of each unit of power; without a unit, values are kilowatts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNames:
    """Names by which events may mean each site, and the event's reader."""

    resource_of: Mapping[str, str]
    ven_name: str
    groups: tuple[str, ...] = ()

    def sites_of(self, event: AdrEvent) -> tuple[str, ...]:
        """List the sites that an event is meant for: all, unless it has targets."""
        wanted: dict[str, set[str]] = {}
        for target in event.targets or ():
            kind, values = (target.type, target.values) if isinstance(target, ValuesMap) else ("", (target,))
            wanted.setdefault(kind, set()).update(str(value) for value in values)
        return tuple(
            site_id
            for site_id, resource in self.resource_of.items()
            if all(names & {resource, self.ven_name, *self.groups} for names in wanted.values())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that the events of an OpenADR server (VTN) say, read.

    Attributes:
        rows: values by site and signal, without overlaps, in the order of time; prices in USD/MWh.
        events: the events that concern a site, with their sites.
    """

    rows: Mapping[tuple[str, Signal], tuple[Row, ...]]
    warnings: tuple[GridWarning, ...]
    events: tuple[tuple[AdrEvent, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A value of an event, and how it ranks among others."""

    row: Row
    rank: tuple[int, float, str]


def heard_of(
    events: Sequence[AdrEvent],
    program: Program,
    names: SiteNames,
    rates: Rates,
    seen_s: Mapping[str, int],
    author: str,
) -> Heard:
    """Read all events of a program for the sites that they are meant for.

    Args:
        rates: of the currencies of prices.
        seen_s: when each event was seen first, by id [UTC seconds].
        author: name of the VTN in warnings.

    Raises:
        FeedInvalid: an event for one of the sites cannot be read; the message names it.
    """
    told: dict[tuple[str, Signal], list[_Told]] = {}
    warnings: list[GridWarning] = []
    ours: list[tuple[AdrEvent, tuple[str, ...]]] = []
    for event in events:
        sites = names.sites_of(event)
        if not sites or event.program_id != program.id:
            continue
        ours.append((event, sites))
        for signal, one in _values_of(event, program, rates, seen_s[event.id]):
            for site_id in sites:
                told.setdefault((site_id, signal), []).append(one)
        warnings += _warnings_of(event, sites, seen_s[event.id], author)
    rows = {key: _resolved(values) for key, values in sorted(told.items())}
    return Heard(rows=rows, warnings=tuple(warnings), events=tuple(ours))


def _values_of(event: AdrEvent, program: Program, rates: Rates, seen_s: int) -> Iterator[tuple[Signal, _Told]]:
    changed = event.modification_date_time or event.created_date_time
    priority = LOWEST_PRIORITY if event.priority is None else event.priority
    rank = (-priority, 0.0 if changed is None else changed.timestamp(), event.id)
    for interval, begin_s, end_s in spans_of(event, seen_s):
        for payload in interval.payloads:
            if payload.type in KNOWN_SIGNALS:
                signal = Signal(payload.type)
                value = _number(payload, event.id)
                described = _descriptor(signal, event, program)
                value *= (
                    _usd_per_mwh(described, rates, begin_s, event.id)
                    if signal is Signal.PRICE
                    else _factor(signal, described, event.id)
                )
                yield signal, _Told(row=(begin_s, end_s, value), rank=rank)


def _number(payload: ValuesMap, event_id: str) -> float:
    least = -MOST if payload.type == Signal.PRICE else 0.0
    value = payload.values[0] if len(payload.values) == 1 else None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not isfinite(value)
        or not least <= value <= MOST
    ):
        raise FeedInvalid(
            f"event {event_id}: {payload.type} should be one number from {least:g} on, is {str(payload.values)[:60]}"
        )
    return float(value)


def _descriptor(signal: Signal, event: AdrEvent, program: Program) -> PayloadDescriptor | None:
    """Find what describes a type of values: that of the event, or else of its program."""
    both = (*(event.payload_descriptors or ()), *(program.payload_descriptors or ()))
    return next((one for one in both if one.payload_type == signal), None)


def _factor(signal: Signal, described: PayloadDescriptor | None, event_id: str) -> float:
    """Return what to multiply a limit with for megawatts, or an emission for g/kWh."""
    units = None if described is None else described.units
    known = GHG_UNITS if signal is Signal.GHG else POWER_UNITS_MW
    if units not in known:
        raise FeedInvalid(
            f"event {event_id}: {signal} should be in {'GHG' if known is GHG_UNITS else 'KW'}, is in {units}"
        )
    return known[units]


def _usd_per_mwh(described: PayloadDescriptor | None, rates: Rates, at_s: int, event_id: str) -> float:
    """Return what to multiply a price with for US dollars per megawatt-hour."""
    units, currency = (None, None) if described is None else (described.units, described.currency)
    if units not in {None, "KWH"}:
        raise FeedInvalid(f"event {event_id}: PRICE should be for KWH, is for {units}")
    return KWH_PER_MWH * float(rates.usd_per(currency or DOLLAR, np.array([at_s // DAY_S]))[0])


def _resolved(values: Iterable[_Told]) -> tuple[Row, ...]:
    """Lay values over one another, the most important last, and cut what is covered."""
    ordered = sorted(values, key=lambda one: one.rank)
    edges = np.unique([edge for one in ordered for edge in one.row[:2]])
    owner = np.full(len(edges), -1, np.int64)
    for place, one in enumerate(ordered):
        first, last = np.searchsorted(edges, one.row[:2])
        owner[first:last] = place
    rows: list[Row] = []
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(edges) - 1], strict=True):
        if owner[begin] >= 0 and end > begin:
            rows.append((int(edges[begin]), int(edges[end]), ordered[owner[begin]].row[2]))
    return tuple(rows)


def _warnings_of(event: AdrEvent, sites: tuple[str, ...], seen_s: int, author: str) -> Iterator[GridWarning]:
    """Yield a warning for each type of alert in an event, over all its intervals."""
    found: dict[str, tuple[int, int, str]] = {}
    for interval, begin_s, end_s in spans_of(event, seen_s):
        for payload in interval.payloads:
            if payload.type.startswith(ALERT):
                text = " ".join(str(value) for value in payload.values)[:400]
                before = found.get(payload.type)
                first_s, last_s, text = (begin_s, end_s, text) if before is None else before
                found[payload.type] = (min(first_s, begin_s), max(last_s, end_s), text)
    for kind, (begin_s, end_s, text) in found.items():
        yield GridWarning(
            id=event.id if len(found) == 1 else f"{event.id} {kind}",
            kind=kind,
            text=text,
            site_ids=sites,
            begins_at=datetime.fromtimestamp(begin_s, UTC),
            until=None if end_s >= ENDLESS_S else datetime.fromtimestamp(end_s, UTC),
            author=author,
        )
