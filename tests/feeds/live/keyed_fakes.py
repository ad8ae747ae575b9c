"""Imitations of providers that require a key or a login, or that send archives."""

import base64
import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx

from tests.feeds.live.fakes import KEYS, FakeInterface, FakeWeb, SimulatedTime, price_of, published_until

ACKNOWLEDGED = b"""<?xml version="1.0"?><Acknowledgement_MarketDocument><Reason><code>999</code><text>No matching data
found</text></Reason></Acknowledgement_MarketDocument>"""
CALIFORNIA_STEP_S = 300


def entsoe(query: Mapping[str, str], now: datetime) -> Any:
    """Prices of a bidding zone between two midnights, as far as published.

    They come in a curve A03, which leaves repeated values out.
    """
    begin, end = (
        datetime.strptime(query[name], "%Y%m%d%H%M").replace(tzinfo=UTC) for name in ("periodStart", "periodEnd")
    )
    end = min(end, published_until(now, "Europe/Brussels"))
    if begin >= end:
        return ACKNOWLEDGED
    count = int((end - begin).total_seconds()) // 900
    prices = [price_of(begin.timestamp() + 900 * n) for n in range(count)]
    points = "".join(
        f"<Point><position>{n + 1}</position><price.amount>{price}</price.amount></Point>"
        for n, price in enumerate(prices)
        if n == 0 or price != prices[n - 1]
    )
    return (
        '<?xml version="1.0"?><Publication_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3">'
        f"<createdDateTime>{now:%Y-%m-%dT%H:%M:%SZ}</createdDateTime><TimeSeries><curveType>A03</curveType>"
        f"<in_Domain.mRID>{query['in_Domain']}</in_Domain.mRID><currency_Unit.name>EUR</currency_Unit.name>"
        f"<Period><timeInterval><start>{begin:%Y-%m-%dT%H:%MZ}</start><end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval>"
        f"<resolution>PT15M</resolution>{points}</Period></TimeSeries></Publication_MarketDocument>"
    ).encode()


def ercot_api(query: Mapping[str, str], now: datetime) -> Any:
    """Rows of the days asked for as lists, under the names of `fields`."""
    zone = ZoneInfo("America/Chicago")
    first = datetime.fromisoformat(query["deliveryDateFrom"]).replace(tzinfo=zone).astimezone(UTC)
    rows, at = [], first
    while at + timedelta(minutes=15) <= now:
        local = at.astimezone(zone)
        rows.append(
            [
                f"{local:%Y-%m-%d}",
                local.hour + 1,
                local.minute // 15 + 1,
                query["settlementPoint"],
                "LZ",
                price_of(at.timestamp(), 30.0),
                False,
            ]
        )
        at += timedelta(minutes=15)
    names = (
        "deliveryDate deliveryHour deliveryInterval settlementPoint settlementPointType settlementPointPrice DSTFlag"
    )
    return {"_meta": {"totalRecords": len(rows)}, "fields": [{"name": name} for name in names.split()], "data": rows}


def watttime(query: Mapping[str, str], now: datetime) -> Any:
    begin = datetime.fromisoformat(query["start"])
    stamps = [begin + timedelta(seconds=CALIFORNIA_STEP_S * n) for n in range(2_000)]
    return {
        "data": [
            {"point_time": f"{at:%Y-%m-%dT%H:%M:%S}+00:00", "value": 900.0 + at.hour}
            for at in stamps
            if at <= now - timedelta(minutes=10)
        ],
        "meta": {"region": query["region"], "units": "lbs_co2_per_mwh", "data_point_period_seconds": CALIFORNIA_STEP_S},
    }


def basic_login(query: Mapping[str, str], now: datetime) -> Any:
    del query, now
    return {"token": "a-token"}


def ecb(query: Mapping[str, str], now: datetime) -> Any:
    """All exchange rates in a zip: the newest first, of working days alone."""
    del query
    days = [now.date() - timedelta(days=n) for n in range(1, 60)]
    lines = [f"{day:%Y-%m-%d},1.{100 + day.day},10.9,7.46," for day in days if day.weekday() < 5]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("eurofxref-hist.csv", "\n".join(["Date,USD,JPY,DKK,", *lines]) + "\n")
    return packed.getvalue()


class FormLogin(FakeInterface):
    """A login by a posted form, which must hold exactly the published fields."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(self.now.now_s())
        form = dict(parse_qsl(request.content.decode()))
        names = {"grant_type", "response_type", "client_id", "scope", "username", "password"}
        if request.method != "POST" or form.keys() != names or (form["username"], form["password"]) != ("me", "pw"):
            return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(200, json={"id_token": "a-token", "expires_in": "3600"})


def keyed_web_of(now: SimulatedTime) -> FakeWeb:
    """All interfaces of this module by their real addresses."""

    def interface(names: str, body: Any, **more: Any) -> FakeInterface:
        return FakeInterface(now=now, query=frozenset(names.split()), body=body, **more)

    bearer = ("authorization", "Bearer a-token")
    basic = ("authorization", "Basic " + base64.b64encode(b"me:pw").decode())
    login = "ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token"
    return FakeWeb(
        {
            "web-api.tp.entsoe.eu/api": interface(
                "documentType contract_MarketAgreement.type in_Domain out_Domain periodStart periodEnd",
                entsoe,
                key=("securityToken", KEYS["entsoe"]),
            ),
            "api.ercot.com/api/public-reports/np6-905-cd/spp_node_zone_hub": interface(
                "deliveryDateFrom deliveryDateTo settlementPoint size", ercot_api, header=bearer, apart_s=2.0
            ),
            login: FormLogin(now=now, query=frozenset(), body=basic_login),
            "api.watttime.org/login": interface("", basic_login, header=basic),
            "api.watttime.org/v3/historical": interface("region start end signal_type", watttime, header=bearer),
            "www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip": interface("", ecb),
        }
    )
