"""CAISO OASIS: locational marginal prices, day-ahead and real-time.

Header: `INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,…,LMP_TYPE,…,MW,GROUP`. Both ends of the interval are
UTC; rows are unsorted; errors come as XML inside the zip. The columns of the hour-ahead scheduling process (HASP) are
those of the day-ahead market: the run alone tells them apart.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Column, Key, Known, Layout, Quantity, Span, Value

ZONE: Final = "America/Los_Angeles"


def _layout(variant: str, report: str, column: Column, known: Known, steps_minutes: tuple[int, ...]) -> Layout:
    """Make one of the two layouts, which differ in the column of the price."""
    return Layout(
        id="caiso-lmp",
        variant=variant,
        version=2,
        publisher="CAISO",
        report=report,
        quantity=Quantity.PRICE,
        stamp=Span(begin="INTERVALSTARTTIME_GMT", end="INTERVALENDTIME_GMT"),
        values=(Value(field="price", column=column, unit="USD/MWh"),),
        point=("NODE",),
        keys=(
            # other values are parts of the price: congestion, energy, losses, greenhouse gas
            Key(name="lmp_type", column="LMP_TYPE", default=("LMP",), is_identity=False),
            Key(name="run", column="MARKET_RUN_ID", day_ahead=("DAM",)),
        ),
        currency="USD",
        steps_minutes=steps_minutes,
        day_zones=(ZONE, "UTC"),
        known=known,
        licence="CAISO: free to use, credit the California ISO",
    )


LAYOUTS: Final = (
    # the price of the day-ahead report stands in a column that is called MW, and so does that of HASP
    _layout("day-ahead", "PRC_LMP, PRC_HASP_LMP", "MW", Known.DAY_AHEAD, (15, 60)),
    _layout("real-time", "PRC_INTVL_LMP, PRC_RTPD_LMP", re.compile("VALUE|PRC"), Known.REAL_TIME, (5, 15, 60)),
)
