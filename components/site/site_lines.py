"""Charts of a site over time: price of power with its forecast, load by workload."""

from collections.abc import Iterable

from components.shared.charts import ChartLine, LineChart, csv_button, legend
from components.shared.theme import panel
from components.shared.view_model import Channel, Row
from mara.core.snapshot import SitePoint, SiteSnapshot, Snapshot

PRICE_LINES = (
    ChartLine(key="price", name="Price", colour="--line-1", shape="hv"),
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


def price_panel() -> None:
    """Draw the chart of the price, from channels `price` and `forecast`."""
    how = "Past hours as they were settled; ahead of now the forecast that the plan in force was made from."
    with panel("Power price", "", how) as top:
        legend(PRICE_LINES)
        chart = LineChart("price", unit="USD/MWh", label="Power price, USD per megawatt hour", lines=PRICE_LINES)
        with top:
            csv_button(chart, "Prices")


def load_panel() -> None:
    """Draw the load as stacked areas, from channel `load`."""
    how = "IT power that ran, by workload. Contracts and merchant inference share the racks; miners stand apart."
    with panel("IT power by workload", "", how) as top:
        legend(LOAD_LINES)
        label = "IT power by workload over time, megawatt"
        chart = LineChart("load", unit="MW", label=label, lines=LOAD_LINES, decimals=1)
        with top:
            csv_button(chart, "Loads")


def price_points(points: Iterable[SitePoint]) -> Channel:
    """Return stored prices by epoch seconds."""
    return {str(int(point.at.timestamp())): {"price": round(point.energy_price_usd_per_mwh, 1)} for point in points}


def load_points(points: Iterable[SitePoint]) -> Channel:
    """Return stored loads by workload, by epoch seconds."""
    return {str(int(point.at.timestamp())): _loads_mw(point) for point in points}


def price_now(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return the newest point of the price."""
    return {str(int(snapshot.at.timestamp())): {"price": round(site.energy_price_usd_per_mwh, 1)}}


def load_now(site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return the newest point of the load."""
    return {str(int(snapshot.at.timestamp())): _loads_mw(site)}


def forecast_channel(expected_usd_per_mwh: dict[int, float], site: SiteSnapshot, snapshot: Snapshot) -> Channel:
    """Return the price forecast, joined to the present price; empty without one."""
    if not expected_usd_per_mwh:
        return {}
    joined = {int(snapshot.at.timestamp()): site.energy_price_usd_per_mwh, **expected_usd_per_mwh}
    return {str(at): round(price, 1) for at, price in joined.items()}


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
