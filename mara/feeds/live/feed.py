"""The live feed: the outside world as it was known at each tick.

A source that is late, silent or wrong leaves its last value standing, and is named as stale. Nothing is invented.

Model: docs/model.md#13-forecasts ; decisions 0191 and 0192
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import ContractRequest
from mara.core.market import DEFAULT_TOKEN_PRICE_USD_PER_MTOK, token_demand_per_h
from mara.core.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.core.world import Forecast, Observation, RunConfig
from mara.errors import FeedUnavailable
from mara.feeds.forecast_rows import ForecastRows, rows_from_now
from mara.feeds.live import expected
from mara.feeds.live.expected import Ahead, Column, StepClock
from mara.feeds.live.given import given_prices, given_values, hashprice_of
from mara.feeds.live.known import NOTHING, KnownValues
from mara.feeds.live.limits import limits_of, silent_vtn
from mara.feeds.live.memory import Memory
from mara.feeds.live.sources import LiveSource, Part, of_site, parts_of, sources_of_spec
from mara.feeds.markets.building.columns import CARBON, DAY_AHEAD, DRY_BULB, PRICE, RENEWABLE, WET_BULB
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import SiteSpec, Spec
from mara.feeds.markets.declaration import Known
from mara.feeds.persistence import CARBON_LEVEL_HALF_LIFE_H, WEATHER_LEVEL_HALF_LIFE_H
from mara.feeds.replayed_series import multipliers_of_hours

COLUMNS: Final = {
    Part.PRICE: (PRICE,),
    Part.DAY_AHEAD: (DAY_AHEAD,),
    Part.CARBON: (CARBON, RENEWABLE),
    Part.WEATHER: (DRY_BULB, WET_BULB),
}
"""Columns of each part of a site; a source may leave the second out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _SiteNow:
    """Values of a site in a tick by column, and its stale sources."""

    value: Mapping[str, float]
    stale: tuple[str, ...]


