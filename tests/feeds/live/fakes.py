"""Imitations of providers that refuse what the real ones refuse, faults included.

The faults follow a script.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import httpx

HOUR_S = 3_600
KEYS = {"entsoe": "e-key", "electricity-maps": "m-key", "ercot-rtm-spp": "me:pw:sub", "watttime": "me:pw"}


@dataclass
class SimulatedTime:
    """A clock that a test moves; seconds since 1970 UTC."""

    at_s: float

    def now_s(self) -> float:
        return self.at_s


Body = Callable[[Mapping[str, str], datetime], Any]


@dataclass
class FakeInterface:
    """One path of a provider.

    Attributes:
        query: parameters that it takes; any other is refused.
        apart_s: least time between two requests.
        header: a header that must be there, and its value.
        script: answers instead of the usual one, from the front; each is used once.
    """

    now: SimulatedTime
    query: frozenset[str]
    body: Body
    apart_s: float = 0.0
    header: tuple[str, str] | None = None
    key: tuple[str, str] | None = None
    method: str = "GET"
    script: list[httpx.Response | Exception] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        before, now_s = (self.asked[-1] if self.asked else None), self.now.now_s()
        self.asked.append(now_s)
        if request.method != self.method:
            return httpx.Response(405, text="method not allowed")
        if self.key is not None and query.pop(self.key[0], None) != self.key[1]:
            return httpx.Response(401, text=f"Unauthorized. Wrong key in {request.url}")
        if self.header is not None and request.headers.get(self.header[0]) != self.header[1]:
            return httpx.Response(401, json={"error": "Invalid auth-token"})
        if query.keys() - self.query:
            return httpx.Response(400, json={"error": f"unknown parameter {min(query.keys() - self.query)}"})
        if before is not None and now_s - before < self.apart_s:
            return httpx.Response(429, headers={"retry-after": "30"}, text="Too Many Requests")
        if self.script:
            scripted = self.script.pop(0)
            if isinstance(scripted, Exception):
                raise scripted
            return scripted
        found = self.body(query, datetime.fromtimestamp(now_s, UTC))
        if isinstance(found, httpx.Response):
            return found
        return httpx.Response(200, content=found if isinstance(found, bytes) else json.dumps(found).encode())


class FakeWeb(httpx.BaseTransport):
    """All interfaces by host and path; any other address is unreachable."""

    def __init__(self, interfaces: Mapping[str, FakeInterface]) -> None:
        self.interfaces = interfaces
        self.is_cut = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("no route to host", request=request)
        found = self.interfaces.get(f"{request.url.host}{request.url.path}")
        if found is None:
            raise httpx.ConnectError(f"no such host or path: {request.url.host}{request.url.path}", request=request)
        request.read()
        return found.answer(request)


def price_of(epoch_s: float, level: float = 50.0) -> float:
    """A price that differs from quarter to quarter and from day to day."""
    quarter = int(epoch_s) // 900
    return round(level + 20.0 * ((quarter % 96) / 96.0) + (quarter // 96) % 7 + (quarter % 5) * 0.25, 2)


def denmark(query: Mapping[str, str], now: datetime, level: float = 50.0) -> Any:
    """Prices of Energi Data Service: today's, and tomorrow's from 13:00 local time on."""
    zone = ZoneInfo("Europe/Copenhagen")
    begin, end = (datetime.fromisoformat(query[name]).replace(tzinfo=zone) for name in ("start", "end"))
    area = json.loads(query["filter"])["PriceArea"]
    last = published_until(now, "Europe/Copenhagen")
    records, at = [], begin.astimezone(UTC)
    while at < min(end.astimezone(UTC), last):
        local = at.astimezone(zone)
        price = price_of(at.timestamp(), level)
        records += [
            {
                "TimeUTC": f"{at:%Y-%m-%dT%H:%M:%S}",
                "TimeDK": f"{local:%Y-%m-%dT%H:%M:%S}",
                "PriceArea": one,
                "DayAheadPriceEUR": price,
                "DayAheadPriceDKK": round(price * 7.46, 4),
            }
            for one in area
        ]
        at += timedelta(minutes=15)
    return {"total": len(records), "dataset": "DayAheadPrices", "records": records}


def published_until(now: datetime, zone: str) -> datetime:
    """The local midnight up to which a day-ahead auction's results are published."""
    local = now.astimezone(ZoneInfo(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=2 if local.hour >= 13 else 1)).astimezone(UTC)


