"""ERCOT: the dashboard's JSON, which needs no key, and the public API, which does."""

import re
from dataclasses import replace
from typing import Final

from mara.feeds.live.declaration import Access, Pass, Provider
from mara.feeds.markets.declaration import (
    Form,
    HourEnding,
    Instant,
    Key,
    Kind,
    Known,
    Layout,
    Quantity,
    Side,
    StampClock,
    Value,
)
from mara.feeds.markets.layouts.americas.ercot import CAPS, DAY_AHEAD, LICENCE, REAL_TIME, ZONE

POINTS: Final = re.compile(r"(?P<point>(?:hb|lz)[A-Z][A-Za-z]*)")
"""Names of hubs and load zones on the dashboard, such as `hbNorth` for HB_NORTH."""
ALIASES: Final = tuple(
    (f"{kind}_{name}", f"{kind.lower()}{shown}")
    for kind, names in {
        "HB": ("BusAvg", "HubAvg", "Houston", "North", "Pan", "South", "West"),
        "LZ": ("Aen", "Cps", "Houston", "Lcra", "North", "Raybn", "South", "West"),
    }.items()
    for shown in names
    for name in (shown.upper(),)
)
DASHBOARD_LATE_MINUTES: Final = 45.0
PUBLIC_CLIENT: Final = "fec253ea-0d06-4272-a5e6-b478baeecd70"
"""Client of the public API's login, the same for everybody.

Source: https://developer.ercot.com/applications/pubapi/user-guide/registration-and-authentication/
"""


def _dashboard(which: str, path: str, step_minutes: int, known: Known) -> Layout:
    return Layout(
        id="ercot-dashboard",
        variant=which,
        publisher="ERCOT",
        report="systemWidePrices.json of the dashboards",
        quantity=Quantity.PRICE,
        form=Form(kind=Kind.JSON, json_path=(path,)),
        stamp=Instant(column="timestamp", formats=("iso",), side=Side.END),
        clock=StampClock(zone=ZONE, is_stated=True),
        values=(Value(field="price", column=POINTS, unit="USD/MWh"),),
        aliases=ALIASES,
        currency="USD",
        steps_minutes=(step_minutes,),
        day_zones=(ZONE,),
        known=known,
        caps=CAPS,
        licence=LICENCE,
    )


def _dashboard_of(provider_id: str, layout: Layout, late_after_minutes: float) -> Provider:
    return Provider(
        id=provider_id,
        publisher="ERCOT",
        base="https://www.ercot.com",
        path="/api/1/services/read/dashboards/systemWidePrices.json",
        quantity=Quantity.PRICE,
        layouts=(layout,),
        zone=ZONE,
        every_minutes=5.0,
        apart_s=10.0,
        late_after_minutes=late_after_minutes,
        document="https://www.ercot.com/gridmktinfo/dashboards/systemwideprices",
    )


def _of_api(layout: Layout, stamp: HourEnding, point: str, keys: tuple[Key, ...], value: str) -> Layout:
    """Make the layout of the API's rows, whose columns are named in `fields`."""
    return replace(
        layout,
        variant="public API",
        form=Form(kind=Kind.JSON, json_path=("data",), json_names="fields"),
        stamp=stamp,
        point=(point,),
        keys=keys,
        values=(Value(field="price", column=value, unit="USD/MWh"),),
    )


ACCESS: Final = Access(
    by=Pass.FORM_LOGIN,
    login="https://ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token",
    token="id_token",  # noqa: S106  a field's name, not a secret
    lasts_s=3_000.0,
    form=(
        ("grant_type", "password"),
        ("response_type", "id_token"),
        ("client_id", PUBLIC_CLIENT),
        ("scope", f"openid {PUBLIC_CLIENT} offline_access"),
    ),
    second_name="Ocp-Apim-Subscription-Key",
)
API_APART_S: Final = 2.5
"""The API takes 30 requests a minute."""
DATES: Final = (("deliveryDateFrom", "{begin}"), ("deliveryDateTo", "{end}"), ("settlementPoint", "{point}"))

PROVIDERS: Final = (
    _dashboard_of(
        "ercot-dashboard",
        _dashboard("real-time", "rtSppData", 15, Known.REAL_TIME),
        DASHBOARD_LATE_MINUTES,
    ),
    _dashboard_of("ercot-dashboard-dam", _dashboard("day-ahead", "damSppData", 60, Known.DAY_AHEAD), 0.0),
    Provider(
        id="ercot-rtm-spp",
        publisher="ERCOT",
        base="https://api.ercot.com/api/public-reports",
        path="/np6-905-cd/spp_node_zone_hub",
        query=(*DATES, ("size", "5000")),
        quantity=Quantity.PRICE,
        layouts=(
            _of_api(
                REAL_TIME,
                HourEnding(
                    date="deliveryDate", hour="deliveryHour", formats=("iso",), interval="deliveryInterval", intervals=4
                ),
                "settlementPoint",
                (Key(name="type", column="settlementPointType"),),
                "settlementPointPrice",
            ),
        ),
        zone=ZONE,
        ahead_days=1,
        every_minutes=5.0,
        apart_s=API_APART_S,
        late_after_minutes=DASHBOARD_LATE_MINUTES,
        access=ACCESS,
        document="https://developer.ercot.com/applications/pubapi/",
    ),
    Provider(
        id="ercot-dam-spp",
        publisher="ERCOT",
        base="https://api.ercot.com/api/public-reports",
        path="/np4-190-cd/dam_stlmnt_pnt_prices",
        query=(*DATES, ("size", "5000")),
        quantity=Quantity.PRICE,
        layouts=(
            _of_api(
                DAY_AHEAD,
                HourEnding(date="deliveryDate", hour="hourEnding", formats=("iso",)),
                "settlementPoint",
                (),
                "settlementPointPrice",
            ),
        ),
        zone=ZONE,
        ahead_days=1,
        every_minutes=15.0,
        apart_s=API_APART_S,
        late_after_minutes=0.0,
        access=ACCESS,
        document="https://developer.ercot.com/applications/pubapi/",
    ),
)
