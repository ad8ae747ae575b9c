"""Build of a history folder from a SPEC: sources, refusals, files left."""

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mara.errors import ConfigError, FeedInvalid, MaraError
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.files.history_provenance import lines_of_story, story_of
from mara.feeds.markets.building.build import BuildOrder, build
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.markets.building.surroundings import humidity_of_dew_point
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import EU_AUTUMN
from tests.feeds.markets.reading import written
from tests.feeds.markets.rows import Row, rows_of
from tests.feeds.markets.specs import BITCOIN, CARBON, WEATHER, built, prices, spec_text

BERLIN = "Europe/Berlin"
SUMMER = date(2024, 7, 1)
YEAR = Path(__file__).parents[4] / "shared" / "data" / "ercot_hub_2024"


def epoch(year: int, month: int, day: int, hour: int) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def test_an_hourly_folder_is_read_by_the_reader_of_histories(tmp_path: Path) -> None:
    rows = rows_of(BERLIN, EU_AUTUMN, 2, 60)
    written(tmp_path, eu.entsoe_gui_old(rows))
    report, _ = built(tmp_path, spec_text('files = "*.csv"'))
    history = read_history(tmp_path / "out")
    assert history.energy_price_usd_per_mwh[:, 0].tolist() == [row.value for row in rows]
    assert report["rows"] == history.step_count == 49
    fleet = fleet_of_history(history)
    assert [site.price_zone for site in fleet.sites] == ["ENTSO-E BZN|DE-LU day-ahead"]


def test_both_prices_of_a_site_stand_side_by_side(tmp_path: Path) -> None:
    hours, quarters = rows_of(am.CENTRAL, SUMMER, 1, 60), rows_of(am.CENTRAL, SUMMER, 1, 15)
    written(tmp_path, am.ercot_dam(hours))
    written(tmp_path, am.ercot_rtm(quarters))
    price = 'files = "cdr.00012301.csv"\npoint = "LZ_WEST"\ntype = "LZ"'
    more = '[site.day_ahead]\nfiles = "cdr.00012331.csv"\npoint = "HB_NORTH"\n'
    _, rows = built(tmp_path, spec_text(price, step=15, zone=am.CENTRAL, more=more))
    assert prices(rows) == [row.value for row in quarters]
    assert [float(row["day_ahead_usd_per_mwh"]) for row in rows] == np.repeat([row.value for row in hours], 4).tolist()
    with (tmp_path / "out" / "sites.csv").open(encoding="utf-8") as file:
        (site,) = csv.DictReader(file)
    assert site["price_known"] == "real_time"
    assert site["price_zone"] == "ERCOT LZ_WEST real-time"


def test_carbon_and_weather_come_from_files_too(tmp_path: Path) -> None:
    rows = rows_of("UTC", SUMMER, 2, 60)
    mild = [Row(row.begin, row.end, 100.0 + row.number, row.number) for row in rows]
    written(tmp_path, eu.entsoe_gui_utc(rows))
    written(tmp_path, other.electricity_maps(mild))
    written(tmp_path, other.open_meteo_csv(mild, 0))
    carbon = '[site.carbon]\nfiles = "NO-NO1*.csv"\n'
    weather = '[site.weather]\nfiles = "open-meteo*.csv"\n'
    _, found = built(tmp_path, spec_text('files = "GUI*.csv"', carbon=carbon, weather=weather))
    assert [float(row["carbon_g_per_kwh"]) for row in found] == [300.0 + row.value for row in mild]
    assert {row["renewable_share"] for row in found} == {"0.255"}
    dry, wet = (np.array([float(row[name]) for row in found]) for name in ("dry_bulb_c", "wet_bulb_c"))
    assert dry.tolist() == [other.degrees(row) for row in mild]
    assert ((dry - wet) > 1.5).all()
    assert ((dry - wet) < 5.0).all()


def test_the_mix_of_a_balancing_authority_makes_its_carbon(tmp_path: Path) -> None:
    rows = rows_of(am.CENTRAL, SUMMER, 1, 60)
    written(tmp_path, am.ercot_dam(rows))
    written(tmp_path, other.eia_930(rows))
    carbon = '[site.carbon]\nfiles = "EIA930*.csv"\npoint = "ERCO"\n'
    text = spec_text('files = "cdr*.csv"\npoint = "HB_NORTH"', zone=am.CENTRAL, carbon=carbon)
    _, found = built(tmp_path, text)
    coal = 11_000.0 + rows[0].value
    total = coal + 15_000.0 + 5_000.0
    assert float(found[0]["carbon_g_per_kwh"]) == pytest.approx((820 * coal + 490 * 15_000 + 11 * 5_000) / total)
    assert float(found[0]["renewable_share"]) == pytest.approx(5_000 / total, abs=1e-6)


