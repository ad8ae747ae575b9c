"""Reports to an OpenADR server (VTN): energy used and state in event intervals."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mara.core.snapshot import Snapshot
from mara.core.units import MINUTES_PER_HOUR, SECONDS_PER_MINUTE, TOLERANCE_MW
from mara.feeds.live.openadr.documents import AdrEvent, ReportDescriptor
from mara.feeds.live.openadr.periods import ENDLESS_S, spans_of
from mara.feeds.live.openadr.signals import KWH_PER_MWH

USAGE: Final = "USAGE"
OPERATING_STATE: Final = "OPERATING_STATE"
KNOWN: Final = (USAGE, OPERATING_STATE)
AGGREGATED: Final = "AGGREGATED_REPORT"
MOST_TICKS: Final = 3 * 24 * 60
"""Ticks that are remembered: three days of the shortest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTick:
    """Energy and state of a site in a stored tick [UTC seconds]."""

    begin_s: int
    end_s: int
    energy_mwh: float
    is_limited: bool
    is_metered: bool


@dataclass(slots=True, kw_only=True)
class MeasuredUsage:
    """Energy that sites used in the last ticks, by site."""

    ticks: dict[str, deque[SiteTick]] = field(default_factory=dict)

    def take(self, snapshot: Snapshot) -> None:
        """Take in a stored tick; one that was taken in already changes nothing."""
        begin_s = int(snapshot.at.timestamp())
        end_s = begin_s + snapshot.tick_minutes * SECONDS_PER_MINUTE
        for site in snapshot.sites:
            known = self.ticks.setdefault(site.id, deque(maxlen=MOST_TICKS))
            if known and known[-1].begin_s >= begin_s:
                continue
            metered_mw = None if site.metered is None else site.metered.site_power_mw
            power_mw = site.site_power_mw if metered_mw is None else metered_mw
            known.append(
                SiteTick(
                    begin_s=begin_s,
                    end_s=end_s,
                    energy_mwh=power_mw * snapshot.tick_minutes / MINUTES_PER_HOUR,
                    is_limited=site.import_limit_mw is not None,
                    is_metered=metered_mw is not None,
                )
            )

    def within(self, site_id: str, begin_s: int, end_s: int) -> tuple[SiteTick, ...] | None:
        """List the ticks of an interval; None unless they cover all of it, ends included."""
        found = tuple(tick for tick in self.ticks.get(site_id, ()) if begin_s <= tick.begin_s and tick.end_s <= end_s)
        covered_s = sum(tick.end_s - tick.begin_s for tick in found)
        return found if found and covered_s == end_s - begin_s else None


def report_of(
    event: AdrEvent, resources: Sequence[tuple[str, str]], usage: MeasuredUsage, ven_name: str, seen_s: int
) -> dict[str, Any] | None:
    """Build the usage report that an OpenADR event asks for; None for none yet.

    An interval is told when ticks cover all of it: nothing is estimated. An event that asks for its report at the end
    gets it then; another gets what is known after each interval.

    Args:
        resources: sites of the event and their names at the VTN.

    Raises:
        FeedInvalid: the intervals of the event cannot be read.
    """
    asked = [one for one in event.report_descriptors or () if one.payload_type in KNOWN]
    spans = [(begin_s, end_s) for _, begin_s, end_s in spans_of(event, seen_s) if end_s < ENDLESS_S]
    if not asked or not spans:
        return None
    is_over = all(usage.within(site_id, *spans[-1]) is not None for site_id, _ in resources)
    now = [one for one in asked if one.start_interval >= 0 or is_over]
    told = [one for one in _resources_of(resources, spans, now, usage) if one["intervals"]] if now else []
    if not told:
        return None
    return {
        "programID": event.program_id,
        "eventID": event.id,
        "clientName": ven_name,
        "reportName": f"{ven_name} {event.id}",
        "payloadDescriptors": [
            {"payloadType": one.payload_type, **({"units": "KWH"} if one.payload_type == USAGE else {})} for one in now
        ],
        "resources": told,
    }


def _resources_of(
    resources: Sequence[tuple[str, str]],
    spans: Sequence[tuple[int, int]],
    asked: Sequence[ReportDescriptor],
    usage: MeasuredUsage,
) -> Iterator[dict[str, Any]]:
    apart = [one for one in asked if not one.aggregate]
    together = [one for one in asked if one.aggregate]
    if apart:
        for site_id, name in resources:
            yield {"resourceName": name, "intervals": list(_intervals([site_id], spans, apart, usage))}
    if together:
        sites = [site_id for site_id, _ in resources]
        yield {"resourceName": AGGREGATED, "intervals": list(_intervals(sites, spans, together, usage))}


def _intervals(
    sites: Sequence[str], spans: Sequence[tuple[int, int]], asked: Sequence[ReportDescriptor], usage: MeasuredUsage
) -> Iterator[dict[str, Any]]:
    for number, (begin_s, end_s) in enumerate(spans):
        found = [usage.within(site_id, begin_s, end_s) for site_id in sites]
        known = [ticks for ticks in found if ticks is not None]
        if len(known) < len(sites):
            continue
        used_kwh = KWH_PER_MWH * sum(tick.energy_mwh for ticks in known for tick in ticks)
        hours = (end_s - begin_s) / (SECONDS_PER_MINUTE * MINUTES_PER_HOUR)
        is_running = used_kwh / hours > TOLERANCE_MW * KWH_PER_MWH
        is_limited = any(tick.is_limited for ticks in known for tick in ticks)
        values = {
            USAGE: round(used_kwh, 3),
            OPERATING_STATE: f"{'RUNNING' if is_running else 'IDLE'}_{'CURTAILED' if is_limited else 'NORMAL'}",
        }
        yield {
            "id": number,
            "intervalPeriod": {
                "start": f"{datetime.fromtimestamp(begin_s, UTC):%Y-%m-%dT%H:%M:%SZ}",
                "duration": f"PT{end_s - begin_s}S",
            },
            "payloads": [{"type": one.payload_type, "values": [values[one.payload_type]]} for one in asked],
        }
