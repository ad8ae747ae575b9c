"""SPP: locational marginal prices by settlement location.

Header: `Interval,GMTIntervalEnd,Settlement Location,Pnode,LMP,MLC,MCC,MEC`, and `BAA` since the expansion to the
west in 2026; some months since have `INTERVAL,GMTINTERVALEND,BAA,SETTLEMENT_LOCATION,…`. Stamps name the end of the
interval, and may have no leading zeros.
"""

from typing import Final

from mara.feeds.markets.declaration import Instant, Key, Layout, Quantity, Side, Value

ZONE: Final = "America/Chicago"
FORMATS: Final = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M")


def _layout(variant: str, point: str) -> Layout:
    """Make one of the layouts, which differ in how they spell the settlement location."""
    return Layout(
        id="spp-lmp",
        variant=variant,
        publisher="SPP",
        report="DA-LMP-SL, RTBM-LMP-SL",
        quantity=Quantity.PRICE,
        # GMT is read, and must be the same instant as the local time beside it
        stamp=Instant(column="GMTIntervalEnd", formats=FORMATS, side=Side.END, agrees="Interval", agrees_zone=ZONE),
        values=(Value(field="price", column="LMP", unit="USD/MWh"),),
        point=(point, "Pnode"),
        # the balancing area, since the expansion to the west in 2026
        keys=(
            Key(
                name="baa",
                column="BAA",
                is_optional=True,
            ),
        ),
        currency="USD",
        steps_minutes=(5, 60),
        day_zones=(ZONE,),
        licence="SPP: non-commercial use",
    )


LAYOUTS: Final = (_layout("", "Settlement Location"), _layout("capitals", "SETTLEMENT_LOCATION"))
