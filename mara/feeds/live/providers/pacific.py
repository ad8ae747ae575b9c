"""AEMO, Australia: five-minute prices of all regions in one answer."""

from dataclasses import replace
from typing import Final

from mara.feeds.live.declaration import Provider
from mara.feeds.markets.declaration import Form, Key, Kind, Quantity
from mara.feeds.markets.layouts.pacific.aemo import MONTHLY, ZONE

FIVE_MINUTES: Final = replace(
    MONTHLY,
    id="aemo-5min",
    report="5MIN of the visualisations",
    form=Form(kind=Kind.JSON, json_path=("5MIN",)),
    header=(),
    point=("REGIONID",),
    # rows of the hours to come are the operator's predictions, and no prices yet
    keys=(Key(name="period_type", column="PERIODTYPE", default=("ACTUAL",), is_identity=False),),
    steps_minutes=(5,),
)
PROVIDERS: Final = (
    Provider(
        id="aemo",
        publisher="AEMO",
        base="https://visualisations.aemo.com.au",
        path="/aemo/apps/api/report/5MIN",
        body='{"timeScale":["5MIN"]}',
        quantity=Quantity.PRICE,
        layouts=(FIVE_MINUTES,),
        zone=ZONE,
        every_minutes=2.0,
        apart_s=10.0,
        late_after_minutes=15.0,
        document="https://visualisations.aemo.com.au",
    ),
)
