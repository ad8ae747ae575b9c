"""Numbers over time, down-sampled in the database: from ticks while they are few, else from clock hours.

Both sources give the same columns, a row a moment; moments are gathered into buckets of equal length.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mara.core.snapshot import SitePoint
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, W_PER_MW
from mara.errors import CommandError
from mara.store.read.metrics import FORMULAS, MetricFormula, MetricHistory, MetricPoint, metric_of
from mara.store.read.query_scope import site_number, sites_of, span_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.columns import FLEET
from mara.store.schema.hourly import OF_A_TICK, extreme

MOST_POINTS: Final = 600
MOST_ROWS: Final = 6_000
"""Rows of ticks that one answer may cost; what would take more is answered from clock hours."""
MOST_HOURS: Final = 10 * 366 * HOURS_PER_DAY


def site_series(reading: ReadModel, site_id: str, hours: int) -> tuple[SitePoint, ...]:
    """The last simulated hours of a site, oldest first, in at most `MOST_POINTS` points.

    Raises:
        CommandError: no such site, or no hours.
    """
    if hours < 1:
        raise CommandError(f"a series takes at least 1 hour, {hours} came")
    site, grid, end_tick = site_number(reading, site_id), reading.run().config.grid, reading.next_tick()
    source = _source(reading, site, max(0, end_tick - grid.ticks_of_hours(min(hours, MOST_HOURS))), end_tick, grid)
    found = reading.ask(
        # Hours that an older Mara rolled up do not know their workloads: they are left out.
        f"SELECT {_SITE_COLUMNS} FROM ({source.moments}) m WHERE contracts_w IS NOT NULL"  # noqa: S608  # names of ours
        " GROUP BY (at_s - ?) / ? ORDER BY 1",
        *source.values,
        *source.buckets(MOST_POINTS),
    )
    return tuple(_site_point(row, grid) for row in found)


def history(
    reading: ReadModel,
    metric: str,
    site_id: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    max_points: int = MOST_POINTS,
) -> MetricHistory:
    """A metric over ``[from_, to)`` of a site, or of the fleet; None is no bound.

    Raises:
        CommandError: no such metric or site, no points asked for, or a moment without time zone.
    """
    what = metric_of(metric)
    if max_points < 1:
        raise CommandError(f"max_points must be at least 1, {max_points} came")
    grid = reading.run().config.grid
    first, end = span_of(reading, grid, from_, to)
    site = FLEET if site_id is None else site_number(reading, site_id)
    source, formula = _source(reading, site, first, end, grid), FORMULAS[what]
    origin_s, width_s = source.buckets(min(max_points, MOST_POINTS))
    found = reading.ask(
        f"SELECT {_metric_columns(formula, source.is_of_hours)} FROM ({source.moments}) m"  # noqa: S608  # names of ours
        " GROUP BY (at_s - ?) / ? ORDER BY 1",
        *source.values,
        origin_s,
        width_s,
    )
    factor = formula.factor / grid.dt_h if formula.is_per_h else formula.factor
    points = tuple(
        MetricPoint(at=_moment(at_s), mean=float(mean) * factor, low=_times(low, factor), high=_times(high, factor))
        for at_s, mean, low, high in found
        if mean is not None
    )
    minutes, named = width_s // SECONDS_PER_MINUTE, "" if site == FLEET else sites_of(reading)[site]
    return MetricHistory(metric=what, site_id=named, bucket_minutes=minutes, points=points)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where moments are read, and what they are asked with."""

    moments: str
    is_of_hours: bool
    values: tuple[int, ...]
    origin_s: int
    moment_s: int
    count: int

    def buckets(self, most: int) -> tuple[int, int]:
        """Where the first bucket begins, and how long each is, so that there are at most `most` [epoch s, s]."""
        return self.origin_s, self.moment_s * max(1, -(-self.count // most))


def _source(reading: ReadModel, site: int, first: int, end: int, grid: TimeGrid) -> _Source:
    """Ticks where they are few and their raw rows are there still, else hours. `site` may be `FLEET`."""
    ticks = max(0, end - first)
    kept_from = reading.ask("SELECT min(tick) FROM markets")[0][0]
    rows = ticks * (len(sites_of(reading)) if site == FLEET else 1)
    if kept_from is not None and first >= kept_from and (rows <= MOST_ROWS or ticks <= grid.ticks_per_hour):
        return _Source(
            moments=_FLEET_TICKS if site == FLEET else _SITE_TICKS,
            is_of_hours=False,
            values=(first, end) if site == FLEET else (first, end, site),
            origin_s=grid.epoch_s(first),
            moment_s=grid.tick_minutes * SECONDS_PER_MINUTE,
            count=ticks,
        )
    origin_s = grid.epoch_s(first) // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    return _Source(
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
"""What is rolled up with its extremes, as the moments call it."""
_HOUR_EXTREMES: Final = ", ".join(
    f"{extreme(name, which)} AS {short}_{which}"
    for name, short in zip(OF_A_TICK, _SHORT_NAMES, strict=True)
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
# The ticks come first, so that each row of a site is looked up by its key and those of other sites are not read.
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
_SITE_COLUMNS: Final = ", ".join(
    (
        "min(at_s)",
        _TICKS,
        *(f"sum({c} * ticks_count) / {_TICKS}" for c in ("price", "dry_bulb")),
        "CASE WHEN count(price_low) = count(price) THEN min(price_low) END",
        "CASE WHEN count(price_high) = count(price) THEN max(price_high) END",
        *(
            f"1.0 * sum({c} * ticks_count) / {_TICKS}"
            for c in ("site_w", "it_w", "air_w", "hydro_w", "immersion_w", "gpu_w", "asic_w", "contracts_w")
        ),
        "sum(revenue)",
        "sum(cost)",
    )
)


def _metric_columns(formula: MetricFormula, is_of_hours: bool) -> str:
    """Bucket, mean, least and greatest; no extremes where those of a moment are not known."""
    above, below = formula.above, formula.below
    each = f"1.0 * ({above}) / nullif({below}, 0)"
    whole = f"1.0 * sum({above}) / nullif(sum({below}), 0)"
    low, high = (formula.low, formula.high) if is_of_hours or formula.has_range else (each, each)
    extremes = (
        f"CASE WHEN count({one}) = count({each}) THEN {f}({one}) END" for one, f in ((low, "min"), (high, "max"))
    )
    return f"min(at_s), {whole}, {', '.join(extremes)}"


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else float(value) * factor


def _site_point(row: Any, grid: TimeGrid) -> SitePoint:
    at_s, ticks, price, dry_bulb, low, high, *power, revenue, cost = row
    site_w, it_w, *loads = (float(watts) for watts in power)
    hours_micro_usd = MICRO_USD_PER_USD * int(ticks) * grid.dt_h
    names = ("air_miner_mw", "hydro_miner_mw", "immersion_miner_mw", "gpu_mw", "asic_mw", "contracts_mw")
    return SitePoint(
        at=_moment(at_s),
        energy_price_usd_per_mwh=float(price),
        energy_price_low_usd_per_mwh=_times(low, 1.0),
        energy_price_high_usd_per_mwh=_times(high, 1.0),
        dry_bulb_c=float(dry_bulb),
        site_power_mw=site_w / W_PER_MW,
        **{name: watts / W_PER_MW for name, watts in zip(names, loads, strict=True)},
        pue=site_w / it_w if it_w else None,
        cooling_efficiency_share=it_w / site_w if site_w else None,
        revenue_usd_per_h=float(revenue) / hours_micro_usd,
        profit_usd_per_h=float(revenue - cost) / hours_micro_usd,
    )


def _moment(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
