"""Prices and emissions that events of OpenADR 3 tell, beside limits and warnings."""

from typing import Final

from mara.feeds.live.declaration import Provider
from mara.feeds.markets.declaration import Instant, Known, Layout, Quantity, Value

DOCUMENT: Final = "https://www.openadr.org/openadr-3-0"
_START: Final = Instant(column="start", formats=("iso",))
_LICENCE: Final = "by the terms of the program"
PRICE_EVENTS: Final = Layout(
    id="openadr",
    publisher="OpenADR 3",
    report="events with PRICE",
    quantity=Quantity.PRICE,
    stamp=_START,
    values=(Value(field="price", column="PRICE", unit="USD/kWh"),),
    known=Known.DAY_AHEAD,
    licence=_LICENCE,
)
GHG_EVENTS: Final = Layout(
    id="openadr-ghg",
    publisher="OpenADR 3",
    report="events with GHG",
    quantity=Quantity.CARBON,
    stamp=_START,
    values=(Value(field="carbon_g_per_kwh", column="GHG", unit="g/kWh"),),
    licence=_LICENCE,
)
PROVIDERS: Final = tuple(
    Provider(
        id=layout.id,
        publisher=layout.publisher,
        base="",
        path="",
        quantity=layout.quantity,
        layouts=(layout,),
        every_minutes=1.0,
        late_after_minutes=90.0,
        is_told_by_events=True,
        document=DOCUMENT,
    )
    for layout in (PRICE_EVENTS, GHG_EVENTS)
)
