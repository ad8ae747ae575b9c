"""EIA-930: hourly net generation by source of each balancing authority.

Stamps name the end of the hour; commas separate thousands. Carbon intensity is computed from the mix of sources.
"""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import DatedConvention, Form, Instant, Layout, Quantity, Side, Value

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

LAYOUTS: Final = (
    Layout(
        id="eia-930",
        publisher="EIA",
        report="EIA930_BALANCE",
        quantity=Quantity.CARBON,
        form=Form(thousands=","),
        # UTC is trusted only while the local column agrees with it
        stamp=Instant(
            column="UTC Time at End of Hour",
            formats=("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "iso"),
            side=Side.END,
            agrees="Local Time at End of Hour",
        ),
        values=tuple(
            Value(field=field, column=f"Net Generation (MW) from {name}", unit="MW", is_optional=True)
            for field, name in SOURCES
        ),
        header=("Hour Number", "Net Generation (MW)"),
        point=("Balancing Authority",),
        deviations=(
            # Source: singularity-energy/open-grid-emissions, pull requests 300, 301 and 328.
            DatedConvention(column="Balancing Authority", value="CISO", valid_until=date(2022, 6, 16), side=Side.BEGIN),
            DatedConvention(
                column="Balancing Authority",
                value="TEPC",
                valid_from=date(2021, 10, 25),
                note="TEPC has been reported seven hours late since 2021-10-25",
            ),
        ),
        licence="U.S. Energy Information Administration: public domain",
    ),
)
