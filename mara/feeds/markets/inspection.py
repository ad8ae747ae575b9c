"""Reports on market files: layout, points, period, steps, gaps, limits."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mara.errors import FeedInvalid
from mara.feeds.markets.declaration import DEMAND, DEMAND_FORECAST, Layout, Quantity
from mara.feeds.markets.doubts import at_cap, equal_runs, zero_runs
from mara.feeds.markets.reading.clocks import HOUR_S, day_text, utc_text, wall_clock
from mara.feeds.markets.reading.door import read_rows
from mara.feeds.markets.reading.faces import Face, opened_in, recognised_each
from mara.feeds.markets.reading.readings import Readings, Wanted
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import gaps_of, hours_short, series_of
from mara.feeds.markets.reading.sources import Source, sources_of
from mara.feeds.markets.registry import LAYOUTS, layouts_of

MOST_SERIES_SHOWN: Final = 50
"""Most series that one report describes; `SeriesPart` says which."""
MOST_CASES_SHOWN: Final = 20
UNITS: Final = {
    "carbon_g_per_kwh": "g/kWh",
    "dry_bulb_c": "C",
    "wet_bulb_c": "C",
    DEMAND: "MW",
    DEMAND_FORECAST: "MW",
    "renewable_share": "0 to 1",
    "humidity_share": "0 to 1",
    "hashprice_usd_per_ph_day": "USD/PH/day",
}
"""Units of fields, to which the units of publishers are converted."""
PRICES: Final = frozenset({Quantity.PRICE, Quantity.ANCILLARY})


MARKDOWN_COLUMNS: Final = (
    "id",
    "publisher, report",
    "quantity",
    "stamps",
    "clock",
    "repeated hour told by",
    "steps [min]",
    "unit",
)


def layout_table() -> list[dict[str, Any]]:
    """List every layout with its conventions."""
    return [
        {
            "id": layout.id,
            "variant": layout.variant,
            "publisher": layout.publisher,
            "report": layout.report,
            "quantity": str(layout.quantity),
            "stamp_side": str(layout.side),
            "clock": layout.clock.zone if not layout.clock.is_stated else "as each stamp says",
            "repeated_hour": str(layout.clock.repeat),
            "steps_minutes": list(layout.steps_minutes),
            "unit": layout.unit,
            "currency": layout.currency,
            "key": [*layout.point[:1], *(key.name for key in layout.keys if key.is_identity)],
            "known": str(layout.known) if layout.known is not None else None,
            "valid_from": layout.valid_from.isoformat() if layout.valid_from is not None else None,
            "version": layout.version,
            "licence": layout.licence,
        }
        for layout in LAYOUTS
    ]


def markdown_lines() -> list[str]:
    """Write the table of layouts for a page, a row for each id."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in layout_table():
        rows.setdefault(row["id"], []).append(row)
    return [
        f"| {' | '.join(MARKDOWN_COLUMNS)} |",
        f"|{'---|' * len(MARKDOWN_COLUMNS)}",
        *(f"| {' | '.join((f'`{name}`', *_markdown_cells(variants)))} |" for name, variants in rows.items()),
    ]


def _markdown_cells(variants: Sequence[dict[str, Any]]) -> list[str]:
    """Write the cells of an id; what differs between its variants stands side by side."""

    def told(texts: Iterable[str]) -> str:
        return "; ".join(text for text in dict.fromkeys(texts) if text) or "-"

    return [
        told(f"{row['publisher']}, {row['report']}" for row in variants),
        told(row["quantity"] for row in variants),
        told(row["stamp_side"] for row in variants),
        told(row["clock"] for row in variants),
        told("" if row["repeated_hour"] == "never" else row["repeated_hour"] for row in variants),
        told(" ".join(map(str, row["steps_minutes"])) for row in variants),
        told(row["unit"] for row in variants),
    ]


