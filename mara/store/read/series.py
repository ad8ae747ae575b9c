"""Time series, down-sampled in the database from ticks or from hourly roll-ups.

Both sources give the same columns, a row a tick or hour (a moment); moments are grouped into buckets of equal length.
The SQL is text: it nests generated columns, and relies on SQLite keeping the order of a CROSS JOIN.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select

from mara.core.snapshot import SitePoint
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, W_PER_MW
from mara.errors import CommandError
from mara.store.read.metrics import FORMULAS, MetricFormula, MetricHistory, MetricPoint, metric_of
from mara.store.read.query_scope import site_number, sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.hourly import FLEET, TICK_VALUES, extreme
from mara.store.schema.tables import Market, table_of

MOST_POINTS: Final = 600
MOST_ROWS: Final = 6_000
"""Rows of ticks that one answer may read; beyond, hourly roll-ups are read."""


def site_series(
    read_model: ReadModel, site_id: str, from_: datetime | None = None, to: datetime | None = None
) -> tuple[SitePoint, ...]:
    """Read a site over ``[from_, to)`` in at most `MOST_POINTS` points.

    Raises:
        CommandError: there is no such site, or a time has no time zone.
    """
    site, grid = site_number(read_model, site_id), read_model.run().config.grid
    source = _source(read_model, site, *tick_range_of(read_model, grid, from_, to), grid)
    found = read_model.ask(
        # Hours that an older Mara rolled up lack the power of each workload; they are left out.
        f"SELECT {_SITE_COLUMNS} FROM ({source.moments}) m WHERE contracts_w IS NOT NULL"  # noqa: S608  # names of ours
        " GROUP BY (at_s - ?) / ? ORDER BY 1",
        *source.values,
        *source.buckets(MOST_POINTS),
    )
    return tuple(_site_point(bucket, grid) for bucket in map(_SiteBucket._make, found))


def history(
    read_model: ReadModel,
    metric: str,
    site_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    max_points: int = MOST_POINTS,
) -> MetricHistory:
    """Read a metric over ``[from_, to)`` of a site, or of the fleet; None is no bound.

    Raises:
        CommandError: there is no such metric or site, `max_points` is below 1, or a time has no time zone.
    """
    what = metric_of(metric)
    if max_points < 1:
        raise CommandError(f"max_points must be at least 1, {max_points} came")
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    site = FLEET if site_id is None else site_number(read_model, site_id)
    source, formula = _source(read_model, site, first, end, grid), FORMULAS[what]
    origin_s, width_s = source.buckets(min(max_points, MOST_POINTS))
    found = read_model.ask(
        f"SELECT {_metric_columns(formula, source.is_of_hours)} FROM ({source.moments}) m"  # noqa: S608  # names of ours
        " GROUP BY (at_s - ?) / ? ORDER BY 1",
        *source.values,
        origin_s,
        width_s,
    )
    factor = formula.factor / grid.dt_h if formula.is_per_h else formula.factor
    points = tuple(
        MetricPoint(
            at=_moment(row.at_s),
            mean=float(row.mean) * factor,
            low=_times(row.low, factor),
            high=_times(row.high, factor),
        )
        for row in map(_MetricBucket._make, found)
        if row.mean is not None
    )
    minutes, named = width_s // SECONDS_PER_MINUTE, "" if site == FLEET else sites_of(read_model)[site]
    return MetricHistory(metric=what, site_id=named, bucket_minutes=minutes, points=points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeriesQuery:
    """A query for moments and its parameters, with their start, length and count."""

    moments: str
    is_of_hours: bool
    values: tuple[int, ...]
    origin_s: int
    moment_s: int
    count: int

    def buckets(self, most: int) -> tuple[int, int]:
        """The start [epoch s] and length [s] of buckets, at most `most` of them."""
        return self.origin_s, self.moment_s * max(1, -(-self.count // most))


def _source(read_model: ReadModel, site: int, first: int, end: int, grid: TimeGrid) -> _SeriesQuery:
    """Choose ticks where they are few and their raw rows are still stored, else hours.

    `site` may be `FLEET`.
    """
    ticks = max(0, end - first)
    (oldest,) = read_model.ask(select(func.min(table_of(Market).c.tick).label("tick")))
    kept_from = oldest.tick
    rows = ticks * (len(sites_of(read_model)) if site == FLEET else 1)
    if kept_from is not None and first >= kept_from and (rows <= MOST_ROWS or ticks <= grid.ticks_per_hour):
        return _SeriesQuery(
            moments=_FLEET_TICKS if site == FLEET else _SITE_TICKS,
            is_of_hours=False,
            values=(first, end) if site == FLEET else (first, end, site),
            origin_s=grid.epoch_s(first),
            moment_s=grid.tick_minutes * SECONDS_PER_MINUTE,
            count=ticks,
        )
    origin_s = grid.epoch_s(first) // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    return _SeriesQuery(
        moments=_HOURS,
        is_of_hours=True,
        values=(site, origin_s, grid.epoch_s(end)),
        origin_s=origin_s,
        moment_s=SECONDS_PER_HOUR,
        count=-(-(grid.epoch_s(end) - origin_s) // SECONDS_PER_HOUR),
    )


_SHORT_NAMES: Final = (
    *("carbon", "renewable", "dry_bulb", "pue", "site_w", "it_w", "air_w", "hydro_w", "immersion_w", "gpu_w", "asic_w"),
    *("contracts_w", "emissions", "revenue", "cost", "profit", "energy_cost"),
)
"""Columns of the moments for the quantities of `TICK_VALUES`, in the same order."""
_HOUR_EXTREMES: Final = ", ".join(
    f"{extreme(name, which)} AS {short}_{which}"
    for name, short in zip(TICK_VALUES, _SHORT_NAMES, strict=True)
    for which in ("low", "high")
)
_HOURS: Final = f"""
SELECT hour_epoch_s AS at_s, ticks_count, energy_price_usd_per_mwh AS price,
       energy_price_low_usd_per_mwh AS price_low, energy_price_high_usd_per_mwh AS price_high,
       carbon_intensity_g_per_kwh AS carbon, renewable_share AS renewable, dry_bulb_c AS dry_bulb,
       CASE WHEN site = -1 THEN site_power_w ELSE 1 END AS renewable_weight,
       site_power_w AS site_w, it_power_w AS it_w, air_miner_w AS air_w, hydro_miner_w AS hydro_w,
       immersion_miner_w AS immersion_w, gpu_w, asic_w, contracts_w, emissions_g,
       revenue_micro_usd AS revenue, cost_micro_usd AS cost, energy_cost_micro_usd AS energy_cost,
       {_HOUR_EXTREMES}