def energy_charts(query: Mapping[str, str], now: datetime) -> Any:
    zone = ZoneInfo("Europe/Brussels")
    begin = datetime.fromisoformat(query["start"]).replace(tzinfo=zone)
    end = datetime.fromisoformat(query["end"]).replace(tzinfo=zone) + timedelta(days=1)
    first, last = (
        int(begin.timestamp()),
        int(min(end.astimezone(UTC), published_until(now, "Europe/Brussels")).timestamp()),
    )
    stamps = list(range(first, last, 900))
    return {
        "license_info": "CC BY 4.0",
        "unix_seconds": stamps,
        "price": [price_of(at) for at in stamps],
        "unit": "EUR / MWh",
        "deprecated": False,
    }


def ercot(query: Mapping[str, str], now: datetime) -> Any:
    """ERCOT's dashboard: past quarters of today, all hours of the day-ahead market."""
    del query
    zone = ZoneInfo("America/Chicago")
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)

    def row(end: datetime, seconds: int) -> dict[str, Any]:
        local = end.astimezone(zone)
        price = price_of(end.timestamp() - seconds, 30.0)
        return {"hbHubAvg": price, "lzWest": price + 1.0, "timestamp": f"{local:%Y-%m-%d %H:%M:%S%z}"}

    start = midnight.astimezone(UTC)
    quarters = [start + timedelta(minutes=15 * n) for n in range(1, 101)]
    over = [
        {"intervalEnding": "x", "dstFlag": "N", **row(at, 900)} for at in quarters if at <= now - timedelta(minutes=2)
    ]
    hours = [start + timedelta(hours=n) for n in range(1, 25)]
    return {
        "lastUpdated": f"{now:%Y-%m-%d %H:%M:%S%z}",
        "rtSppData": over,
        "damSppData": [{"hourEnding": n + 1, "dstFlag": "N", **row(at, HOUR_S)} for n, at in enumerate(hours)],
    }


def aemo(query: Mapping[str, str], now: datetime) -> Any:
    """Five-minute prices of the last hours and predictions for the next half-hours."""
    del query
    last = int(now.timestamp()) // 300 * 300
    rows = [(at, "ACTUAL") for at in range(last - 2 * HOUR_S, last + 1, 300)] + [(last + 1_800, "FORECAST")]
    market = timedelta(hours=10)
    return {
        "5MIN": [
            {
                "SETTLEMENTDATE": f"{datetime.fromtimestamp(at, UTC) + market:%Y-%m-%dT%H:%M:%S}",
                "REGIONID": region,
                "RRP": price_of(at - 300, level),
                "TOTALDEMAND": 7_000.0,
                "PERIODTYPE": kind,
            }
            for region, level in (("NSW1", 80.0), ("QLD1", 70.0))
            for at, kind in rows
        ]
    }


def omie(query: Mapping[str, str], now: datetime) -> Any:
    """The file of a day, once it is published, else the status for a missing one."""
    zone = ZoneInfo("Europe/Madrid")
    day = datetime.strptime(query["filename"], "marginalpdbc_%Y%m%d.1").replace(tzinfo=zone)
    if day.astimezone(UTC) >= published_until(now, "Europe/Madrid"):
        return httpx.Response(404, text="<html>not found</html>")
    end = (day + timedelta(days=1)).astimezone(UTC)
    count = int((end - day.astimezone(UTC)).total_seconds()) // 900
    first = int(day.timestamp())
    rows = [
        f"{day:%Y;%m;%d};{n + 1};{price_of(first + 900 * n)};{price_of(first + 900 * n) + 1.0};" for n in range(count)
    ]
    return "\n".join(["MARGINALPDBC;", *rows, "*", ""]).encode()


