"""EIA-930: hourly generation by source, and demand, of each balancing authority.

Stamps name the end of the hour; commas separate thousands. Carbon intensity is computed from the mix of sources.
"""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import (
    DEMAND,
    DEMAND_FORECAST,
    DatedConvention,
    Form,
    Instant,
    Layout,
    Quantity,
    Side,
    Value,
)

SOURCES: Final = (
    ("coal_mw", "Coal"),
    ("gas_mw", "Natural Gas"),
    ("nuclear_mw", "Nuclear"),
    ("oil_mw", "All Petroleum Products"),
    ("hydro_mw", "Hydropower and Pumped Storage"),
    ("river_mw", "Hydropower Excluding Pumped Storage"),
    ("solar_mw", "Solar"),
    ("solar_alone_mw", "Solar without Integrated Battery Storage"),
    ("solar_stored_mw", "Solar with Integrated Battery Storage"),
    ("wind_mw", "Wind"),
    ("wind_alone_mw", "Wind without Integrated Battery Storage"),
    ("wind_stored_mw", "Wind with Integrated Battery Storage"),
    ("geothermal_mw", "Geothermal"),
    ("other_mw", "Other Fuel Sources"),
    ("unknown_mw", "Unknown Fuel Sources"),
)
"""Fields, each with the endings that its columns' names had over the years."""

FORM: Final = Form(thousands=",")
# UTC is trusted only while the local column agrees with it
STAMP: Final = Instant(
    column="UTC Time at End of Hour",
    formats=("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "iso"),
    side=Side.END,
    agrees="Local Time at End of Hour",
)
DEVIATIONS: Final = (
    DatedConvention(column="Balancing Authority", value="CISO", valid_until=date(2022, 6, 16), side=Side.BEGIN),
    DatedConvention(
        column="Balancing Authority",
        value="TEPC",
        valid_from=date(2021, 10, 25),
        note="TEPC has been reported seven hours late since 2021-10-25",
    ),
)
"""Source: singularity-energy/open-grid-emissions, pull requests 300, 301 and 328."""
LICENCE: Final = "U.S. Energy Information Administration: public domain"

CARBON: Final = Layout(
    id="eia-930",
    publisher="EIA",
    report="EIA930_BALANCE",
    quantity=Quantity.CARBON,
    form=FORM,
    stamp=STAMP,
    values=tuple(
        Value(field=field, column=f"Net Generation (MW) from {name}", unit="MW", is_optional=True)
        for field, name in SOURCES
    ),
    header=("Hour Number", "Net Generation (MW)"),
    point=("Balancing Authority",),
    deviations=DEVIATIONS,
    licence=LICENCE,
)
LOAD: Final = Layout(
    id="eia-930-demand",
    publisher="EIA",
    report="EIA930_BALANCE",
    quantity=Quantity.DEMAND,
    form=FORM,
    stamp=STAMP,
    values=(
        Value(field=DEMAND, column="Demand (MW)", unit="MW"),
        Value(field=DEMAND_FORECAST, column="Demand Forecast (MW)", unit="MW"),
    ),
    header=("Hour Number",),
    point=("Balancing Authority",),
    deviations=DEVIATIONS,
    licence=LICENCE,
)
LAYOUTS: Final = (CARBON, LOAD)