def test_a_station_without_humidity_has_its_wet_bulb_from_the_dew_point(tmp_path: Path) -> None:
    """At 20 C and a dew point of 10 C relative humidity is 52.5 % (Magnus formula)."""
    assert float(humidity_of_dew_point(np.array(20.0), np.array(10.0))) == pytest.approx(0.525, abs=0.002)
    rows = [Row(row.begin, row.end, 200.0, row.number) for row in rows_of("UTC", SUMMER, 1, 60)]
    written(tmp_path, eu.entsoe_gui_utc(rows))
    written(tmp_path, other.noaa(rows))
    _, found = built(tmp_path, spec_text('files = "GUI*.csv"', weather='[site.weather]\nfiles = "7225*.csv"\n'))
    assert {row["dry_bulb_c"] for row in found} == {"20"}
    assert float(found[0]["wet_bulb_c"]) == pytest.approx(18.0, abs=0.1)  # psychrometric chart


def test_rates_are_those_of_the_working_day_before_delivery(tmp_path: Path) -> None:
    monday = date(2024, 3, 4)
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, monday, 2, 60)))
    lines = ["Date,USD,JPY,", "2024-03-05,1.10,150,", "2024-03-04,1.09,150,", "2024-03-01,1.08,150,"]
    (tmp_path / "eurofxref-hist.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = spec_text('files = "Day*.csv"', fx='[fx]\nfile = "eurofxref-hist.csv"\n')
    _, found = built(tmp_path, text)
    truth = rows_of(BERLIN, monday, 2, 60)
    assert prices(found) == pytest.approx([row.value * (1.08 if row.number <= 24 else 1.09) for row in truth], abs=1e-5)
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["sites"][0]["price"]["usd_per_unit_from_day"] == [["2024-03-04", 1.08], ["2024-03-05", 1.09]]


def test_a_tariff_prices_every_local_hour(tmp_path: Path) -> None:
    lines = """[[site.price.tariff]]
hours = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
weekdays = [1, 2, 3, 4, 5]
price = 120.0
[[site.price.tariff]]
price = 70.0
"""
    text = spec_text('unit = "EUR/MWh"', fx="[fx]\nusd_per.EUR = 1.1\n", more=lines)
    window = {"from_s": epoch(2024, 3, 29, 23), "to_s": epoch(2024, 4, 1, 22)}  # Saturday, Sunday of 23 h, Monday
    _, found = built(tmp_path, text, **window)  # type: ignore[arg-type]
    dear = [row["timestamp_utc"] for row in found if float(row["price_usd_per_mwh"]) > 100]
    assert dear == [f"2024-04-01T{hour:02d}:00:00Z" for hour in range(6, 18)]
    with pytest.raises(
        ConfigError, match=r"the tariff should price every local hour, has no line for 2024-03-30 hour 0"
    ):
        built(tmp_path, text.replace("[[site.price.tariff]]\nprice = 70.0\n", ""), **window)  # type: ignore[arg-type]


def test_the_provenance_names_the_files_of_bitcoin_and_of_rates_too(tmp_path: Path) -> None:
    rows = rows_of(BERLIN, SUMMER, 1, 60)
    written(tmp_path, {**eu.entsoe_gui_old(rows), **other.hashrate_index(rows_of("UTC", date(2024, 6, 30), 3, 1440))})
    (tmp_path / "eurofxref-hist.csv").write_text("Date,USD,JPY,\n2024-06-28,1.0705,172.1,\n", encoding="utf-8")
    index, rates = '[bitcoin]\nfiles = "bitcoin*.csv"\n', '[fx]\nfile = "eurofxref-hist.csv"\n'
    built(tmp_path, spec_text('files = "Day*.csv"', bitcoin=index, fx=rates))
    told = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    for part, file in (("bitcoin", "bitcoin-hashprice-index-20240401.csv"), ("fx", "eurofxref-hist.csv")):
        assert [(one["name"], len(one["sha256"])) for one in told[part]["files"]] == [(file, 64)]
    lines = "\n".join(lines_of_story(story_of(read_history(tmp_path / "out"), ())))
    assert "exchange rates: European Central Bank" in lines
    assert (
        "bitcoin: Hashrate Index, bitcoin-hashprice-index, hashrate-index, bitcoin-hashprice-index-20240401.csv"
        in lines
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((CARBON, ""), r"spec\.toml: site\.north\.carbon is missing: nothing is invented"),
        ((WEATHER, ""), r"site\.north\.weather is missing: nothing is invented"),
        ((BITCOIN, ""), r"bitcoin is missing"),
        (("step_minutes = 60", "step_minutes = 20"), r"history\.step_minutes"),
        (('id = "north"', 'id = "north"\nowner = "me"'), r"site\.north\.owner is not a field of this table"),
        (('timezone = "Europe/Berlin"', 'timezone = "Europe/Bärlin"'), r"IANA"),
        (
            ('files = "*.csv"', 'files = "*.csv"\nconstant = 3.0'),
            r"should have one of files, provider \(or url\), constant and tariff",
        ),
        (('files = "*.csv"', 'files = "*.csv"\nlayout = "entsoe"'), r"layout 'entsoe' is not known, the nearest is"),
        (('files = "*.csv"', 'files = "*.csv"\nsequenze = "2"'), r"'sequenze' should be a field of a source or a key"),
        (("[history]", "[history"), r"should be TOML"),
        (("step_minutes", "step_minute"), r"history\.step_minute is not a field of this table, step_minutes is:"),
        (("[site.carbon]", "[site.carbn]"), r"site\.north\.carbn is not a field of this table, carbon is:"),
        (('files = "*.csv"', 'file = "*.csv"'), r"should have one of files, .* 'file' is none, files is: correct"),
        (("[[site]]", "[site]"), r"spec\.toml: site should be a list of tables: write \[\[site\]\]: correct it"),
        (('id = "north"', 'id = "the north"'), r"should be of letters, digits, .* without spaces, is 'the north'"),
        (('timezone = "Europe/Berlin"', 'timezone = "Europe/Barlin"'), r"UTC\+10:00: correct it$"),
    ],
)
def test_a_spec_is_refused_with_its_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    with pytest.raises(ConfigError, match=message) as caught:
        built(tmp_path, spec_text('files = "*.csv"').replace(*change))
    assert "\n" not in str(caught.value)