def open_meteo(query: Mapping[str, str], now: datetime) -> Any:
    """Hours of yesterday, today and two days more, as Open-Meteo sends them.

    Each run of the weather model forecasts other temperatures.
    """
    past, ahead = int(query["past_days"]), int(query["forecast_days"])
    first = (now - timedelta(days=past)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=n) for n in range(24 * (past + ahead))]
    run = int(now.timestamp()) // (6 * HOUR_S)
    warm = [15.0 + 5.0 * ((at.hour % 12) / 12) + (0.1 * (run % 5) if at > now else 0.0) for at in hours]
    return {
        "latitude": float(query["latitude"]),
        "longitude": float(query["longitude"]),
        "utc_offset_seconds": 0,
        "timezone": "UTC",
        "hourly_units": {"time": "iso8601", "temperature_2m": "°C"},
        "hourly": {
            "time": [f"{at:%Y-%m-%dT%H:%M}" for at in hours],
            "temperature_2m": [round(one, 1) for one in warm],
            "relative_humidity_2m": [60] * len(hours),
        },
    }


def hashrates(query: Mapping[str, str], now: datetime) -> Any:
    del query
    day = int(now.timestamp()) // 86_400 * 86_400
    return {
        "hashrates": [
            {"timestamp": day - 86_400 * n, "avgHashrate": 9.5e20 + 1e18 * (n % 3)} for n in range(30, -1, -1)
        ],
        "difficulty": [{"time": day, "height": 900_000, "difficulty": 1.3e14, "adjustment": 1.01}],
        "currentHashrate": 9.6e20,
        "currentDifficulty": 1.3e14,
    }


def btc_prices(query: Mapping[str, str], now: datetime) -> Any:
    del query
    return {"time": int(now.timestamp()) // 60 * 60, "USD": 90_000 + int(now.timestamp()) // 3_600 % 100, "EUR": 80_000}


def electricity_maps(query: Mapping[str, str], now: datetime) -> Any:
    hour = now.replace(minute=0, second=0, microsecond=0)
    return {
        "zone": query["zone"],
        "history": [
            {
                "zone": query["zone"],
                "carbonIntensity": 100 + (hour - timedelta(hours=n)).hour,
                "datetime": f"{hour - timedelta(hours=n):%Y-%m-%dT%H:%M:%S}.000Z",
                "updatedAt": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
                "emissionFactorType": "lifecycle",
                "isEstimated": n < 2,
            }
            for n in range(24, 0, -1)
        ],
    }


def web_of(now: SimulatedTime) -> FakeWeb:
    """All fake interfaces by their real addresses."""

    def interface(names: str, body: Body, **more: Any) -> FakeInterface:
        return FakeInterface(now=now, query=frozenset(names.split()), body=body, **more)

    return FakeWeb(
        {
            "api.energidataservice.dk/dataset/DayAheadPrices": interface(
                "start end filter sort timezone limit offset columns", denmark, apart_s=1.0
            ),
            "api.energy-charts.info/price": interface("bzn start end", energy_charts, apart_s=2.0),
            "www.ercot.com/api/1/services/read/dashboards/systemWidePrices.json": interface("", ercot, apart_s=5.0),
            "visualisations.aemo.com.au/aemo/apps/api/report/5MIN": interface("", aemo, apart_s=5.0, method="POST"),
            "www.omie.es/en/file-download": interface("parents filename", omie),
            "api.open-meteo.com/v1/forecast": interface(
                "latitude longitude hourly past_days forecast_days timezone", open_meteo, apart_s=0.5
            ),
            "mempool.space/api/v1/mining/hashrate/1m": interface("", hashrates, apart_s=1.0),
            "mempool.space/api/v1/prices": interface("", btc_prices, apart_s=1.0),
            "api.electricitymaps.com/v3/carbon-intensity/history": interface(
                "zone", electricity_maps, header=("auth-token", KEYS["electricity-maps"])
            ),
        }
    )
