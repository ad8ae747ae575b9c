"""ENTSO-E Transparency Platform: total load of areas, and its forecast.

Exports of the new web interface (`Actual Total Load (MW)`, `Day-ahead Total Load Forecast (MW)`), of the old one, whose
columns end with the area, and the File Library, where the file's name alone tells the load from its forecast.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import (
    DEMAND,
    DEMAND_FORECAST,
    QUARTERS,
    Form,
    Instant,
    Key,
    Layout,
    Quantity,
    Repeat,
    Span,
    StampClock,
    Value,
)
from mara.feeds.markets.layouts.europe.entsoe_bulk import RESOLUTION, UTC_MONTHS
from mara.feeds.markets.layouts.europe.entsoe_gui import CLOCKS, DAY_ZONES, LICENCE

AREA_TYPE: Final = Key(name="area_type", column="AreaTypeCode", default=("BZN",))
"""Kind of area: bidding zone BZN, country CTY or control area CTA."""

NEW: Final = tuple(
    Layout(
        id="entsoe-load",
        variant=label,
        publisher="ENTSO-E",
        report="Total Load - Day Ahead / Actual, export of the web interface",
        quantity=Quantity.DEMAND,
        stamp=Span(begin=f"MTU ({label})", formats=("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")),
        clock=StampClock(zone=zone, repeat=Repeat.NAME if names else Repeat.NEVER, names=names),
        values=(
            Value(field=DEMAND, column="Actual Total Load (MW)", unit="MW"),
            Value(field=DEMAND_FORECAST, column="Day-ahead Total Load Forecast (MW)", unit="MW"),
        ),
        point=("Area",),
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES if zone == "UTC" else (zone, *DAY_ZONES),
        licence=LICENCE,
    )
    for label, zone, names in CLOCKS
)
OLD: Final = tuple(
    Layout(
        id="entsoe-load",
        variant=f"until 2024, {label}",
        publisher="ENTSO-E",
        report="Total Load - Day Ahead / Actual, export of the web interface until 2024",
        quantity=Quantity.DEMAND,
        stamp=Span(begin=f"Time ({label})", formats=("%d.%m.%Y %H:%M",)),
        clock=StampClock(zone=zone, repeat=Repeat.ORDER if names else Repeat.NEVER),
        values=(
            Value(field=DEMAND, column=re.compile(r"Actual Total Load \[MW\] - .+"), unit="MW"),
            Value(field=DEMAND_FORECAST, column=re.compile(r"Day-ahead Total Load Forecast \[MW\] - .+"), unit="MW"),
        ),
        # the area is in the names of the columns, and one for the whole file
        header=(re.compile(r"Actual Total Load \[MW\] - (?P<point>.+)"),),
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES if zone == "UTC" else (zone, *DAY_ZONES),
        licence=LICENCE,
    )
    for label, zone, names in CLOCKS
)
LIBRARY: Final = tuple(
    Layout(
        id="entsoe-load",
        variant=report,
        publisher="ENTSO-E",
        report=f"{report}, File Library",
        quantity=Quantity.DEMAND,
        form=Form(delimiters="\t", file_name=re.compile(rf"(?P<report>{re.escape(report)})")),
        stamp=Instant(column="DateTime(UTC)", formats=("iso",), step="ResolutionCode"),
        values=(Value(field=field, column="TotalLoad[MW]", unit="MW"),),
        point=("AreaDisplayName", "AreaMapCode", "AreaCode"),
        keys=(RESOLUTION, AREA_TYPE),
        steps_minutes=QUARTERS,
        day_zones=UTC_MONTHS,
        vintage="UpdateTime(UTC)",
        vintage_formats=("iso",),
        licence=LICENCE,
    )
    for report, field in (
        ("ActualTotalLoad_6.1.A_r3", DEMAND),
        ("DayAheadTotalLoadForecast_6.1.B_r3", DEMAND_FORECAST),
    )
)
LAYOUTS: Final = (*NEW, *OLD, *LIBRARY)