def test_a_point_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    written(tmp_path, am.nyiso_dam(rows_of(am.EASTERN, SUMMER, 1, 60)))
    with pytest.raises(FeedInvalid, match=r"should have rows of N\.Y\.C\., have CAPITL, WEST: correct the point"):
        built(tmp_path, spec_text('files = "*.csv"\npoint = "N.Y.C."', zone=am.EASTERN))
    with pytest.raises(FeedInvalid, match=r"one series should fit, these do: CAPITL, USD; WEST, USD: name the point"):
        built(tmp_path, spec_text('files = "*.csv"', zone=am.EASTERN))


def test_a_file_of_another_kind_is_not_taken_for_prices(tmp_path: Path) -> None:
    written(tmp_path, other.electricity_maps(rows_of("UTC", SUMMER, 1, 60)))
    with pytest.raises(FeedInvalid, match=r"should hold price for site north price, is electricity-maps"):
        built(tmp_path, spec_text('files = "*.csv"'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedInvalid, match=r"prices_2024\.csv should be the files of site north price, fits none"):
        built(tmp_path, spec_text('files = "prices_2024.csv"'))


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    text = spec_text('files = "*.csv"')
    built(tmp_path, text)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(
        "mara.feeds.markets.building.folder._write_bitcoin", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full"))
    )
    with pytest.raises(ConfigError, match=r"cannot be written \(disk full\)"):
        built(tmp_path, text)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Day-ahead Prices_202410.csv", "out", "spec.toml"]


@pytest.mark.parametrize("renames_before", [1, 2])
def test_an_interrupt_between_two_renames_leaves_a_whole_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames_before: int
) -> None:
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    text = spec_text('files = "*.csv"')
    built(tmp_path, text)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    renamed: list[Path] = []

    def rename(source: Path, target: Path) -> None:
        source.rename(target)
        renamed.append(target)
        if len(renamed) == renames_before:
            raise KeyboardInterrupt

    monkeypatch.setattr("mara.feeds.markets.building.folder.os.replace", rename)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, text)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Day-ahead Prices_202410.csv", "out", "spec.toml"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    made = []
    for _ in range(2):
        built(tmp_path, spec_text('files = "*.csv"'))
        made.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert made[0] == made[1]


def test_a_folder_with_something_else_in_it_is_not_written_over(tmp_path: Path) -> None:
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work", encoding="utf-8")
    with pytest.raises(ConfigError, match="should be new, empty or written by"):
        built(tmp_path, spec_text('files = "*.csv"'))


