"""Test cases of every layout on days that break readers.

They are both clock changes, month ends, and Europe's switch from hours to quarters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_demand as load
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.rows import Row, rows_of, switched
from tests.feeds.markets.writers_europe import Files

Writer = Callable[[Sequence[Row]], Files]
Expect = Mapping[str, Callable[[Row], float]]

EU_SPRING, EU_AUTUMN, EU_SWITCH = date(2025, 3, 30), date(2025, 10, 26), date(2025, 10, 1)
US_SPRING, US_AUTUMN = date(2024, 3, 10), date(2024, 11, 3)
AEMO_SWITCH = date(2021, 10, 1)
PRICE: Expect = {"price": lambda row: row.value}


@dataclass(frozen=True)
class Case:
    """A test case: a layout, a writer of it, the expected rows and their series."""

    layout: str
    name: str
    write: Writer
    rows: Sequence[Row]
    point: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    currency: str | None = None
    expect: Expect = field(default_factory=lambda: PRICE)

    @property
    def folder(self) -> str:
        return f"{self.layout}/{self.name}"


def european(layout: str, writer: Writer, zone: str, *, quarters: bool = True, **more: object) -> list[Case]:
    """Cases of a European layout: spring in hours, the switch, autumn in quarters.

    A layout of hours alone has hours in autumn.
    """
    make: Callable[..., Case] = partial(Case, layout, **more)  # type: ignore[arg-type]
    found = [
        make("spring", writer, rows_of(zone, EU_SPRING, 1, 60)),
        make("autumn-hours", writer, rows_of(zone, date(2024, 10, 27), 1, 60)),
    ]
    if quarters:
        found += [
            make("switch", writer, switched(zone, EU_SWITCH, 60, 15)),
            make("autumn-quarters", writer, rows_of(zone, EU_AUTUMN, 1, 15)),
        ]
    return found


def american(layout: str, writer: Writer, zone: str, minutes: int, *, suffix: str = "", **more: object) -> list[Case]:
    make: Callable[..., Case] = partial(Case, layout, **more)  # type: ignore[arg-type]
    return [
        make(f"spring{suffix}", writer, rows_of(zone, US_SPRING, 1, minutes)),
        make(f"autumn{suffix}", writer, rows_of(zone, US_AUTUMN, 1, minutes)),
    ]


def renamed(cases: list[Case], suffix: str) -> list[Case]:
    return [Case(**{**case.__dict__, "name": f"{case.name}{suffix}"}) for case in cases]


SEQUENCE_1 = {"sequence": "1"}
EUROPE = [
    *renamed(european("entsoe-gui", eu.entsoe_gui_utc, "Europe/Brussels", point="BZN|DE-LU", parts=SEQUENCE_1), "-utc"),
    *renamed(european("entsoe-gui", eu.entsoe_gui_cet, "Europe/Brussels", point="BZN|FR", parts=SEQUENCE_1), "-cet"),
    *european("entsoe-gui-old", eu.entsoe_gui_old, "Europe/Brussels", quarters=False, point="BZN|DE-LU"),
    *european("entsoe-file-library", eu.file_library, "UTC", point="DE-LU", parts=SEQUENCE_1),
    Case(
        "entsoe-file-library", "autumn-old", eu.file_library_old, rows_of("UTC", date(2024, 10, 27), 1, 60), "NO1 BZN"
    ),
    *european("entsoe-xml", eu.a44, "Europe/Brussels", point="10Y1001A1001A82H", parts=SEQUENCE_1),
    *renamed(
        european(
            "entsoe-xml", partial(eu.a44, curve="A01"), "Europe/Brussels", point="10Y1001A1001A82H", parts=SEQUENCE_1
        ),
        "-a01",
    ),
    *european("nordpool-portal", eu.nordpool, "Europe/Oslo", point="SE3"),
    *european("nordpool-elspot", eu.nordpool_yearly, "Europe/Oslo", quarters=False, point="SE3", currency="EUR"),
    Case(
        "nordpool-elspot",
        "autumn-with-a-name",
        partial(eu.nordpool_yearly, first="Date"),
        rows_of("Europe/Oslo", date(2024, 10, 27), 1, 60),
        "SE3",
    ),
    *european("energi-data-service", eu.elspotprices, "Europe/Copenhagen", quarters=False, point="DK1", currency="EUR"),
    Case(
        "energi-data-service",
        "autumn-quarters",
        eu.day_ahead_prices,
        rows_of("Europe/Copenhagen", EU_AUTUMN, 1, 15),
        "DK1",
        currency="EUR",
    ),
    *european("smard", eu.smard_german, "Europe/Berlin", point="Deutschland/Luxemburg"),
    *renamed(european("smard", eu.smard_english, "Europe/Berlin", quarters=False, point="Germany/Luxembourg"), "-en"),
    *european("omie", eu.omie, "Europe/Madrid", point="ES"),
    *european("ember-hourly", eu.ember, "Europe/Vienna", quarters=False, point="Austria"),
    *european("entsoe-py-frame", eu.entsoe_py, "Europe/Berlin", point="0"),
]
AMERICAS = [
    *american("ercot-dam-spp", am.ercot_dam, am.CENTRAL, 60, point="HB_NORTH"),
    *american("ercot-rtm-spp", am.ercot_rtm, am.CENTRAL, 15, point="LZ_WEST", parts={"type": "LZ"}),
    *american("ercot-dam-as", am.ercot_dam_reserves, am.CENTRAL, 60, point="RRS"),
    Case("ercot-rtm-as", "spring", am.ercot_rtm_reserves, rows_of(am.CENTRAL, date(2026, 3, 8), 1, 15), "RRS"),
    Case("ercot-rtm-as", "autumn", am.ercot_rtm_reserves, rows_of(am.CENTRAL, date(2026, 11, 1), 1, 15), "RRS"),
    *american("caiso-lmp", am.caiso_dam, am.PACIFIC, 60, point="TH_NP15_GEN-APND", parts={"run": "DAM"}),
    *american(
        "caiso-lmp", am.caiso_rtm, am.PACIFIC, 15, suffix="-rtm", point="TH_SP15_GEN-APND", parts={"run": "RTPD"}
    ),
    *american("pjm-lmp", am.pjm, am.EASTERN, 60, point="WESTERN HUB", parts={"type": "HUB"}),
    *american("pjm-lmp", am.pjm_real_time, am.EASTERN, 60, suffix="-rt", point="WESTERN HUB", parts={"type": "HUB"}),
    *american("nyiso-lbmp", am.nyiso_dam, am.EASTERN, 60, point="WEST"),
    *american("nyiso-lbmp", am.nyiso_real_time, am.EASTERN, 5, suffix="-rt", point="WEST"),
    *american("miso-lmp", am.miso, "UTC-5", 60, point="ARKANSAS.HUB", parts={"type": "Hub"}),
    *american("miso-lmp", am.miso_real_time, "UTC-5", 60, suffix="-rt", point="ARKANSAS.HUB", parts={"type": "Hub"}),
    *american("spp-lmp", am.spp, am.CENTRAL, 60, point="SPPNORTH_HUB"),
    Case(
        "spp-lmp",
        "autumn-areas",
        am.spp_with_areas,
        rows_of(am.CENTRAL, date(2026, 11, 1), 1, 5),
        "SPPNORTH_HUB",
        {"baa": "SPP"},
    ),
    *american("isone-lmp", am.isone, am.EASTERN, 60, point=".H.INTERNAL_HUB", parts={"type": "HUB"}),
    *american(
        "isone-lmp", am.isone_real_time, am.EASTERN, 60, suffix="-rt", point=".H.INTERNAL_HUB", parts={"type": "HUB"}
    ),
    Case("ons-cmo", "spring-2018", am.ons, rows_of("America/Sao_Paulo", date(2018, 11, 4), 1, 30), "SE"),
    Case("ons-cmo", "autumn-2018", am.ons, rows_of("America/Sao_Paulo", date(2018, 2, 17), 1, 30), "SE"),
    *american("gridstatus-frame", am.gridstatus, am.CENTRAL, 15, point="HB_NORTH"),
    *american("gridstatus-frame", am.gridstatus_spp, am.CENTRAL, 15, suffix="-spp", point="HB_NORTH"),
]
PACIFIC = [
    Case("aemo-price-and-demand", "switch", other.aemo, switched("UTC+10", AEMO_SWITCH, 30, 5), "NSW1"),
    Case("aemo-price-and-demand", "sydney-spring", other.aemo, rows_of("UTC+10", date(2021, 10, 3), 1, 5), "NSW1"),
    Case("aemo-nemweb", "switch", other.nemweb, switched("UTC+10", AEMO_SWITCH, 30, 5), "NSW1"),
    Case("aemo-dispatch", "month-end", other.aemo_dispatch, rows_of("UTC+10", date(2024, 4, 30), 2, 5), "SA1"),
    Case("jepx-spot", "month-end", other.jepx, rows_of("UTC+9", date(2026, 4, 30), 2, 30), "東京"),
    Case("emc-usep", "year-end", other.emc, rows_of("UTC+8", date(2025, 12, 31), 2, 30), "USEP"),
]
CARBON: Expect = {"carbon_g_per_kwh": lambda row: 300.0 + row.value, "renewable_share": lambda row: 0.255}
MIX: Expect = {
    "coal_mw": lambda row: 11_000.0 + row.value,
    "gas_mw": lambda row: 15_000.0,
    "wind_mw": lambda row: 5_000.0,
}
WEATHER: Expect = {"dry_bulb_c": other.degrees, "humidity_share": lambda row: 0.7}
STATION: Expect = {
    "dry_bulb_c": lambda row: round(row.value) / 10.0,
    "dew_point_c": lambda row: (round(row.value) - 30) / 10.0,
}
OBSERVED: Expect = {**WEATHER, "dew_point_c": lambda row: other.degrees(row) - 3.0}
SURROUNDINGS = [
    Case("electricity-maps", "new", other.electricity_maps, rows_of("UTC", EU_AUTUMN, 1, 60), "NO-NO1", expect=CARBON),
    Case(
        "electricity-maps",
        "old",
        other.electricity_maps_old,
        rows_of("UTC", date(2022, 3, 27), 1, 60),
        "US-CAL-CISO",
        expect=CARBON,
    ),
    *american("eia-930", other.eia_930, am.CENTRAL, 60, point="ERCO", expect=MIX),
    Case("open-meteo", "csv", other.open_meteo_csv, rows_of("UTC+2", EU_AUTUMN, 1, 60), expect=WEATHER),
    Case("open-meteo", "places", other.open_meteo_places, rows_of("UTC", EU_SPRING, 1, 60), "0", expect=WEATHER),
    Case("open-meteo", "json", other.open_meteo_json, rows_of("UTC+2", EU_SPRING, 1, 60), "0", expect=WEATHER),
    Case("noaa-global-hourly", "autumn", other.noaa, rows_of("UTC", US_AUTUMN, 1, 60), "72259003927", expect=STATION),
    Case("meteostat-bulk", "autumn", other.meteostat, rows_of("UTC", EU_AUTUMN, 1, 60), expect=OBSERVED),
    Case(
        "hashrate-index",
        "month-end",
        other.hashrate_index,
        rows_of("UTC", date(2024, 2, 27), 5, 1440),
        expect={"hashprice_usd_per_ph_day": lambda row: 100.0 + row.value},
    ),
    Case(
        "mempool",
        "month-end",
        other.mempool,
        rows_of("UTC", date(2024, 2, 27), 5, 1440),
        expect={"network_hashes_per_s": lambda row: (600.0 + row.value) * 1e18},
    ),
    Case(
        "ecb-fx",
        "month-end",
        other.ecb,
        rows_of("UTC", date(2024, 2, 26), 5, 1440),
        "USD",
        expect={"per_eur": lambda row: round(1.08 + row.value / 10_000, 4)},
    ),
]
ACTUAL: Expect = {"system_demand_mw": load.mw}
FORECAST: Expect = {"system_demand_forecast_mw": load.forecast_mw}
BOTH: Expect = {**ACTUAL, **FORECAST}
DEMAND = [
    *american("ercot-load", load.ercot_load, am.CENTRAL, 60, point="ERCOT", expect=ACTUAL),
    *renamed(american("ercot-load", load.ercot_native_load, am.CENTRAL, 60, point="ERCOT", expect=ACTUAL), "-yearly"),
    *american("pjm-load", load.pjm_load, am.EASTERN, 60, point="RTO", expect=ACTUAL),
    *american("ercot-load-forecast", load.ercot_forecast, am.CENTRAL, 60, point="ERCOT", expect=FORECAST),
    Case(
        "entsoe-load",
        "old",
        load.entsoe_gui_load_old,
        rows_of("UTC", date(2024, 10, 27), 1, 60),
        "BZN|SE4",
        expect=BOTH,
    ),
    *(
        Case(
            "entsoe-load",
            name,
            writer,
            rows_of("UTC", EU_AUTUMN, 1, 15),
            "France (FR)",
            {"area_type": "BZN"},
            expect=to,
        )
        for name, writer, to in (
            ("library", load.file_library_load, ACTUAL),
            ("library-forecast", load.file_library_forecast, FORECAST),
        )
    ),
    Case(
        "entsoe-load", "gui", load.entsoe_gui_load, rows_of("Europe/Brussels", EU_AUTUMN, 1, 15), "BZN|DK1", expect=BOTH
    ),
    *american("eia-930-demand", load.eia_demand, am.CENTRAL, 60, point="ERCO", expect=BOTH),
    Case("aemo-demand", "switch", load.aemo_demand, switched("UTC+10", AEMO_SWITCH, 30, 5), "NSW1", expect=ACTUAL),
    Case(
        "aemo-fcas", "switch", load.aemo_fcas, switched("UTC+10", AEMO_SWITCH, 30, 5), "RAISE6SEC", {"region": "NSW1"}
    ),
    Case(
        "emc-demand",
        "year-end",
        load.emc_demand,
        rows_of("UTC+8", date(2025, 12, 31), 2, 30),
        "Singapore",
        expect=ACTUAL,
    ),
]
CASES = [*EUROPE, *AMERICAS, *PACIFIC, *SURROUNDINGS, *DEMAND]
