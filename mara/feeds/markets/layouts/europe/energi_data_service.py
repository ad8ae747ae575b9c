"""Energi Data Service: hourly Elspotprices, and DayAheadPrices that replaced them."""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Known, Layout, Quantity, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS

LICENCE: Final = "Energinet, Energi Data Service: free to reuse with attribution"
FORM: Final = Form(delimiters=";,\t", decimal="?")
ZONE: Final = "Europe/Copenhagen"
FORMATS: Final = ("iso", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M")

HOURS: Final = Layout(
    id="energi-data-service",
    variant="Elspotprices",
    publisher="Energinet",
    report="Elspotprices, until 2025-09-30",
    quantity=Quantity.PRICE,
    form=FORM,
    stamp=Instant(column="HourUTC", formats=FORMATS, agrees="HourDK", agrees_zone=ZONE),
    values=(
        Value(field="price", column="SpotPriceEUR", unit="EUR/MWh", currency="EUR"),
        Value(field="price", column="SpotPriceDKK", unit="DKK/MWh", currency="DKK", is_optional=True),
    ),
    point=("PriceArea",),
    currency="EUR",
    day_zones=(ZONE, "UTC"),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
QUARTERS_TOO: Final = Layout(
    id="energi-data-service",
    variant="DayAheadPrices",
    publisher="Energinet",
    report="DayAheadPrices, since 2025-10-01",
    quantity=Quantity.PRICE,
    form=FORM,
    stamp=Instant(column="TimeUTC", formats=FORMATS, agrees="TimeDK", agrees_zone=ZONE),
    values=(
        Value(field="price", column="DayAheadPriceEUR", unit="EUR/MWh", currency="EUR"),
        Value(field="price", column="DayAheadPriceDKK", unit="DKK/MWh", currency="DKK", is_optional=True),
    ),
    point=("PriceArea",),
    currency="EUR",
    steps_minutes=(15, 60),
    day_zones=(ZONE, "UTC"),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    valid_from=date(2025, 10, 1),
    licence=LICENCE,
)
LAYOUTS: Final = (HOURS, QUARTERS_TOO)