class LiveFeed:
    """A feed over the memory of live sources.

    Forecasts know what was published by then, the newest price of real-time markets, and the days before. Machines are
    all available, and demand is that of the calendar; requests come from `arrivals` alone.

    Args:
        now_s: the present [UTC seconds], which instants may lie beyond.
        arrivals: contract requests of a tick; None: none.

    Raises:
        ConfigError: the SPEC's sites are not the fleet's, or its sources cannot be used.
    """

    name = "live"

    def __init__(
        self,
        config: RunConfig,
        spec: Spec,
        memory: Memory,
        now_s: Callable[[], float],
        *,
        token_price_usd_per_mtok: float = DEFAULT_TOKEN_PRICE_USD_PER_MTOK,
        arrivals: Callable[[int], tuple[ContractRequest, ...]] | None = None,
    ) -> None:
        self._config, self._spec, self._memory, self._now_s = config, spec, memory, now_s
        by_id = {site.id: site for site in spec.site}
        self._sites = tuple(by_id[site_id] for site_id in config.fleet.site_ids)
        self._sources = sources_of_spec(spec)
        self._token_price = token_price_usd_per_mtok
        self._arrivals = arrivals
        self._all = sealed(np.ones(config.fleet.site_count))
        self._late_s = {source.name: source.late_s for source in self._sources}
        self._tick_s = config.grid.tick_minutes * SECONDS_PER_MINUTE

    def observe(self, tick: int) -> Observation:
        """Return what was known when the tick began.

        Raises:
            FeedUnavailable: a source has told nothing yet, or has been silent too long.
        """
        at_s = self._config.grid.epoch_s(tick)
        known = self._memory.at(at_s, int(self._now_s()))
        sites = [self._site_now(site, known, at_s) for site in self._sites]
        hashprice, stale_hashes = hashprice_of(self._spec.bitcoin, known, at_s, self._late_s)
        multiplier = multipliers_of_hours(at_s // SECONDS_PER_HOUR, 1)[0]
        day_ahead = sealed(np.array([site.value.get(DAY_AHEAD, np.nan) for site in sites]))
        limits = self._limits(known, at_s, 1)
        return Observation(
            tick=tick,
            energy_price_usd_per_mwh=self._column(sites, PRICE),
            carbon_intensity_g_per_kwh=self._column(sites, CARBON),
            renewable_share=self._column(sites, RENEWABLE),
            dry_bulb_c=self._column(sites, DRY_BULB),
            wet_bulb_c=self._column(sites, WET_BULB),
            availability_share=self._all,
            hashprice_usd_per_ph_day=hashprice,
            token_price_usd_per_mtok=self._token_price,
            demand_multiplier_share=sealed(multiplier),
            demand_tokens_per_h=sealed(token_demand_per_h(multiplier, self._config.fleet)),
            arrivals=() if self._arrivals is None else self._arrivals(tick),
            stale_sources=(
                *(name for site in sites for name in site.stale),
                *stale_hashes,
                *silent_vtn(self._spec, known, at_s),
            ),
            day_ahead_usd_per_mwh=None if np.isnan(day_ahead).all() else day_ahead,
            import_limit_mw=None if limits is None else limits[0],
        )

    def forecast(self, tick: int, hours: int) -> Forecast:
        """Forecast `hours` hours (at least 1) by what was known when the tick began.

        Raises:
            FeedUnavailable: a source has told nothing yet, or has been silent too long.
        """
        assert hours >= 1
        at_s, minutes = self._config.grid.epoch_s(tick), self._config.grid.tick_minutes
        known = self._memory.at(at_s, int(self._now_s()))
        rows = rows_from_now(hours, tick_minutes=minutes, step_minutes=minutes, into_step_minutes=0)
        clock = StepClock(at_s=at_s, tick_s=self._tick_s, count=hours * MINUTES_PER_HOUR // minutes)
        sites = [self._site_ahead(site, known, clock) for site in self._sites]
        multiplier = self._multiplier(clock)
        hashprice, _ = hashprice_of(self._spec.bitcoin, known, at_s, self._late_s)
        limits = self._limits(known, at_s, clock.count)
        risk = sealed(np.array([self._risk_usd_per_mwh(site, known, at_s) for site in self._sites]))
        prices = np.stack([site[PRICE].value for site in sites], axis=1)
        if risk.any():
            prices = prices + risk * np.stack([~site[PRICE].is_published for site in sites], axis=1)

        def on(name: str) -> Floats:
            return expected.on_rows(np.stack([site[name].value for site in sites], axis=1), rows)

        return Forecast(
            tick=tick,
            energy_price_usd_per_mwh=expected.on_rows(prices, rows),
            carbon_intensity_g_per_kwh=on(CARBON),
            dry_bulb_c=on(DRY_BULB),
            wet_bulb_c=on(WET_BULB),
            hashprice_usd_per_ph_day=sealed(np.full(len(rows.minutes), hashprice)),
            demand_multiplier_share=expected.on_rows(multiplier, rows),
            demand_tokens_per_h=expected.on_rows(token_demand_per_h(multiplier, self._config.fleet), rows),
            row_minutes=rows.minutes,
            expects_present_price=bool(risk.any()),
            published_count=sealed(_published(sites, rows)),
            import_limit_mw=None if limits is None else expected.least_on_rows(limits, rows),
            risk_usd_per_mwh=risk if risk.any() else None,
        )

    def _site_now(self, site: SiteSpec, known: Mapping[str, KnownValues], at_s: int) -> _SiteNow:
        value: dict[str, float] = {}
        stale: list[str] = []
        sources = {source.part: source for source in of_site(self._sources, site.id)}
        for part, table in parts_of(site):
            source = sources.get(part)
            if source is None:
                value |= given_values(part, table, site, at_s, self._spec.fx.usd_per)
                continue
            first, *rest = COLUMNS[part]
            value[first], is_stale = self._now(source, known, first, at_s)
            for name in rest:
                there = known[source.name].last(name, at_s)
                value[name] = self._now(source, known, name, at_s)[0] if there else _unsaid(name, table.renewable_share)
            stale += [source.name] if is_stale else []
        if np.isnan(value[WET_BULB]):
            value[WET_BULB] = value[DRY_BULB]
        value[WET_BULB] = min(value[WET_BULB], value[DRY_BULB])
        return _SiteNow(value=value, stale=tuple(stale))

    def _now(self, source: LiveSource, known: Mapping[str, KnownValues], name: str, at_s: int) -> tuple[float, bool]:
        """Return a value as it is known for the tick, and whether it is stale.

        Raises:
            FeedUnavailable: there is none.
        """
        of = known.get(source.name, NOTHING)
        last = of.last(name, at_s)
        if last is None:
            raise FeedUnavailable(
                f"{source.name} should have told a value by now, {source.provider.id} has not: "
                "`mara feed check` asks it and says what comes"
            )
        value, end_s = last
        clock = StepClock(at_s=at_s, tick_s=self._tick_s, count=1)
        mean = float(of.on(clock.steps, name)[-1])
        return (value if np.isnan(mean) else mean), at_s >= end_s + max(source.late_s, 1.0)

    def _site_ahead(self, site: SiteSpec, known: Mapping[str, KnownValues], clock: StepClock) -> dict[str, Ahead]:
        now = self._site_now(site, known, clock.at_s).value
        sources = {source.part: source for source in of_site(self._sources, site.id)}
        found: dict[str, Ahead] = {}
        # the real-time price comes last, for it fades into the day-ahead one
        for part, table in reversed(tuple(parts_of(site))):
            source = sources.get(part)
            for name in COLUMNS[part]:
                if source is not None:
                    of = known.get(source.name, NOTHING)
                    column = Column(known=of, name=_told_name(of, name), clock=clock, now=now)
                    found[name] = _expected_of(source, column, found.get(DAY_AHEAD))
                elif name in {PRICE, DAY_AHEAD}:
                    prices = given_prices(table, site, clock.steps, self._spec.fx.usd_per, f"site {site.id} {part}")
                    found[name] = Ahead(value=prices[clock.back :], is_published=np.ones(clock.count, dtype=np.bool_))
                else:
                    level = np.full(clock.count, now[name])
                    found[name] = Ahead(value=level, is_published=np.ones(clock.count, dtype=np.bool_))
        dry = found[DRY_BULB]
        found[WET_BULB] = Ahead(value=np.minimum(found[WET_BULB].value, dry.value), is_published=dry.is_published)
        return found

    def _risk_usd_per_mwh(self, site: SiteSpec, known: Mapping[str, KnownValues], at_s: int) -> float:
        source = next((one for one in of_site(self._sources, site.id) if one.part is Part.PRICE), None)
        if source is None:
            return 0.0
        return expected.stale_risk_usd_per_mwh(known.get(source.name, NOTHING), PRICE, at_s, source.late_s)

    def _limits(self, known: Mapping[str, KnownValues], at_s: int, count: int) -> Floats | None:
        if self._spec.openadr is None:
            return None
        steps = Steps(from_s=at_s, to_s=at_s + count * self._tick_s, step_s=self._tick_s)
        return limits_of(self._config.fleet.site_ids, known, steps)

    def _multiplier(self, clock: StepClock) -> Floats:
        first_h = clock.at_s // SECONDS_PER_HOUR
        hours = (clock.at_s + np.arange(clock.count) * clock.tick_s) // SECONDS_PER_HOUR - first_h
        return multipliers_of_hours(first_h, int(hours[-1]) + 1)[hours]

    @staticmethod
    def _column(sites: list[_SiteNow], name: str) -> Floats:
        return sealed(np.array([site.value[name] for site in sites]))


def _expected_of(source: LiveSource, column: Column, beside: Ahead | None) -> Ahead:
    """Expect a column of a source in the way of its part.

    Args:
        beside: the day-ahead price of the same site, where there is one.
    """
    if source.part is Part.WEATHER:
        return column.measured(WEATHER_LEVEL_HALF_LIFE_H)
    if source.part is Part.CARBON:
        return column.measured(CARBON_LEVEL_HALF_LIFE_H)
    if source.part is Part.PRICE and known_of(source) is Known.REAL_TIME:
        return column.real_time(beside)
    return column.day_ahead()


def _told_name(known: KnownValues, name: str) -> str:
    """Return the column that stands for one: the dry bulb for an untold wet bulb."""
    return DRY_BULB if name == WET_BULB and name not in known.told.columns else name


def known_of(source: LiveSource) -> Known:
    """Tell when a source's prices become known: the day before, or in time."""
    if source.table.known is not None:
        return Known(source.table.known)
    return source.provider.layouts[0].known or Known.REAL_TIME


def _published(sites: list[dict[str, Ahead]], rows: ForecastRows) -> Ints:
    return np.array([expected.published_rows(site[PRICE].is_published, rows) for site in sites], np.int64)


def _unsaid(name: str, renewable_share: float | None) -> float:
    return (renewable_share or 0.0) if name == RENEWABLE else np.nan
