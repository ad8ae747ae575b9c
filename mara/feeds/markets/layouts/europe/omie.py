"""OMIE: marginal prices of the Iberian day-ahead market, a file for each day.

Lines: `MARGINALPDBC;`, then `2025;10;01;1;105.1;105.1;` (year, month, day, period, Portugal, Spain), then `*`.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Known, Layout, Period, Quantity, StampClock, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS

LAYOUTS: Final = (
    Layout(
        id="omie",
        publisher="OMIE",
        report="marginalpdbc",
        quantity=Quantity.PRICE,
        form=Form(
            delimiters=";",
            decimal="?",
            encoding="latin-1",
            names=("year", "month", "day", "period", "PT", "ES", ""),
            sample=re.compile(r"MARGINALPDBC;"),
            last_line="*",
        ),
        # periods count the day through: 24 hours (23, 25) until 2025-09-30, then 96 quarters (92, 100)
        stamp=Period(date=("year", "month", "day"), period="period"),
        clock=StampClock(zone="Europe/Madrid"),
        values=(
            Value(field="price", column="PT", unit="EUR/MWh", point="PT"),
            Value(field="price", column="ES", unit="EUR/MWh", point="ES"),
        ),
        currency="EUR",
        steps_minutes=(15, 60),
        day_zones=("Europe/Madrid",),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence="OMIE: public, free to consult and use with the source named",
    ),
)