FROM hourly WHERE site = ? AND hour_epoch_s >= ? AND hour_epoch_s < ?
"""  # noqa: S608  # names of ours
_CONTRACTS_W: Final = "premium_w + standard_w + flexible_w + spot_w"
_IT_W: Final = f"air_miner_w + hydro_miner_w + immersion_miner_w + gpu_w + asic_w + {_CONTRACTS_W}"
# With the ticks first, each row of a site is looked up by its key and those of other sites are not read.
_SITE_TICKS: Final = f"""
SELECT t.epoch_s AS at_s, 1 AS ticks_count, energy_price_usd_per_mwh AS price, energy_price_usd_per_mwh AS price_low,
       energy_price_usd_per_mwh AS price_high, carbon_intensity_g_per_kwh AS carbon, renewable_share AS renewable,
       1 AS renewable_weight, dry_bulb_c AS dry_bulb, site_power_w AS site_w, {_IT_W} AS it_w, air_miner_w AS air_w,
       hydro_miner_w AS hydro_w, immersion_miner_w AS immersion_w, gpu_w, asic_w, {_CONTRACTS_W} AS contracts_w,
       emissions_g, a.revenue_micro_usd AS revenue, a.cost_micro_usd AS cost, a.energy_cost_micro_usd AS energy_cost
FROM ticks t CROSS JOIN prices p CROSS JOIN allocations a
WHERE t.tick >= ? AND t.tick < ? AND p.site = ? AND p.tick = t.tick AND a.tick = t.tick AND a.site = p.site
"""  # noqa: S608  # names of ours
_FLEET_TICKS: Final = f"""
SELECT min(t.epoch_s) AS at_s, 1 AS ticks_count, avg(energy_price_usd_per_mwh) AS price,
       min(energy_price_usd_per_mwh) AS price_low, max(energy_price_usd_per_mwh) AS price_high,
       avg(carbon_intensity_g_per_kwh) AS carbon, avg(dry_bulb_c) AS dry_bulb,
       sum(renewable_share * site_power_w) / nullif(sum(site_power_w), 0) AS renewable,
       sum(site_power_w) AS renewable_weight,
       sum(site_power_w) AS site_w, sum({_IT_W}) AS it_w, sum(air_miner_w) AS air_w, sum(hydro_miner_w) AS hydro_w,
       sum(immersion_miner_w) AS immersion_w, sum(gpu_w) AS gpu_w, sum(asic_w) AS asic_w,
       sum({_CONTRACTS_W}) AS contracts_w, sum(emissions_g) AS emissions_g, sum(a.revenue_micro_usd) AS revenue,
       sum(a.cost_micro_usd) AS cost, sum(a.energy_cost_micro_usd) AS energy_cost
