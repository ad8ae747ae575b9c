"""The columns of a site on the steps of the history, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid
from mara.feeds.files import history_file
from mara.feeds.markets.building.gathering import Reader, Request
from mara.feeds.markets.building.grid import Steps, on_steps
from mara.feeds.markets.building.money import DOLLAR, Rates, refuse_unbelievable, unit_of
from mara.feeds.markets.building.spec import SiteSpec, SourceTable
from mara.feeds.markets.building.surroundings import mix_of, wet_bulb_of
from mara.feeds.markets.building.tariff import tariff_prices
from mara.feeds.markets.declaration import Known, Quantity
from mara.feeds.markets.doubts import doubts_of
from mara.feeds.markets.reading.clocks import day_text, utc_text, wall_clock
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import Fill, Window, whole
from mara.feeds.markets.reading.sources import sha256_of

PRICE: Final = "price_usd_per_mwh"
DAY_AHEAD: Final = "day_ahead_usd_per_mwh"
CARBON: Final = "carbon_g_per_kwh"
RENEWABLE: Final = "renewable_share"
RESERVE_UNIT: Final = "USD/MW/h"
DRY_BULB: Final = "dry_bulb_c"
WET_BULB: Final = "wet_bulb_c"
BOUNDS: Final = {**history_file.BOUNDS, **history_file.OPTIONAL_BOUNDS}
"""Least and most that the reader of histories takes."""
RENEWABLE_UNSAID: Final = "renewable_share is not said, 0 is written"
WET_BULB_UNSAID: Final = "the wet bulb is not said, the dry bulb is written: saturated air, the dearest to cool with"
KNOWN_UNSAID: Final = (
    'the layout does not say when prices are known, real_time is written: say known = "day_ahead" if so'
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceColumns:
    """Columns from one source: values on the steps (N,), or one number for all steps.

    Attributes:
        story: origin of the values, for the provenance.
    """

    values: Mapping[str, Floats | float]
    story: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    filled: int = 0
    known: Known = Known.DAY_AHEAD
    market: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringer:
    """Converts the sources of a site to columns on the steps of a history.

    Attributes:
        trusts_units: whether values that look as if they were in another unit are accepted.
    """

    reader: Reader
    steps: Steps
    fill: Fill
    rates: Rates
    trusts_units: bool = False
    seen: dict[str, str] = field(default_factory=dict)

    def price(self, request: Request, site: SiteSpec, column: str) -> SourceColumns:
        """Read a price column in US dollars per MWh.

        Raises:
            FeedInvalid: the files cannot be used, or a price is beyond what any market of its currency has had.
        """
        table = request.table
        if table.files is None:
            return self._agreed(request, site, column)
        series = self._whole(self.reader.series_of(request), "price")
        refuse_unbelievable(series, series.key.currency, trusts_units=self.trusts_units)
        native = on_steps(self.steps, series.begin_s, series.end_s, series.values["price"])
        dollars, story = self._dollars(native, series.key.currency, site.timezone)
        known = Known(table.known) if table.known is not None else _known_of(series) or series.layout.known
        if column == DAY_AHEAD and known is Known.REAL_TIME and table.known is None:
            raise FeedInvalid(
                f"{request.where} should have prices that are known a day before delivery, {series.key.name} of "
                f"{series.layout.id} are real-time prices: name the files of the day-ahead market, or say "
                'known = "day_ahead"'
            )
        doubts = doubts_of(series)
        warnings = doubts if known is not None else (*doubts, KNOWN_UNSAID)
        return SourceColumns(
            values={column: dollars},
            story={**self.story(request, series), **story},
            warnings=warnings,
            filled=_steps_filled(series, self.steps),
            known=known or Known.REAL_TIME,
            market=f"{series.layout.publisher} {series.key.point}".strip(),
        )

    def demand(self, request: Request) -> SourceColumns:
        """Read the demand of a power system, or its forecast, in MW.

        Raises:
            FeedInvalid: the files cannot be used, or do not have the field.
        """
        series = self._whole(self.reader.series_of(request), request.field)
        values = on_steps(self.steps, series.begin_s, series.end_s, series.values[request.field])
        return SourceColumns(
            values={request.field: values},
            story=self.story(request, series),
            warnings=doubts_of(series),
            filled=_steps_filled(series, self.steps),
        )

    def carbon(self, request: Request) -> SourceColumns:
        """Read the columns of carbon intensity and renewable share.

        Raises:
            ConfigError: the layout or a key is unknown.
            FeedInvalid: the files or the constant cannot be used, or do not have the field.
        """
        table = request.table
        if table.files is None:
            said = _constant_of(table, CARBON)
            renewable = said.get(RENEWABLE, table.renewable_share)
            warnings = () if renewable is not None else (RENEWABLE_UNSAID,)
            numbers = {CARBON: said[CARBON], RENEWABLE: renewable or 0.0}
            return SourceColumns(values=numbers, story={"constant": numbers}, warnings=warnings)
        series = self.reader.series_of(request)
        if CARBON not in series.values:
            series = replace(series, values=dict(zip((CARBON, RENEWABLE), mix_of(series.values), strict=True)))
        return self._measured(request, series, (CARBON, RENEWABLE))

    def weather(self, request: Request) -> SourceColumns:
        """Read the columns of dry and wet bulb, or derive the wet bulb from humidity.

        Raises:
            ConfigError: the layout or a key is unknown.
            FeedInvalid: the files or the constant cannot be used, or do not have the field.
        """
        table = request.table
        if table.files is None:
            said = _constant_of(table, DRY_BULB)
            dry, wet = said[DRY_BULB], said.get(WET_BULB, table.wet_bulb_c)
            numbers = {DRY_BULB: dry, WET_BULB: dry if wet is None else min(dry, wet)}
            warnings = (WET_BULB_UNSAID,) if wet is None else ()
            return SourceColumns(values=numbers, story={"constant": numbers}, warnings=warnings)
        series = self.reader.series_of(request)
        wet_bulb = wet_bulb_of(series.values[DRY_BULB], series.values)
        values = {DRY_BULB: series.values[DRY_BULB], **({WET_BULB: wet_bulb} if wet_bulb is not None else {})}
        return self._measured(request, replace(series, values=values), (DRY_BULB, WET_BULB))

    def _measured(self, request: Request, series: MarketSeries, names: tuple[str, str]) -> SourceColumns:
        """Read a pair of columns, of which the second may be missing from the file."""
        first, second = names
        values: dict[str, Floats | float] = {}
        filled, warnings = 0, list(doubts_of(series) if first == CARBON else ())
        for name in names:
            if name in series.values:
                kept = self._whole(series, name)
                values[name] = on_steps(self.steps, kept.begin_s, kept.end_s, kept.values[name])
                filled = max(filled, _steps_filled(kept, self.steps))
        if second not in values:
            said = request.table.renewable_share if second == RENEWABLE else None
            warnings += [] if said is not None else [RENEWABLE_UNSAID if second == RENEWABLE else WET_BULB_UNSAID]
            values[second] = (said or 0.0) if second == RENEWABLE else values[DRY_BULB]
        story = self.story(request, self._whole(series, first))
        return SourceColumns(values=values, story=story, warnings=tuple(warnings), filled=filled)

    def _whole(self, series: MarketSeries, field_name: str) -> MarketSeries:
        """Cut one field of a series to the period; rows without its value are gaps."""
        there = ~np.isnan(series.values[field_name])
        missing = int((~there).sum())
        if missing:
            series = replace(series.taken(there), absent=series.absent + missing)
        window = Window(from_s=self.steps.from_s, to_s=self.steps.to_s)
        kept = whole(replace(series, values={field_name: series.values[field_name]}), window, self.fill)
        bounds = BOUNDS.get(field_name)
        if bounds is not None:
            value = kept.values[field_name]
            bad = np.flatnonzero((value < bounds[0]) | (value > bounds[1]))
            if bad.size:
                raise kept.refusal(
                    int(bad[0]),
                    f"{field_name} should be {bounds[0]:g} to {bounds[1]:g}, is {value[bad[0]]:g}: is it in another "
                    "unit? correct it",
                )
        return kept

    def _agreed(self, request: Request, site: SiteSpec, column: str) -> SourceColumns:
        """Price column of a constant or a tariff, converted from its currency."""
        table = request.table
        unit = table.unit or (RESERVE_UNIT if request.quantities == (Quantity.ANCILLARY,) else "USD/MWh")
        factor, currency = unit_of(unit, request.where)
        if table.tariff:
            native = factor * tariff_prices(table.tariff, self.steps.begin_s, site.timezone, request.where)
            said: dict[str, Any] = {"tariff": [line.model_dump() for line in table.tariff]}
        else:
            price = _constant_of(table, "price")["price"]
            native = np.full(self.steps.count, factor * price)
            said = {"constant": {"price": price}}
        dollars, story = self._dollars(native, currency, site.timezone)
        known = Known(table.known) if table.known is not None else Known.DAY_AHEAD
        return SourceColumns(
            values={column: dollars},
            story={**said, "unit": unit, **story},
            known=known,
            market="tariff" if table.tariff else "constant",
        )

    def _dollars(self, native_per_mwh: Floats, currency: str, zone: str) -> tuple[Floats, dict[str, Any]]:
        """Convert prices to US dollars at the rate of the local day of delivery."""
        days = wall_clock(zone).days_of(self.steps.begin_s)
        rate = self.rates.usd_per(currency, days)
        dollars = native_per_mwh * rate if currency != DOLLAR else native_per_mwh
        bad = np.flatnonzero((dollars < BOUNDS[PRICE][0]) | (dollars > BOUNDS[PRICE][1]))
        if bad.size:
            raise FeedInvalid(
                f"a price should be {BOUNDS[PRICE][0]:,g} to {BOUNDS[PRICE][1]:,g} USD/MWh in a history, is "
                f"{dollars[bad[0]]:,g} at {utc_text(int(self.steps.begin_s[bad[0]]))}: is it in another currency?"
            )
        changes = np.flatnonzero(np.r_[True, np.diff(rate) != 0.0])
        rates = [[day_text(int(days[place])), float(rate[place])] for place in changes.tolist()]
        return dollars, {"currency": currency, "usd_per_unit_from_day": rates if currency != DOLLAR else []}

    def story(self, request: Request, series: MarketSeries) -> dict[str, Any]:
        """Describe the files of a source and how they were read, for the provenance."""
        layout = series.layout
        files = []
        for path in self.reader.paths_of(request):
            if str(path) not in self.seen:
                self.seen[str(path)] = sha256_of(path)
            files.append({"name": path.name, "sha256": self.seen[str(path)], "bytes": path.stat().st_size})
        return {
            "layout": layout.id,
            "variant": layout.variant,
            "layout_version": layout.version,
            "publisher": layout.publisher,
            "report": layout.report,
            "licence": layout.licence,
            "series": series.key.name,
            "stamp_side": str(layout.side),
            "clock": layout.clock.zone,
            "repeated_hour": str(layout.clock.repeat),
            "unit": layout.unit,
            "steps_minutes": sorted(set(((series.end_s - series.begin_s) // 60).tolist())),
            "files": files,
            "as_of": request.table.as_of.isoformat() if request.table.as_of is not None else None,
            "repeats_left_out": series.repeats,
            "revisions_taken": series.revisions,
            "filled": [[utc_text(gap.from_s), utc_text(gap.to_s)] for gap in series.filled],
        }


def _constant_of(table: SourceTable, name: str) -> dict[str, float]:
    """The numbers of a constant by field; a number alone is the first field's."""
    said = table.constant if isinstance(table.constant, dict) else {name: table.constant or 0.0}
    if name not in said:
        raise FeedInvalid(f"constant should say {name}, says {', '.join(said) or 'nothing'}: add it")
    return said


def _known_of(series: MarketSeries) -> Known | None:
    """The kind of market that a column of the file names; None without such a column."""
    parts = dict(series.key.parts)
    for key in series.layout.keys:
        if key.day_ahead and parts.get(key.name):
            return Known.DAY_AHEAD if parts[key.name].upper() in key.day_ahead else Known.REAL_TIME
    market = parts.get("market", "").upper()
    if not market:
        return None
    return Known.DAY_AHEAD if market.startswith("DAY_AHEAD") else Known.REAL_TIME


def _steps_filled(series: MarketSeries, steps: Steps) -> int:
    """Count the steps that filled gaps touch."""
    return sum(-(-gap.to_s // steps.step_s) - gap.from_s // steps.step_s for gap in series.filled)