def fitting_layouts(path: Path) -> dict[Quantity, tuple[str, ...]]:
    """Ids of the layouts that a file may be in by quantity.

    Of an archive the first file decides.

    Raises:
        FeedInvalid: none fits, or the file cannot be read.
    """
    source = sources_of(path)[0]
    face = Face.of(source)
    fitting: dict[Quantity, dict[str, None]] = {}
    for layout in LAYOUTS:
        if face.sheet_in(layout) is not None:
            fitting.setdefault(layout.quantity, {})[layout.id] = None
    if not fitting:
        recognised_each(source, LAYOUTS)  # which says why none fits
    return {quantity: tuple(ids) for quantity, ids in fitting.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPart:
    """The part of many series that a report describes, at most `MOST_SERIES_SHOWN`.

    Attributes:
        find: text that their names contain, in any case.
        skip: count of the first of them to leave out.
    """

    find: str = ""
    skip: int = 0


def inspected(
    files: Sequence[Path],
    layout_id: str | None = None,
    *,
    own: Layout | None = None,
    part: SeriesPart = SeriesPart(),
    on_batch: Callable[[], object] = lambda: None,
    on_refusal: Callable[[Sequence[str], FeedInvalid], object] | None = None,
) -> list[dict[str, Any]]:
    """Report on files, one report for all files of the same layout.

    A file that holds several quantities, such as price and demand, is in a report of each.

    Args:
        own: a layout of the user's, in which the files are read.
        on_batch: called again and again while files are read; raises where nobody waits for the report any more.
        on_refusal: called with the names and the fault of refused files; without it, the fault is raised.

    Raises:
        FeedInvalid: a file fits no layout, or holds an invalid stamp or number.
        ConfigError: there is no layout of that name.
    """
    layouts = [own] if own is not None else layouts_of(layout_id) if layout_id is not None else None

    def refused(names: Sequence[str], error: FeedInvalid) -> None:
        if on_refusal is None:
            raise error
        on_refusal(names, error)

    by_layout: dict[str, list[Readings]] = {}
    for path in files:
        try:
            found = [readings for source in sources_of(path) for readings in _readings_of(source, layouts, on_batch)]
        except FeedInvalid as error:
            refused([str(path)], error)
            continue
        for readings in found:
            by_layout.setdefault(readings.layout.name, []).append(readings)
    on_batch()
    return [report for of_layout in by_layout.values() for report in _reports_of(of_layout, part, refused)]


def _readings_of(
    source: Source, layouts: Sequence[Layout] | None, on_batch: Callable[[], object]
) -> Iterator[Readings]:
    """Read a file in one of the layouts, or in those that its header decides."""
    opened = recognised_each(source, LAYOUTS) if layouts is None else [opened_in(source, layouts)]
    for layout, sheet in opened:
        yield read_rows(sheet, layout, Wanted(), on_batch)


def _reports_of(
    readings: Sequence[Readings], part: SeriesPart, refused: Callable[[Sequence[str], FeedInvalid], object]
) -> list[dict[str, Any]]:
    """Report on files of a layout together, or apart if they contradict others."""
    try:
        return [_report(readings, part)]
    except FeedInvalid as error:
        together = error
    if len(readings) == 1:
        refused([readings[0].source.name], together)
        return []
    apart = [(one, _report_or_fault(one, part)) for one in readings]
    faults = [(one, found) for one, found in apart if isinstance(found, FeedInvalid)]
    if not faults:
        refused([one.source.name for one in readings], together)
        return [found for _, found in apart if not isinstance(found, FeedInvalid)]
    for one, fault in faults:
        refused([one.source.name], fault)
    sound = [one for one, found in apart if not isinstance(found, FeedInvalid)]
    return _reports_of(sound, part, refused) if sound else []


def _report_or_fault(readings: Readings, part: SeriesPart) -> dict[str, Any] | FeedInvalid:
    try:
        return _report([readings], part)
    except FeedInvalid as error:
        return error


def _report(readings: Sequence[Readings], part: SeriesPart) -> dict[str, Any]:
    layout = readings[0].layout
    series = series_of(readings)
    wanted = part.find.strip().casefold()
    matching = [one for one in series if wanted in one.key.name.casefold()]
    return {
        "files": [reading.source.name for reading in readings],
        **_conventions(layout),
        "rows": int(sum(len(reading.begin_s) for reading in readings)),
        "rows_without_value": int(sum(reading.absent for reading in readings)),
        "points": sorted({one.key.point for one in series})[:MOST_SERIES_SHOWN],
        "series_count": len(series),
        "matching_count": len(matching),
        "skipped": part.skip,
        "series": [_series_report(one) for one in matching[part.skip :][:MOST_SERIES_SHOWN]],
    }


def _conventions(layout: Layout) -> dict[str, Any]:
    return {
        "layout": layout.id,
        "variant": layout.variant,
        "publisher": layout.publisher,
        "report": layout.report,
        "quantity": str(layout.quantity),
        "clock": layout.clock.zone if not layout.clock.is_stated else "as each stamp says",
        "repeated_hour": str(layout.clock.repeat),
        "stamp_side": str(layout.side),
        "unit": layout.unit,
        "read_unit": _read_unit(layout),
        "licence": layout.licence,
    }


def _read_unit(layout: Layout) -> str:
    """The unit of the reported values: the publisher's, or that converted to."""
    first = layout.values[0]
    if first.factor == 1.0 and first.quality is None:
        return first.unit
    if layout.quantity in PRICES:
        hourly = "MW/h" if layout.quantity is Quantity.ANCILLARY else "MWh"
        return f"{first.currency or layout.currency}/{hourly}".removeprefix("/")
    return UNITS.get(first.field, first.unit)


def _series_report(series: MarketSeries) -> dict[str, Any]:
    value = next(column for column in series.values.values() if not np.isnan(column).all())
    overlaps = int((series.begin_s[1:] < series.end_s[:-1]).sum())
    gaps = gaps_of(series)
    report: dict[str, Any] = {
        "point": series.key.point,
        "key": dict(series.key.parts),
        "currency": series.key.currency or None,
        "steps_minutes": sorted(set(((series.end_s - series.begin_s) / 60).tolist())),
        "first": utc_text(series.begin_s[0]),
        "last": utc_text(series.end_s[-1]),
        "intervals": len(series.begin_s),
        "days": _days(series),
        "gaps": [gap.text for gap in gaps[:MOST_CASES_SHOWN]],
        "gap_count": len(gaps),
        "overlap_count": overlaps,
        "repeats": series.repeats,
        "revisions": series.revisions,
        "least": float(np.nanmin(value)),
        "most": float(np.nanmax(value)),
        "zero_runs": _runs(series, zero_runs(series)),
        "equal_runs": _runs(series, equal_runs(series)),
    }
    if series.layout.quantity in PRICES:
        report["negative"] = int((value < 0.0).sum())
        report["zero"] = int((value == 0.0).sum())
        report["at_cap"] = int(at_cap(series).sum())
    return report


def _days(series: MarketSeries) -> dict[str, Any]:
    """Count local days by their number of intervals, and list the unusual ones."""
    clock = wall_clock(series.day_zone)
    days, counts = np.unique(clock.days_of(series.begin_s), return_counts=True)
    hours = clock.lengths_of(days) / HOUR_S
    short = hours_short(series)
    usual = Counter(counts.tolist())
    odd = [
        {
            "day": day_text(day),
            "hours": float(length),
            "intervals": int(count),
            "missing_hours": round(short.get(int(day), 0.0), 4),
        }
        for day, count, length in zip(days.tolist(), counts.tolist(), hours.tolist(), strict=True)
        if length != 24.0 or int(day) in short
    ]
    return {
        "clock": series.day_zone,
        "count": len(days),
        "by_intervals": {str(count): number for count, number in sorted(usual.items())},
        "odd": odd[:MOST_CASES_SHOWN],
        "short_count": len(short),
    }


def _runs(series: MarketSeries, runs: Any) -> list[str]:
    return [
        f"{utc_text(series.begin_s[first])} to {utc_text(series.end_s[last - 1])}"
        for first, last in runs[:MOST_CASES_SHOWN].tolist()
    ]


def _unit_told(report: Mapping[str, Any]) -> str:
    """Name the unit of the values, and that of the file where it is another."""
    read, published = report["read_unit"], report["unit"]
    told = read or "(no unit)"
    return told if read == published else f"{told} (in the file: {published})"


def lines_of(report: Mapping[str, Any]) -> list[str]:
    """Format a report as lines of text."""
    lines = [
        f"{', '.join(report['files'])}: {report['layout']}"
        + (f" ({report['variant']})" if report["variant"] else "")
        + "".join(f", {word}" for word in (report["publisher"], report["report"]) if word),
        f"  {report['quantity']} in {_unit_told(report)}, clock {report['clock']}, stamps name the "
        f"{report['stamp_side']} of the interval, "
        + (
            "no hour is repeated"
            if report["repeated_hour"] == "never"
            else f"repeated hour told by {report['repeated_hour']}"
        ),
        f"  {report['rows']:,} rows with values, {report['rows_without_value']:,} without, "
        f"{report['series_count']:,} series",
    ]
    for one in report["series"]:
        key = ", ".join([one["point"] or "(one)", *(f"{name} {text}" for name, text in one["key"].items())])
        steps = ", ".join(f"{step:g}" for step in one["steps_minutes"])
        lines.append(
            f"  {key} {one['currency'] or ''}: {one['intervals']:,} intervals of {steps} min, {one['first']} to "
            f"{one['last']}, {one['least']:g} to {one['most']:g}"
        )
        told = {name: one.get(name, 0) for name in ("negative", "zero", "at_cap", "repeats", "revisions")}
        told |= {"gaps": one["gap_count"], "overlaps": one["overlap_count"], "short days": one["days"]["short_count"]}
        lines.append("    " + ", ".join(f"{name} {count:,}" for name, count in told.items()))
        days = ", ".join(f"{number:,} x {count}" for count, number in one["days"]["by_intervals"].items())
        lines.append(f"    local days ({one['days']['clock']}): {days} intervals")
        lines += [
            f"    {odd['day']}: {odd['hours']:g} h, {odd['intervals']} intervals, {odd['missing_hours']:g} h missing"
            for odd in one["days"]["odd"]
        ]
        lines += [f"    no value: {gap}" for gap in one["gaps"]]
        lines += [f"    zeros: {run}" for run in one["zero_runs"]]
        lines += [f"    one value: {run}" for run in one["equal_runs"]]
    shown = report["skipped"] + len(report["series"])
    if shown < report["matching_count"]:
        lines.append(f"  {report['matching_count'] - shown:,} more series: --skip {shown}, or --find part of a name")
    return lines