FROM ticks t JOIN prices p ON p.tick = t.tick JOIN allocations a ON a.tick = p.tick AND a.site = p.site
WHERE t.tick >= ? AND t.tick < ? GROUP BY t.tick
"""  # noqa: S608  # names of ours
_TICKS: Final = "sum(ticks_count)"


class _SiteBucket(NamedTuple):
    """A bucket of a site's moments, as the query selects it."""

    at_s: int
    ticks_count: int
    price: Any
    dry_bulb: Any
    price_low: Any
    price_high: Any
    site_w: float
    it_w: float
    air_w: float
    hydro_w: float
    immersion_w: float
    gpu_w: float
    asic_w: float
    contracts_w: float
    revenue: int
    cost: int


_SITE_SQL: Final = {
    "at_s": "min(at_s)",
    "ticks_count": _TICKS,
    "price_low": "CASE WHEN count(price_low) = count(price) THEN min(price_low) END",
    "price_high": "CASE WHEN count(price_high) = count(price) THEN max(price_high) END",
    "revenue": "sum(revenue)",
    "cost": "sum(cost)",
    **{name: f"sum({name} * ticks_count) / {_TICKS}" for name in ("price", "dry_bulb")},
    **{
        name: f"1.0 * sum({name} * ticks_count) / {_TICKS}"
        for name in ("site_w", "it_w", "air_w", "hydro_w", "immersion_w", "gpu_w", "asic_w", "contracts_w")
    },
}
_SITE_COLUMNS: Final = ", ".join(f"{_SITE_SQL[name]} AS {name}" for name in _SiteBucket._fields)


class _MetricBucket(NamedTuple):
    """A bucket of a metric's moments, as the query selects it."""

    at_s: int
    mean: Any
    low: Any
    high: Any


def _metric_columns(formula: MetricFormula, is_of_hours: bool) -> str:
    """SQL for start, mean, minimum and maximum of a bucket.

    The extremes are null where those of a moment are not known.
    """
    above, below = formula.above, formula.below
    each = f"1.0 * ({above}) / nullif({below}, 0)"
    whole = f"1.0 * sum({above}) / nullif(sum({below}), 0)"
    low, high = (formula.low, formula.high) if is_of_hours or formula.has_range else (each, each)
    extremes = (
        f"CASE WHEN count({one}) = count({each}) THEN {f}({one}) END AS {name}"
        for name, one, f in (("low", low, "min"), ("high", high, "max"))
    )
    return f"min(at_s) AS at_s, {whole} AS mean, {', '.join(extremes)}"


def _times(stored: Any, factor: float) -> float | None:
    return None if stored is None else float(stored) * factor


def _site_point(bucket: _SiteBucket, grid: TimeGrid) -> SitePoint:
    site_w, it_w = float(bucket.site_w), float(bucket.it_w)
    hours_micro_usd = MICRO_USD_PER_USD * int(bucket.ticks_count) * grid.dt_h
    return SitePoint(
        at=_moment(bucket.at_s),
        energy_price_usd_per_mwh=float(bucket.price),
        energy_price_low_usd_per_mwh=_times(bucket.price_low, 1.0),
        energy_price_high_usd_per_mwh=_times(bucket.price_high, 1.0),
        dry_bulb_c=float(bucket.dry_bulb),
        site_power_mw=site_w / W_PER_MW,
        air_miner_mw=float(bucket.air_w) / W_PER_MW,
        hydro_miner_mw=float(bucket.hydro_w) / W_PER_MW,
        immersion_miner_mw=float(bucket.immersion_w) / W_PER_MW,
        gpu_mw=float(bucket.gpu_w) / W_PER_MW,
        asic_mw=float(bucket.asic_w) / W_PER_MW,
        contracts_mw=float(bucket.contracts_w) / W_PER_MW,
        pue=site_w / it_w if it_w else None,
        cooling_efficiency_share=it_w / site_w if site_w else None,
        revenue_usd_per_h=float(bucket.revenue) / hours_micro_usd,
        profit_usd_per_h=float(bucket.revenue - bucket.cost) / hours_micro_usd,
    )


def _moment(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
