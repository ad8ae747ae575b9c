"""Requests to each provider, and its answers read with right interval and unit."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.errors import ConfigError
from mara.feeds.live.asking import Asker
from mara.feeds.live.known import KnownValues
from mara.feeds.live.memory import Memory
from mara.feeds.live.poller import Poller
from mara.feeds.live.registry import PROVIDERS
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import Spec, spec_of
from tests.architecture.house import ROOT
from tests.feeds.live.fakes import KEYS, FakeWeb, SimulatedTime, price_of, web_of
from tests.feeds.live.keyed_fakes import keyed_web_of

NOW = datetime(2026, 3, 3, 15, 7, tzinfo=UTC)
SITE = """
[fx]
{fx}
[[site]]
id = "here"
name = "Here"
country = "X"
lat = 50.0
lon = 5.0
timezone = "Europe/Brussels"
price = {price}
carbon = {carbon}
weather = {weather}
[bitcoin]
constant = 50.0
"""
EUROS, CONSTANT = "usd_per.EUR = 1.0", "{ constant = 10.0 }"


def spec(*, price: str = CONSTANT, carbon: str = CONSTANT, weather: str = CONSTANT, fx: str = EUROS) -> Spec:
    return spec_of(SITE.format(price=price, carbon=carbon, weather=weather, fx=fx).encode(), "live.toml")


def asked(
    of: Spec, keys: Mapping[str, str] = KEYS, web: FakeWeb | None = None, rounds: int = 1
) -> tuple[Poller, Memory]:
    time = SimulatedTime(NOW.timestamp())
    all_of = FakeWeb({**web_of(time).interfaces, **keyed_web_of(time).interfaces}) if web is None else web
    memory = Memory(keeps=True)
    poller = Poller(
        sources_of_spec(of),
        memory,
        Asker(keys=keys, passed_s=time.now_s, transport=all_of),
        time.now_s,
        dict(of.fx.usd_per),
    )
    for _ in range(rounds):
        poller.ask_due()
        time.at_s += 3_600.0
    return poller, memory


def on_quarters(known: KnownValues, name: str, begin: datetime, end: datetime) -> Floats:
    return known.on(Steps(from_s=int(begin.timestamp()), to_s=int(end.timestamp()), step_s=900), name)


def quarters(begin: datetime, end: datetime, level: float = 50.0) -> list[float]:
    return [price_of(at, level) for at in range(int(begin.timestamp()), int(end.timestamp()), 900)]


TOMORROW_ENDS = datetime(2026, 3, 4, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("price", "begin"),
    [
        ('{ provider = "energi-data-service", point = "DK2" }', datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ('{ provider = "energy-charts", point = "BE" }', datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ('{ provider = "omie", point = "PT" }', datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ('{ provider = "entsoe", point = "10YBE----------2" }', datetime(2026, 3, 1, 23, tzinfo=UTC)),
    ],
    ids=["energi-data-service", "energy-charts", "omie", "entsoe"],
)
def test_day_ahead_prices_are_known_to_the_end_of_tomorrow(price: str, begin: datetime) -> None:
    poller, memory = asked(spec(price=price))
    assert [status.reason for status in poller.statuses()] == [""]
    known = memory.newest("here price")
    assert on_quarters(known, "price_usd_per_mwh", begin, TOMORROW_ENDS).tolist() == quarters(begin, TOMORROW_ENDS)
    assert (known.told.begin_s[0], known.told.end_s[-1]) == (begin.timestamp(), TOMORROW_ENDS.timestamp())


def test_before_the_auction_a_day_that_is_not_published_is_no_failure() -> None:
    time = SimulatedTime(datetime(2026, 3, 3, 8, tzinfo=UTC).timestamp())
    memory, of = Memory(keeps=True), spec(price='{ provider = "omie", point = "ES" }')
    asker = Asker(keys={}, passed_s=time.now_s, transport=web_of(time))
    poller = Poller(sources_of_spec(of), memory, asker, time.now_s, dict(of.fx.usd_per))
    poller.ask_due()
    assert [status.reason for status in poller.statuses()] == [""]
    assert memory.newest("here price").told.end_s[-1] == datetime(2026, 3, 3, 23, tzinfo=UTC).timestamp()


def test_the_public_api_of_ercot_is_logged_into_and_its_lists_read() -> None:
    poller, memory = asked(spec(price='{ provider = "ercot-rtm-spp", point = "LZ_WEST", type = "LZ" }'))
    assert [status.reason for status in poller.statuses()] == [""]
    begin, end = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 3, 15, tzinfo=UTC)
    found = on_quarters(memory.newest("here price"), "price_usd_per_mwh", begin, end)
    assert found.tolist() == quarters(begin, end, 30.0)


def test_marginal_emissions_are_grams_by_the_kilowatt_hour() -> None:
    poller, memory = asked(spec(carbon='{ provider = "watttime", point = "CAISO_NORTH" }'))
    assert [status.reason for status in poller.statuses()] == [""]
    last = memory.newest("here carbon").last("carbon_g_per_kwh", int(NOW.timestamp()))
    assert last is not None
    assert last[0] == pytest.approx((900.0 + 14) * 0.453_592_37)


def test_rates_are_those_of_the_last_working_day_before_delivery() -> None:
    price = '{ provider = "energy-charts", point = "BE" }'
    poller, memory = asked(spec(price=price, fx='provider = "ecb"'))
    assert [status.reason for status in poller.statuses()] == ["", ""]
    found = on_quarters(memory.newest("here price"), "price_usd_per_mwh", NOW.replace(minute=0), NOW.replace(minute=15))
    assert found[0] == pytest.approx(price_of(NOW.replace(minute=0).timestamp()) * 1.102)


@pytest.mark.parametrize("provider", ["entsoe", "watttime", "ercot-rtm-spp", "electricity-maps"])
@pytest.mark.parametrize("key", ["", "wrong-key", "wrong:key:parts"])
def test_a_missing_or_wrong_key_is_named_and_never_repeated(provider: str, key: str) -> None:
    source = f'{{ provider = "{provider}", point = "P" }}'
    is_price = provider in {"entsoe", "ercot-rtm-spp"}
    poller, _ = asked(spec(price=source) if is_price else spec(carbon=source), keys={provider: key})
    (status,) = poller.statuses()
    assert status.reason
    assert not key or key not in status.reason
    assert "key" in status.reason or "MARA_FEED_KEYS" in status.reason or "HTTP 40" in status.reason


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("m-key-of-ours", httpx.Response(200, text="<html>No service for m-key-of-ours</html>")),
        ("m-key-of-ours", httpx.Response(500, text="x" * 115 + "m-key-of-ours failed")),
        ("m/key", httpx.Response(503, text="no m%2Fkey here")),
        ("m/key", httpx.Response(400, text="no m/key here")),
    ],
)
def test_a_provider_that_repeats_the_key_in_its_answer_is_not_quoted(
    key: str, answer: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    time = SimulatedTime(NOW.timestamp())
    web = web_of(time)
    interface = web.interfaces["api.electricitymaps.com/v3/carbon-intensity/history"]
    interface.header = ("auth-token", key)
    interface.script = [answer]
    wanted = spec(carbon='{ provider = "electricity-maps", point = "P" }')
    poller, _ = asked(wanted, web=web, keys={"electricity-maps": key})
    (status,) = poller.statuses()
    assert status.reason
    for part in (key, quote(key, safe=""), key[:4]):  # nor the begin of one, where a long answer is cut
        assert part not in status.reason
        assert part not in caplog.text


def test_an_answer_without_prices_and_an_error_in_a_zip_are_errors() -> None:
    time = SimulatedTime(NOW.timestamp())
    web = keyed_web_of(time)
    web.interfaces["web-api.tp.entsoe.eu/api"].body = lambda query, now: b"<Acknowledgement_MarketDocument/>"
    poller, _ = asked(spec(price='{ provider = "entsoe", point = "P" }'), web=web)
    assert "is an answer without prices" in poller.statuses()[0].reason
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("INVALID_REQUEST.xml", "<OASISReport><ERR_CODE>1000</ERR_CODE></OASISReport>")
    web.interfaces["www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"].body = lambda query, now: packed.getvalue()
    poller, _ = asked(spec(price='{ provider = "entsoe", point = "P" }', fx='provider = "ecb"'), web=web)
    assert "is an error message or a web page" in poller.statuses()[0].reason


def test_unknown_parameters_and_haste_are_refused_by_the_stand_ins() -> None:
    time = SimulatedTime(NOW.timestamp())
    client = httpx.Client(transport=web_of(time))
    address = "https://api.energy-charts.info/price?bzn=BE&start=2026-03-03&end=2026-03-04"
    assert client.get(f"{address}&zone=BE").status_code == 400
    time.at_s += 10.0
    assert client.get(address).status_code == 200
    assert client.get(address).status_code == 429


def test_no_provider_is_asked_faster_than_it_declares() -> None:
    assert [
        one.id for one in PROVIDERS if one.every_minutes * 60 < one.apart_s or not one.document.startswith("https://")
    ] == []
    assert all(one.base.startswith("https://") or one.is_told_by_events for one in PROVIDERS)
    page = (ROOT / "docs/live.md").read_text(encoding="utf-8")
    assert [one.id for one in PROVIDERS if f"`{one.id}`" not in page] == []


def test_an_address_of_the_operators_own_is_read_as_a_csv_file() -> None:
    time = SimulatedTime(NOW.timestamp())
    text = "time,price\n" + "\n".join(f"{NOW - timedelta(hours=n):%Y-%m-%d %H}:00,{40 + n}" for n in range(5, -20, -1))
    web = web_of(time)
    web.interfaces = {
        "own.example/prices": type(web.interfaces["www.omie.es/en/file-download"])(
            now=time, query=frozenset({"day"}), body=lambda query, now: text.encode()
        )
    }
    csv = (
        '{ time = "time", formats = ["%Y-%m-%d %H:%M"], side = "begin", clock = "UTC", steps_minutes = [60], '
        'value = "price", unit = "EUR/MWh" }'
    )
    url = "https://own.example/prices?day={day:%Y%m%d}"
    price = f'{{ url = "{url}", layout = "csv", known = "day_ahead", csv = {csv} }}'
    poller, memory = asked(spec(price=price), web=web)
    assert [status.reason for status in poller.statuses()] == [""]
    assert memory.newest("here price").last("price_usd_per_mwh", int(NOW.timestamp())) == (40.0, 1_772_553_600)
    assert np.isfinite(memory.newest("here price").told.columns["price_usd_per_mwh"]).all()
    web.interfaces["own.example/prices"].body = lambda query, now: b"time,price\n"
    poller, _ = asked(spec(price=price), web=web)
    assert "here price: the files should have rows of a series, have none: ask again" in poller.statuses()[0].reason


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ('{ provider = "energy-chart", point = "BE" }', "the nearest is energy-charts"),
        ('{ provider = "open-meteo" }', "a provider of price is wanted, open-meteo gives weather"),
        ('{ url = "http://prices.example/x", layout = "omie" }', "url should begin with https://"),
        ('{ url = "https://me:pw@prices.example/x", layout = "omie" }', "url should hold no user or password"),
        ('{ files = "a.csv" }', "a live feed asks providers, the SPEC names files"),
        ("{ constant = 3.0, every_minutes = 5 }", "should have no field 'every_minutes' without a provider or a url"),
        (CONSTANT, "a live feed should have a source with a provider or a url"),
    ],
)
def test_a_source_that_cannot_be_asked_is_refused(price: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        sources_of_spec(spec(price=price))


def test_a_live_spec_cannot_be_built(tmp_path: Path) -> None:
    from mara.feeds.markets.building.build import BuildOrder, build

    order = BuildOrder(spec_file=tmp_path / "live.toml", out=tmp_path / "out")
    with pytest.raises(
        ConfigError, match="site here price: `mara import build` reads files, the SPEC names a live source"
    ):
        build(spec(price='{ provider = "omie", point = "ES" }'), order, lambda what, done, total: None)
