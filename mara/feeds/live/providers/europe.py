"""European day-ahead prices: Denmark, Energy-Charts, OMIE and ENTSO-E."""

from dataclasses import replace
from typing import Final

from mara.feeds.live.declaration import Access, Pass, Provider
from mara.feeds.markets.declaration import QUARTERS, Form, Instant, Kind, Known, Layout, Quantity, Value
from mara.feeds.markets.layouts.europe.energi_data_service import QUARTERS_TOO
from mara.feeds.markets.layouts.europe.entsoe_bulk import XML
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS
from mara.feeds.markets.layouts.europe.omie import LAYOUTS as OMIE_LAYOUTS

BRUSSELS: Final = "Europe/Brussels"
AUCTION_LATE_MINUTES: Final = 0.0
"""Prices are known the day before, so that an hour without one is late at once."""

DAY_AHEAD_JSON: Final = replace(QUARTERS_TOO, variant="JSON", form=Form(kind=Kind.JSON, json_path=("records",)))
ENERGY_CHARTS_PRICE: Final = Layout(
    id="energy-charts",
    publisher="Fraunhofer ISE",
    report="/price of api.energy-charts.info",
    quantity=Quantity.PRICE,
    form=Form(kind=Kind.JSON),
    stamp=Instant(column="unix_seconds", formats=("epoch",)),
    values=(Value(field="price", column="price", unit="EUR/MWh"),),
    currency="EUR",
    steps_minutes=QUARTERS,
    day_zones=(BRUSSELS,),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence="Energy-Charts: as `license_info` of the answer says, by bidding zone",
)
PROVIDERS: Final = (
    Provider(
        id="energi-data-service",
        publisher="Energinet",
        base="https://api.energidataservice.dk",
        path="/dataset/DayAheadPrices",
        query=(
            ("start", "{begin:%Y-%m-%dT%H:%M}"),
            ("end", "{end:%Y-%m-%dT%H:%M}"),
            ("filter", '{"PriceArea":["{point}"]}'),
            ("sort", "TimeUTC ASC"),
            ("timezone", "dk"),
            ("limit", "0"),
        ),
        quantity=Quantity.PRICE,
        layouts=(DAY_AHEAD_JSON,),
        zone="Europe/Copenhagen",
        every_minutes=10.0,
        late_after_minutes=AUCTION_LATE_MINUTES,
        document="https://www.energidataservice.dk/guides/api-guides",
    ),
    Provider(
        id="energy-charts",
        publisher="Fraunhofer ISE",
        base="https://api.energy-charts.info",
        path="/price",
        query=(("bzn", "{point}"), ("start", "{begin}"), ("end", "{end}")),
        quantity=Quantity.PRICE,
        layouts=(ENERGY_CHARTS_PRICE,),
        zone=BRUSSELS,
        ahead_days=1,
        every_minutes=15.0,
        apart_s=5.0,
        late_after_minutes=AUCTION_LATE_MINUTES,
        document="https://api.energy-charts.info",
    ),
    Provider(
        id="omie",
        publisher="OMIE",
        base="https://www.omie.es",
        path="/en/file-download",
        query=(("parents", "marginalpdbc"), ("filename", "marginalpdbc_{day:%Y%m%d}.1")),
        file_name="marginalpdbc_{day:%Y%m%d}.1",
        quantity=Quantity.PRICE,
        layouts=OMIE_LAYOUTS,
        zone="Europe/Madrid",
        days=(0, 1),
        every_minutes=15.0,
        late_after_minutes=AUCTION_LATE_MINUTES,
        document="https://www.omie.es/en/file-access-list",
    ),
    Provider(
        id="entsoe",
        publisher="ENTSO-E",
        base="https://web-api.tp.entsoe.eu",
        path="/api",
        query=(
            ("documentType", "A44"),
            ("contract_MarketAgreement.type", "A01"),
            ("in_Domain", "{point}"),
            ("out_Domain", "{point}"),
            ("periodStart", "{begin:%Y%m%d%H%M}"),
            ("periodEnd", "{end:%Y%m%d%H%M}"),
        ),
        file_name="answer.xml",
        quantity=Quantity.PRICE,
        layouts=(XML,),
        zone=BRUSSELS,
        every_minutes=15.0,
        apart_s=1.0,
        late_after_minutes=AUCTION_LATE_MINUTES,
        access=Access(by=Pass.QUERY, name="securityToken"),
        document="https://transparencyplatform.zendesk.com/hc/en-us/articles/15692855254548",
    ),
)
