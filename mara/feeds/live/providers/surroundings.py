"""Weather, carbon intensity, bitcoin and exchange rates from their interfaces."""

from typing import Final

from mara.feeds.live.declaration import Access, Pass, Provider
from mara.feeds.markets.declaration import Form, Instant, Kind, Layout, Quantity, StampClock, Value
from mara.feeds.markets.layouts.money import ECB, MEMPOOL
from mara.feeds.markets.layouts.surroundings.open_meteo import LAYOUTS as OPEN_METEO_LAYOUTS

STATED: Final = StampClock(is_stated=True)
LB_PER_MWH_G_PER_KWH: Final = 0.453_592_37
"""Grams per kWh of one pound per MWh."""

ELECTRICITY_MAPS_JSON: Final = Layout(
    id="electricity-maps",
    variant="history",
    publisher="Electricity Maps",
    report="/carbon-intensity/history of version 3",
    quantity=Quantity.CARBON,
    form=Form(kind=Kind.JSON, json_path=("history",)),
    stamp=Instant(column="datetime", formats=("iso",)),
    clock=STATED,
    values=(Value(field="carbon_g_per_kwh", column="carbonIntensity", unit="g/kWh"),),
    vintage="updatedAt",
    vintage_formats=("iso",),
    licence="Electricity Maps: by the terms of the key",
)
WATTTIME_MARGINAL: Final = Layout(
    id="watttime",
    publisher="WattTime",
    report="/v3/historical, co2_moer",
    quantity=Quantity.CARBON,
    form=Form(kind=Kind.JSON, json_path=("data",)),
    stamp=Instant(column="point_time", formats=("iso",)),
    clock=STATED,
    values=(Value(field="carbon_g_per_kwh", column="value", unit="lb/MWh", factor=LB_PER_MWH_G_PER_KWH),),
    steps_minutes=(5,),
    licence="WattTime: by the terms of the account",
)
BTC_PRICE: Final = Layout(
    id="mempool-price",
    publisher="mempool.space",
    report="/api/v1/prices",
    quantity=Quantity.HASHPRICE,
    form=Form(kind=Kind.JSON, is_one_record=True),
    stamp=Instant(column="time", formats=("epoch",)),
    values=(Value(field="btc_usd", column="USD", unit="USD"),),
    licence="mempool.space: AGPL project, public interface",
)
PROVIDERS: Final = (
    Provider(
        id="open-meteo",
        publisher="Open-Meteo",
        base="https://api.open-meteo.com",
        path="/v1/forecast",
        query=(
            ("latitude", "{lat}"),
            ("longitude", "{lon}"),
            ("hourly", "temperature_2m,relative_humidity_2m"),
            ("past_days", "1"),
            ("forecast_days", "3"),
            ("timezone", "UTC"),
        ),
        quantity=Quantity.WEATHER,
        layouts=OPEN_METEO_LAYOUTS,
        every_minutes=60.0,
        apart_s=1.0,
        late_after_minutes=0.0,
        document="https://open-meteo.com/en/docs",
    ),
    Provider(
        id="electricity-maps",
        publisher="Electricity Maps",
        base="https://api.electricitymaps.com",
        path="/v3/carbon-intensity/history",
        query=(("zone", "{point}"),),
        quantity=Quantity.CARBON,
        layouts=(ELECTRICITY_MAPS_JSON,),
        every_minutes=15.0,
        apart_s=2.0,
        late_after_minutes=120.0,
        access=Access(by=Pass.HEADER, name="auth-token"),
        document="https://app.electricitymaps.com/docs",
    ),
    Provider(
        id="watttime",
        publisher="WattTime",
        base="https://api.watttime.org",
        path="/v3/historical",
        query=(
            ("region", "{point}"),
            ("start", "{begin:%Y-%m-%dT%H:%MZ}"),
            ("end", "{end:%Y-%m-%dT%H:%MZ}"),
            ("signal_type", "co2_moer"),
        ),
        quantity=Quantity.CARBON,
        layouts=(WATTTIME_MARGINAL,),
        ahead_days=1,
        every_minutes=5.0,
        apart_s=1.0,
        late_after_minutes=60.0,
        access=Access(by=Pass.BASIC_LOGIN, login="https://api.watttime.org/login", token="token"),  # noqa: S106
        document="https://docs.watttime.org",
    ),
    Provider(
        id="mempool",
        publisher="mempool.space",
        base="https://mempool.space",
        path="/api/v1/mining/hashrate/1m",
        quantity=Quantity.HASHPRICE,
        layouts=(MEMPOOL,),
        every_minutes=60.0,
        apart_s=2.0,
        late_after_minutes=2_880.0,
        document="https://mempool.space/docs/api/rest",
    ),
    Provider(
        id="mempool-price",
        publisher="mempool.space",
        base="https://mempool.space",
        path="/api/v1/prices",
        quantity=Quantity.HASHPRICE,
        layouts=(BTC_PRICE,),
        every_minutes=15.0,
        apart_s=2.0,
        late_after_minutes=120.0,
        document="https://mempool.space/docs/api/rest",
    ),
    Provider(
        id="ecb",
        publisher="European Central Bank",
        base="https://www.ecb.europa.eu",
        path="/stats/eurofxref/eurofxref-hist.zip",
        file_name="eurofxref-hist.zip",
        quantity=Quantity.FX,
        layouts=(ECB,),
        every_minutes=360.0,
        apart_s=10.0,
        late_after_minutes=5 * 1_440.0,
        document="https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates",
    ),
)