def test_bitcoin_comes_from_an_index_or_from_the_hashrate(tmp_path: Path) -> None:
    day = date(2024, 2, 28)
    written(tmp_path, eu.entsoe_gui_utc(rows_of("UTC", day, 2, 60)))
    daily = rows_of("UTC", date(2024, 2, 26), 5, 1440)
    written(tmp_path, other.hashrate_index(daily))
    written(tmp_path, other.mempool(daily))
    index = '[bitcoin]\nfiles = "bitcoin*.csv"\n'
    built(tmp_path, spec_text('files = "GUI*.csv"', bitcoin=index))
    lines = (tmp_path / "out" / "bitcoin_daily.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [
        "date,hashprice_usd_per_ph_day",
        *(f"2024-02-{28 + i},{100 + daily[2 + i].value:g}" for i in (0, 1)),
    ]
    network = '[bitcoin]\nfiles = "hashrate*.json"\n'
    with pytest.raises(ConfigError, match="needs btc_usd"):
        built(tmp_path, spec_text('files = "GUI*.csv"', bitcoin=network))
    built(tmp_path, spec_text('files = "GUI*.csv"', bitcoin=f"{network}btc_usd = 60000\nfees_btc_per_block = 0.25\n"))
    first = (tmp_path / "out" / "bitcoin_daily.csv").read_text(encoding="utf-8").splitlines()[1]
    # 144 blocks of 6.25 + 0.25 BTC at 60,000 USD over the network's PH/s
    assert float(first.split(",")[1]) == pytest.approx(144 * 6.5 * 60_000 / ((600 + daily[2].value) * 1e3))


def test_sources_of_many_sites_read_each_file_once(tmp_path: Path) -> None:
    written(tmp_path, am.nyiso_dam(rows_of(am.EASTERN, SUMMER, 1, 60)))
    one = spec_text('files = "*.csv"\npoint = "WEST"', zone=am.EASTERN)
    site = one[one.index("[[site]]") : one.index("[bitcoin]")]
    text = one.replace(site, site + site.replace('"north"', '"south"').replace('"WEST"', '"CAPITL"'))
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    told: list[tuple[str, int, int]] = []
    order = BuildOrder(spec_file=tmp_path / "spec.toml", out=tmp_path / "out")
    build(read_spec(tmp_path / "spec.toml"), order, lambda *stage: told.append(stage))
    assert [stage for stage in told if stage[0] == "files"] == [("files", 1, 1)]
    assert told[-1] == ("rows", 24, 24)


@pytest.mark.skipif(not YEAR.is_dir(), reason="no ../shared/data beside the checkout")
def test_a_year_of_ercot_has_its_days_of_23_and_25_hours(tmp_path: Path) -> None:
    price = f'files = "{YEAR}/NP6-905-CD_RTM_SPP.csv"\nlayout = "ercot-rtm-spp"\npoint = "HB_HUBAVG"'
    more = f'[site.day_ahead]\nfiles = "{YEAR}/NP4-190-CD_DAM_SPP.csv"\n'
    built(tmp_path, spec_text(price, step=15, zone=am.CENTRAL, more=more))
    quarters = read_history(tmp_path / "out")
    built(tmp_path, spec_text(price, step=60, zone=am.CENTRAL, more=more))
    hours = read_history(tmp_path / "out")
    assert (quarters.step_minutes, quarters.step_count) == (15, 35_136)
    assert (hours.step_minutes, hours.step_count) == (60, 8_784)
    assert quarters.price_known == ("real_time",)
    stamps = quarters.first_epoch_s + 900 * np.arange(quarters.step_count)
    days = Counter(f"{datetime.fromtimestamp(at, ZoneInfo(am.CENTRAL)):%m-%d}" for at in stamps.tolist())
    odd = {day: count for day, count in days.items() if count != 96}
    assert odd == {"03-10": 92, "11-03": 100}
    for name in ("energy_price_usd_per_mwh", "day_ahead_usd_per_mwh"):
        by_hour = getattr(quarters, name).reshape(-1, 4).mean(axis=1)
        assert getattr(hours, name)[:, 0] == pytest.approx(by_hour, abs=1e-6)


def test_every_refusal_is_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(MaraError) as caught:
        built(tmp_path, spec_text('files = "*.csv"'))
    assert "noise.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_rates_without_a_row_matters_where_a_rate_is_needed_alone(tmp_path: Path) -> None:
    (tmp_path / "eurofxref-hist.csv").write_text("Date,USD,JPY,\n", encoding="utf-8")
    window = {"from_s": epoch(2024, 7, 1, 0), "to_s": epoch(2024, 7, 2, 0)}
    rates = '[fx]\nfile = "eurofxref-hist.csv"\n'
    _, found = built(tmp_path, spec_text('unit = "USD/MWh"\nconstant = 40.0', fx=rates), **window)  # type: ignore[arg-type]
    assert prices(found) == [40.0] * 24
    with pytest.raises(FeedInvalid, match=r"eurofxref-hist.csv should have rates of USD, has none"):
        built(tmp_path, spec_text('unit = "EUR/MWh"\nconstant = 40.0', fx=rates), **window)  # type: ignore[arg-type]
