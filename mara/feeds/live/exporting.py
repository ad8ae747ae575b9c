"""A history folder of what a journal holds, for backtests of a live stretch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mara.core.arrays import Floats
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.files.history_provenance import PROVENANCE_VERSION
from mara.feeds.live.feed import COLUMNS, known_of
from mara.feeds.live.given import given_prices, given_values, hashprice_of
from mara.feeds.live.journal import entries_in, is_journal
from mara.feeds.live.known import NOTHING, KnownValues
from mara.feeds.live.sources import LiveSource, Part, of_site, parts_of, sources_of_spec
from mara.feeds.markets.building.columns import DAY_AHEAD, PRICE, RENEWABLE
from mara.feeds.markets.building.folder import Format, SiteRows, write_folder
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import SiteSpec, Spec
from mara.feeds.markets.declaration import Known
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, utc_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """Options of an export; without a period, all that the journal listened to."""

    out: Path
    from_s: int | None = None
    to_s: int | None = None
    kind: Format = Format.CSV


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Exported:
    """Columns of a site, the origin of each, and the values that were carried."""

    rows: SiteRows
    story: Mapping[str, Any]
    filled: int


def export_journal(spec: Spec, folder: Path, order: ExportOrder) -> dict[str, Any]:
    """Write a history of the last editions in a journal; return a report of it.

    A step without a value has the one before, as a live run had it; these are counted.

    Raises:
        ConfigError: the SPEC or the target cannot be used, or there is no journal.
        FeedInvalid: the journal is damaged, or holds nothing of the period.
        FeedUnavailable: a day has no hashprice that could be carried on.
    """
    if not is_journal(folder):
        raise ConfigError(f"{folder} should be the journal of a live feed, holds none: name it with --journal")
    known, first_s, last_s = _editions(folder)
    steps = _steps(spec, order, first_s, last_s)
    sources = sources_of_spec(spec)
    sites = [_site(site, of_site(sources, site.id), known, steps, spec) for site in spec.site]
    late_s = {source.name: source.late_s for source in sources}
    noon_s = [min(int(day) * DAY_S + DAY_S - 1, last_s) for day in steps.days]
    price = np.array([hashprice_of(spec.bitcoin, known, at_s, late_s)[0] for at_s in noon_s])
    report = {
        "out": str(order.out),
        "from": utc_text(steps.from_s),
        "to": utc_text(steps.to_s),
        "step_minutes": steps.step_s // 60,
        "rows": steps.count * len(sites),
        "filled": sum(site.filled for site in sites),
    }
    provenance = {
        "provenance_version": PROVENANCE_VERSION,
        **{name: report[name] for name in ("from", "to", "step_minutes", "rows", "filled")},
        "warnings": [],
        "fill": "carry",
        "sites": [site.story for site in sites],
        "bitcoin": {"provider": spec.bitcoin.provider},
    }
    rows = [site.rows for site in sites]
    write_folder(order.out, steps, rows, (steps.days, price), provenance, on_rows=_in_silence, kind=order.kind)
    return report


def _in_silence(done: int, total: int) -> None:
    """Tell nothing of the progress: a journal's rows are few."""
    del done, total


def _editions(folder: Path) -> tuple[dict[str, KnownValues], int, int]:
    """Read the last edition of all values, and when listening began and ended."""
    known: dict[str, KnownValues] = {}
    moments = []
    for entry in entries_in(folder):
        moments.append(entry.known_at_s)
        if entry.told is not None:
            known[entry.source] = known.get(entry.source, NOTHING).later(entry.told, entry.known_at_s, forgets=False)
    return known, moments[0], moments[-1]


def _steps(spec: Spec, order: ExportOrder, first_s: int, last_s: int) -> Steps:
    step_s = spec.history.step_minutes * 60
    from_s = -(-first_s // HOUR_S) * HOUR_S if order.from_s is None else order.from_s
    to_s = last_s // HOUR_S * HOUR_S if order.to_s is None else order.to_s
    if from_s % step_s or to_s % step_s:
        raise ConfigError(f"--from and --to should be whole steps of {step_s // 60} minutes: round them")
    if from_s >= to_s:
        raise ConfigError(
            f"the journal should hold a whole hour, tells of {utc_text(first_s)} to {utc_text(last_s)}: listen longer, "
            "or give --from and --to"
        )
    return Steps(from_s=from_s, to_s=to_s, step_s=step_s)


def _site(
    site: SiteSpec, sources: tuple[LiveSource, ...], known: Mapping[str, KnownValues], steps: Steps, spec: Spec
) -> _Exported:
    by_part = {source.part: source for source in sources}
    columns: dict[str, Floats | float] = {}
    story: dict[str, Any] = {"id": site.id}
    filled = 0
    for part, table in parts_of(site):
        source = by_part.get(part)
        if source is None:
            given = given_values(part, table, site, steps.from_s, spec.fx.usd_per)
            if part in {Part.PRICE, Part.DAY_AHEAD}:
                name = PRICE if part is Part.PRICE else DAY_AHEAD
                columns[name] = given_prices(table, site, steps, spec.fx.usd_per, f"site {site.id} {part}")
            else:
                columns |= given
            story[str(part)] = {"constant": given}
            continue
        for name in COLUMNS[part]:
            values, gaps = _carried(source, known, name, steps)
            columns[name] = (
                values
                if values is not None
                else (table.renewable_share or 0.0)
                if name == RENEWABLE
                else columns[COLUMNS[part][0]]
            )
            filled += gaps
        story[str(part)] = {"provider": source.provider.id, "licence": source.provider.layouts[0].licence}
    price = by_part.get(Part.PRICE)
    row = SiteRows(
        site=site,
        columns=columns,
        price_zone=f"{site.price.provider or 'own'} {site.price.point}".strip(),
        price_known=Known.DAY_AHEAD if price is None else known_of(price),
    )
    return _Exported(rows=row, story=story, filled=filled)


def _carried(
    source: LiveSource, known: Mapping[str, KnownValues], name: str, steps: Steps
) -> tuple[Floats | None, int]:
    """Put a column on steps, gaps with the value before; None for one that never came."""
    of = known.get(source.name, NOTHING)
    if name not in of.told.columns:
        if name == COLUMNS[source.part][0]:
            raise FeedInvalid(f"{source.name} should have told values, the journal has none: correct the SPEC")
        return None, 0
    values = of.on(steps, name)
    gaps = np.isnan(values)
    if gaps[0]:
        raise FeedInvalid(
            f"{source.name} should have told a value of {utc_text(steps.from_s)}, told none: give a later --from"
        )
    places = np.maximum.accumulate(np.where(gaps, 0, np.arange(len(values))))
    return values[places], int(gaps.sum())
