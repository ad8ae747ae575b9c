"""ENTSO-E Transparency Platform: File Library, and XML of the REST interface."""

from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Form, Instant, Key, Kind, Known, Layout, Quantity, Span, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS, DAY_ZONES, LICENCE, SEQUENCE

BIDDING_ZONES: Final = Key(name="area_type", column="AreaTypeCode", default=("BZN",), is_identity=False)
RESOLUTION: Final = Key(name="resolution", column="ResolutionCode", is_identity=False)
UTC_MONTHS: Final = ("UTC",)
"""Zones at whose midnights files of the library begin and end."""

FILE_LIBRARY: Final = Layout(
    id="entsoe-file-library",
    variant="r3",
    publisher="ENTSO-E",
    report="EnergyPrices_12.1.D_r3, File Library",
    quantity=Quantity.PRICE,
    form=Form(delimiters="\t"),
    stamp=Instant(column="DateTime(UTC)", formats=("iso",), step="ResolutionCode"),
    values=(Value(field="price", column="Price[Currency/MWh]", unit="per MWh"),),
    point=("AreaDisplayName", "AreaMapCode", "AreaCode"),
    keys=(
        SEQUENCE,
        RESOLUTION,
        BIDDING_ZONES,
        Key(name="contract", column="ContractType", default=("Day-ahead",), is_identity=False),
    ),
    currency_column="Currency",
    steps_minutes=QUARTERS,
    day_zones=UTC_MONTHS,
    vintage="UpdateTime(UTC)",
    vintage_formats=("iso",),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
FILE_LIBRARY_OLD: Final = Layout(
    id="entsoe-file-library",
    variant="before r3",
    publisher="ENTSO-E",
    report="DayAheadPrices_12.1.D, File Library and SFTP server",
    quantity=Quantity.PRICE,
    form=Form(delimiters="\t"),
    stamp=Instant(column="DateTime", formats=("iso",), step="ResolutionCode"),
    values=(Value(field="price", column="Price", unit="per MWh"),),
    point=("AreaName", "MapCode", "AreaCode"),
    keys=(RESOLUTION, BIDDING_ZONES),
    currency_column="Currency",
    steps_minutes=QUARTERS,
    day_zones=UTC_MONTHS,
    vintage="UpdateTime",
    vintage_formats=("iso",),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
XML: Final = Layout(
    id="entsoe-xml",
    publisher="ENTSO-E",
    report="Publication_MarketDocument A44, REST interface",
    quantity=Quantity.PRICE,
    form=Form(kind=Kind.PUBLICATION_XML),
    stamp=Span(begin="begin", end="end", formats=("epoch",)),
    values=(Value(field="price", column="price", unit="per MWh"),),
    point=("area",),
    keys=(SEQUENCE,),
    currency_column="currency",
    steps_minutes=QUARTERS,
    day_zones=DAY_ZONES,
    vintage="created",
    vintage_formats=("iso",),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
LAYOUTS: Final = (FILE_LIBRARY, FILE_LIBRARY_OLD, XML)
