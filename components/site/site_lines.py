"""Charts of a site over time: price of power with its forecast, load by workload."""

from collections.abc import Iterable

from components.shared.charts import ChartLine, LineChart, legend, save_buttons
from components.shared.theme import panel
from components.shared.view_model import Channel, Row
from components.time_range.chart_range import ChartRange
from components.time_range.range_picker import span_s
from mara.core.snapshot import SitePoint, SiteSnapshot, Snapshot
from mara.core.units import SECONDS_PER_HOUR

PRICE_LINES = (
    ChartLine(key="price", name="Price", colour="--line-1", shape="hv", has_extremes=True),
    ChartLine(name="Forecast", colour="--forecast", dash="2px,3px", shape="hv", channel="forecast"),
)
LOAD_LINES = (
    ChartLine(key="contracts", name="Contracts", colour="--series-1", stacked=True, shape="hv"),
    ChartLine(key="gpu", name="GPU, merchant", colour="--series-2", stacked=True, shape="hv", pattern="/"),
    ChartLine(key="asic", name="ASIC, merchant", colour="--series-3", stacked=True, shape="hv", pattern="\\"),
    ChartLine(key="air_miner", name="Air miners", colour="--series-4", stacked=True, shape="hv"),
    ChartLine(key="hydro_miner", name="Hydro miners", colour="--series-5", stacked=True, shape="hv", pattern="|"),
    ChartLine(
        key="immersion_miner", name="Immersion miners", colour="--series-6", stacked=True, shape="hv", pattern="-"
    ),
)


def price_panel(shown: ChartRange) -> None:
    """Draw the chart of the price, from channels `price` and `forecast`."""
    how = (
        "Past hours as they were settled; ahead of now the forecast that the plan in force was made from. Over long "
        "ranges a point is a mean, and the band around it reaches from the lowest to the highest price."
    )
    with panel("Power price", "", how) as top:
        legend(PRICE_LINES if shown.bounds is None else PRICE_LINES[:1])
        label = "Power price, USD per megawatt hour"
        chart = LineChart("price", unit="USD/MWh", label=label, lines=PRICE_LINES, span_s=span_s(shown))
        with top:
            save_buttons(chart, "Prices")


def load_panel(shown: ChartRange) -> None:
    """Draw the load as stacked areas, from channel `load`."""
    how = (
        "IT power that ran, by workload. Contracts and merchant inference share the racks; miners stand apart. "
        "Over long ranges a point is a mean."
    )
    with panel("IT power by workload", "", how) as top:
        legend(LOAD_LINES)
        label = "IT power by workload over time, megawatt"
        chart = LineChart("load", unit="MW", label=label, lines=LOAD_LINES, decimals=1, span_s=span_s(shown))
        with top:
            save_buttons(chart, "Loads")


def price_points(points: Iterable[SitePoint]) -> Channel:
    """Return stored prices by epoch seconds, with their extremes where those differ."""
    return {str(int(point.at.timestamp())): _price_of(point) for point in points}


def load_points(points: Iterable[SitePoint]) -> Channel:
    """Return stored loads by workload, by epoch seconds."""
    return {str(int(point.at.timestamp())): _loads_mw(point) for point in points}


def price_now(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return the newest point of the price."""
    return {str(int(snapshot.at.timestamp())): {"price": round(site.energy_price_usd_per_mwh, 1)}}


def load_now(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return the newest point of the load."""
    return {str(int(snapshot.at.timestamp())): _loads_mw(site)}


def forecast_channel(
    expected_usd_per_mwh: dict[int, float], site: SiteSnapshot, snapshot: Snapshot, shown: ChartRange
) -> Channel:
    """Return the price forecast, joined to the present price; empty for the past.

    It reaches as far ahead as the range reaches back.
    """
    if not expected_usd_per_mwh or shown.bounds is not None:
        return {}
    now_s = int(snapshot.at.timestamp())
    joined = {now_s: site.energy_price_usd_per_mwh, **expected_usd_per_mwh}
    return {str(at): round(price, 1) for at, price in joined.items() if at <= now_s + shown.hours * SECONDS_PER_HOUR}


def _price_of(point: SitePoint) -> Row:
    prices = {
        "price": point.energy_price_usd_per_mwh,
        "price_low": point.energy_price_low_usd_per_mwh,
        "price_high": point.energy_price_high_usd_per_mwh,
    }
    if prices["price_low"] == prices["price_high"]:
        del prices["price_low"], prices["price_high"]
    return {name: round(price, 1) for name, price in prices.items() if price is not None}


def _loads_mw(at: SitePoint | SiteSnapshot) -> Row:
    loads = {
        "contracts": at.contracts_mw,
        "gpu": at.gpu_mw,
        "asic": at.asic_mw,
        "air_miner": at.air_miner_mw,
        "hydro_miner": at.hydro_miner_mw,
        "immersion_miner": at.immersion_miner_mw,
    }
    return {workload: round(load_mw, 2) for workload, load_mw in loads.items()}
