"""Ember: hourly European wholesale prices, collected from ENTSO-E.

Header: `Country,ISO3 Code,Datetime (UTC),Datetime (Local),Price (EUR/MWhe)`. Gaps of the source were interpolated by
Ember, which the licence line says.
"""

from typing import Final

from mara.feeds.markets.declaration import Instant, Known, Layout, Quantity, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS, DAY_ZONES

LAYOUTS: Final = (
    Layout(
        id="ember-hourly",
        publisher="Ember",
        report="European wholesale electricity price data, hourly",
        quantity=Quantity.PRICE,
        # the UTC column is trusted only while the local one agrees with it
        stamp=Instant(
            column="Datetime (UTC)",
            formats=("iso", "%d/%m/%Y %H:%M"),
            agrees="Datetime (Local)",
        ),
        values=(
            Value(
                field="price",
                column="Price (EUR/MWhe)",
                unit="EUR/MWh",
            ),
        ),
        point=(
            "Country",
            "ISO3 Code",
        ),
        currency="EUR",
        day_zones=("UTC", *DAY_ZONES),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence="Ember, derived from ENTSO-E: CC BY 4.0; gaps were interpolated by Ember",
    ),
)
