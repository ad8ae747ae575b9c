"""Electricity Maps: hourly carbon intensity and share of renewables.

Two headers, old and new: carbon intensity over the life cycle is `(LCA)` or `(Life cycle)`, the share of renewables
a percentage from 0 to 100. Stamps name the beginning of the hour in UTC.
"""

from typing import Final

from mara.feeds.markets.declaration import Instant, Layout, Quantity, Value

PER_PERCENT: Final = 0.01


def _layout(variant: str, carbon: str, renewable: str, header: str) -> Layout:
    """Make one of the two layouts, which differ in the names of the columns."""
    return Layout(
        id="electricity-maps",
        variant=variant,
        publisher="Electricity Maps",
        report="hourly CSV of a zone",
        quantity=Quantity.CARBON,
        stamp=Instant(column="Datetime (UTC)", formats=("iso",)),
        values=(
            Value(field="carbon_g_per_kwh", column=f"Carbon intensity gCO2eq/kWh ({carbon})", unit="g/kWh"),
            Value(
                field="renewable_share",
                column=renewable,
                unit="%",
                factor=PER_PERCENT,
            ),
        ),
        header=(header,),
        point=("Zone id", "Zone name"),
        steps_minutes=(5, 15, 30, 60),
        day_zones=("UTC",),
        licence="Electricity Maps: ODbL 1.0, share alike, name the source",
    )


LAYOUTS: Final = (
    _layout("old header", "LCA", "Renewable Percentage", "Low Carbon Percentage"),
    _layout("new header", "Life cycle", "Renewable energy percentage (RE%)", "Carbon-free energy percentage (CFE%)"),
)
