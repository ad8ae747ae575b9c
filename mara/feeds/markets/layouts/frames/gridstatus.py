"""gridstatus: a frame of prices saved as CSV or Parquet.

Header: `Time,Interval Start,Interval End,Market,Location,Location Type,LMP,Energy,Congestion,Loss`, or `SPP` in the
place of the last four; a nameless index before them does no harm.
"""

from typing import Final

from mara.feeds.markets.declaration import Key, Layout, Quantity, Span, StampClock, Value


def _layout(column: str, known_as: str) -> Layout:
    """Make one of the two layouts, which differ in the column of the price."""
    return Layout(
        id="gridstatus-frame",
        variant=column,
        publisher="gridstatus",
        report=f"frame of {known_as}",
        quantity=Quantity.PRICE,
        # stamps of a frame say their offset; the local ones of several markets could not be told apart otherwise
        stamp=Span(begin="Interval Start", end="Interval End"),
        clock=StampClock(is_stated=True),
        values=(
            Value(
                field="price",
                column=column,
                unit="USD/MWh",
            ),
        ),
        point=("Location",),
        keys=(
            Key(name="market", column="Market", is_optional=True),
            Key(name="type", column="Location Type", is_optional=True),
        ),
        currency="USD",
        steps_minutes=(5, 15, 30, 60),
        licence="as the market that the frame was made from",
    )


LAYOUTS: Final = (_layout("LMP", "get_lmp"), _layout("SPP", "get_spp"))
