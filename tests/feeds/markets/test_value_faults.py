"""Faults of public readers in values, keys and periods; none of them passes here.

Each test names the public thread that reported the fault; the table of them stands in docs/import.md.
"""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.markets.doubts import at_cap, doubts_of
from mara.feeds.markets.reading.clocks import utc_text
from mara.feeds.markets.reading.series import Fill, Window, series_of, whole
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets import writers_other as other
from tests.feeds.markets.cases import EU_AUTUMN, EU_SPRING, US_AUTUMN, US_SPRING, Case
from tests.feeds.markets.reading import read_whole, readings_of, written
from tests.feeds.markets.rows import Row, rows_of
from tests.feeds.markets.specs import built, prices, spec_text
from tests.feeds.markets.texts import lines_of, put

BERLIN = "Europe/Berlin"
SUMMER = date(2024, 7, 1)


def test_a_foreign_price_without_a_rate_is_refused(tmp_path: Path) -> None:
    """evcc#31540, PR#7437: euros were shown as kronor without an exchange rate."""
    rows = rows_of("Europe/Copenhagen", SUMMER, 1, 60)
    written(tmp_path, eu.elspotprices(rows))
    text = spec_text('files = "*.csv"\npoint = "DK1"\ncurrency = "DKK"', zone="Europe/Copenhagen", fx="")
    with pytest.raises(FeedInvalid, match="prices in DKK should have a rate"):
        built(tmp_path, text)
    _, found = built(tmp_path, text.replace("[[site]]", "[fx]\nusd_per.DKK = 0.145\n[[site]]"))
    assert prices(found) == pytest.approx([7.46 * row.value * 0.145 for row in rows], abs=1e-5)


def test_a_price_by_the_kilowatt_hour_is_seen_before_it_is_converted(tmp_path: Path) -> None:
    """Prices per kWh would be wrong by a factor of a thousand, or of a hundred.

    nordpool#225, #228, electricitymaps PR#1591.
    """
    small = [Row(row.begin, row.end, row.value / 1000.0, row.number) for row in rows_of(BERLIN, SUMMER, 1, 60)]
    written(tmp_path, eu.entsoe_gui_old(small))
    with pytest.raises(FeedInvalid, match=r"line \d+: the dearest interval should cost at least 2 EUR/MWh.*EUR/kWh"):
        built(tmp_path, spec_text('files = "*.csv"'))
    large = [Row(row.begin, row.end, 1000.0 * row.value, row.number) for row in rows_of(BERLIN, SUMMER, 1, 60)]
    written(tmp_path, eu.entsoe_gui_old(large))
    with pytest.raises(FeedInvalid, match=r"a price should be -1,000 to 10,000 EUR/MWh"):
        built(tmp_path, spec_text('files = "*.csv"', fx="[fx]\nusd_per.EUR = 0.0001\n"))


def test_yen_by_the_kilowatt_hour_become_yen_by_the_megawatt_hour(tmp_path: Path) -> None:
    """electricitymaps-contrib PR#1591."""
    rows = rows_of("UTC+9", date(2026, 4, 30), 1, 30)
    written(tmp_path, other.jepx(rows))
    text = spec_text('files = "*.csv"\npoint = "Tokyo"', step=30, zone="Asia/Tokyo", fx="[fx]\nusd_per.JPY = 0.0067\n")
    _, found = built(tmp_path, text.replace("[history]", "[history]\ntrust_units = true"))
    assert prices(found) == pytest.approx([round(row.value / 1000, 5) * 1000 * 0.0067 for row in rows], abs=1e-5)


def test_quarters_make_their_hour_only_where_hours_are_asked_for(tmp_path: Path) -> None:
    """nordpool#524, hsem#720: bills follow the mean of four quarters, keys were hours."""
    rows = rows_of(BERLIN, EU_AUTUMN, 1, 15)
    written(tmp_path, eu.entsoe_gui_utc(rows))
    _, quarters = built(tmp_path, spec_text('files = "*.csv"\npoint = "DE-LU"', step=15))
    _, hours = built(tmp_path, spec_text('files = "*.csv"\npoint = "DE-LU"', step=60))
    assert (len(quarters), len(hours)) == (100, 25)
    assert prices(hours) == pytest.approx(np.array(prices(quarters)).reshape(25, 4).mean(axis=1).tolist(), abs=1e-6)


def test_the_last_edition_wins_within_the_cut_off(tmp_path: Path) -> None:
    """Corrected and final prices replace earlier ones, up to the cut-off.

    gridstatus#368, PR#276, #900, #923, #548: versions, corrections, preliminary and final prices.
    """
    rows = rows_of("UTC", SUMMER, 1, 60)
    case = Case("entsoe-file-library", "", eu.file_library, rows, "DE-LU", {"sequence": "1"})
    series = read_whole(written(tmp_path, eu.file_library(rows)), case)
    assert series.values["price"].tolist() == [row.value for row in rows]
    assert series.revisions == 2
    text = 'files = "*.csv"\npoint = "DE-LU"\nas_of = 2024-07-01T12:30:00Z'
    with pytest.raises(
        FeedInvalid, match="the rows begin at 2024-07-01T09:00Z"
    ):  # only the first editions of hours 10 and 20 were out
        built(tmp_path, spec_text(text))


def test_pjm_rows_that_are_not_current_are_not_read(tmp_path: Path) -> None:
    """gridstatus#368."""
    rows = rows_of(am.EASTERN, SUMMER, 1, 60)
    case = Case("pjm-lmp", "", am.pjm, rows, "WESTERN HUB")
    name, lines = lines_of(am.pjm(rows))
    withdrawn = [line.replace(",False,1", ",False,3") for line in lines]
    series = read_whole([put(tmp_path, name, withdrawn)], case)
    assert series.values["price"].tolist() == [row.value for row in rows]


@pytest.mark.parametrize(
    ("writer", "zone", "last"), [(eu.omie, "Europe/Madrid", "*"), (other.nemweb, "UTC+10", "END OF REPORT")]
)
def test_a_file_that_was_cut_short_does_not_look_whole(tmp_path: Path, writer: object, zone: str, last: str) -> None:
    """electricitymaps-contrib PR#8765: only a page's own count shows that rows lack."""
    name, lines = lines_of(writer(rows_of(zone, date(2024, 7, 1), 1, 60 if writer is eu.omie else 5)))  # type: ignore[operator]
    with pytest.raises(FeedInvalid, match="the file was cut short, fetch it again"):
        readings_of([put(tmp_path, name, lines[:-1])])
    assert last in lines[-1]


def test_equal_repeats_are_one_row_and_unequal_ones_are_refused(tmp_path: Path) -> None:
    """gridstatus#609; entsoe-apy#133: inclusive ends repeat the row at the boundary."""
    rows = rows_of(am.CENTRAL, SUMMER, 2, 60)
    one = put(tmp_path, "one.csv", lines_of(am.ercot_dam(rows[:25]))[1])
    two = put(tmp_path, "two.csv", lines_of(am.ercot_dam(rows[24:]))[1])
    case = Case("ercot-dam-spp", "", am.ercot_dam, rows, "HB_NORTH")
    series = read_whole([one, two], case)
    assert (len(series.begin_s), series.repeats) == (48, 1)
    text = two.read_text(encoding="utf-8")
    two.write_text(text.replace(f" {rows[24].value},N", f" {rows[24].value + 3},N", 1), encoding="utf-8")
    with pytest.raises(FeedInvalid, match=r"two.csv line 3: local day 2024-07-02 .* \(line 51 of one.csv\) and"):
        read_whole([one, two], case)


def test_a_start_between_two_steps_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """FlexMeasures#2491: a plan that starts off the grid of prices."""
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    with pytest.raises(ConfigError, match="whole steps of 60 minutes: round them"):
        built(tmp_path, spec_text('files = "*.csv"'), from_s=int(datetime(2024, 7, 1, 3, 7, tzinfo=UTC).timestamp()))


def test_periods_asked_for_are_half_open_and_utc(tmp_path: Path) -> None:
    """A range excludes its end, and its times are UTC.

    amber public-api#16, #68: both were unclear there.
    """
    written(tmp_path, eu.entsoe_gui_old(rows_of(BERLIN, SUMMER, 1, 60)))
    noon, four = (int(datetime(2024, 7, 1, hour, tzinfo=UTC).timestamp()) for hour in (12, 16))
    _, found = built(tmp_path, spec_text('files = "*.csv"'), from_s=noon, to_s=four)
    assert [row["timestamp_utc"] for row in found] == [f"2024-07-01T{hour}:00:00Z" for hour in (12, 13, 14, 15)]


def test_negative_prices_are_never_clamped(tmp_path: Path) -> None:
    """Other programs took max(0, price) or abs(price).

    emhass#282, cheapest-energy-windows#18, sem-community#871, #523.
    """
    rows = [Row(row.begin, row.end, -50.0 - row.number, row.number) for row in rows_of(BERLIN, SUMMER, 1, 60)]
    written(tmp_path, eu.entsoe_gui_old(rows))
    assert prices(built(tmp_path, spec_text('files = "*.csv"'))[1]) == [row.value for row in rows]


def test_a_spike_above_the_cap_is_kept_and_told_by_the_cap_of_its_day(tmp_path: Path) -> None:
    """ERCOT's price cap was lowered from 9,000 to 5,000 USD/MWh.

    HomeAssistant-OctopusEnergy#595: a user's cap hides the real spike.
    """
    day = rows_of(am.CENTRAL, date(2021, 12, 31), 2, 60)
    rows = [Row(row.begin, row.end, 5_000.0 if row.number % 24 == 12 else 30.0 + row.number, row.number) for row in day]
    series = read_whole(
        written(tmp_path, am.ercot_dam(rows)), Case("ercot-dam-spp", "", am.ercot_dam, rows, "HB_NORTH")
    )
    assert series.values["price"].max() == 5_000.0
    assert [utc_text(at) for at in series.begin_s[at_cap(series)]] == ["2022-01-01T17:00Z"]


def test_periods_count_from_one(tmp_path: Path) -> None:
    """Read as if they counted from 0, all prices were an hour late.

    homeassistant_cz_energy_spot_prices#54.
    """
    name, lines = lines_of(other.emc(rows_of("UTC+8", date(2026, 1, 1), 1, 30)))
    zero = [
        lines[0],
        *(line.replace(f",{place},", f",{place - 1},", 1) for place, line in enumerate(lines[1:], start=1)),
    ]
    with pytest.raises(FeedInvalid, match=r"line 2: local day 2026-01-01 .* should count its periods from 1, came 0"):
        readings_of([put(tmp_path, name, zero)])


def test_days_do_not_have_24_prices(tmp_path: Path) -> None:
    """Days of 23 and 25 hours broke several readers.

    spotprices2ha#12, hass-peaq#156, #230, homeassistant_cz_energy_spot_prices#19.
    """
    for day, count in ((EU_SPRING, 23), (EU_AUTUMN, 25)):
        rows = rows_of("Europe/Madrid", day, 1, 60)
        folder = tmp_path / str(count)
        folder.mkdir()
        assert len(read_whole(written(folder, eu.omie(rows)), Case("omie", "", eu.omie, rows, "PT")).begin_s) == count


def test_an_hour_that_the_clock_skips_is_refused(tmp_path: Path) -> None:
    """Local times that do not exist had values.

    home-assistant/core#155210, JaccoR/hass-entso-e#212.
    """
    rows = rows_of(am.EASTERN, US_SPRING, 1, 60)
    name, lines = lines_of(am.nyiso_dam(rows))
    shifted = [line.replace("03/10/2024 03:00", "03/10/2024 02:00") for line in lines]
    with pytest.raises(
        FeedInvalid, match=r"line 6: local day 2024-03-10 .* should not have 02:00, which its clock skips"
    ):
        readings_of([put(tmp_path, name, shifted)])


def test_four_quarters_of_nothing_are_told(tmp_path: Path) -> None:
    """entsoe-py#468: the server sent 0.00 for four quarters on 2025-10-26."""
    rows = [
        Row(row.begin, row.end, 0.0 if 9 <= row.number <= 12 else 40.0 + row.number, row.number)
        for row in rows_of(BERLIN, EU_AUTUMN, 1, 15)
    ]
    case = Case("entsoe-gui", "", eu.entsoe_gui_utc, rows, "BZN|DE-LU", {"sequence": "1"})
    told = doubts_of(read_whole(written(tmp_path, eu.entsoe_gui_utc(rows)), case))
    assert [line for line in told if "1 run of zero, the first 4 intervals" in line]


def test_a_convention_has_its_dates(tmp_path: Path) -> None:
    """The meaning of stamps changes over the years.

    open-grid-emissions PR#300, #301, PR#328: CAISO's rows began their hour until 2022-06-16, TEPC's are late.
    """
    rows = rows_of("America/Chicago", date(2022, 6, 10), 1, 60)
    name, lines = lines_of(other.eia_930(rows))
    case = Case("eia-930", "", other.eia_930, rows, "CISO")
    early = read_whole([put(tmp_path, name, [line.replace("ERCO", "CISO") for line in lines])], case)
    assert utc_text(early.begin_s[0]) == utc_text(int(rows[0].end.timestamp()))
    late = [line.replace("ERCO", "TEPC") for line in lines]
    tepc = read_whole([put(tmp_path, name, late)], Case("eia-930", "", other.eia_930, rows, "TEPC"))
    assert [line for line in doubts_of(tepc) if "seven hours late" in line]


def test_each_place_has_its_own_clock_change(tmp_path: Path) -> None:
    """Rows of places in several zones must not be localised together.

    WattTime/pyiso#111, PR#116, PR#182: "29 dst switches".
    """
    rows = rows_of(am.EASTERN, US_AUTUMN, 1, 5)
    found = series_of(readings_of(written(tmp_path, am.nyiso_real_time(rows))))
    assert [one.key.point for one in found] == ["CAPITL", "WEST"]
    assert {len(whole(one, Window(), Fill.NONE).begin_s) for one in found} == {300}


def test_the_mark_of_the_repeated_hour_is_not_the_mark_of_daylight_time(tmp_path: Path) -> None:
    """ERCOT's DSTFlag marks the repeated hour of autumn, not daylight saving time.

    A public audit note reads DSTFlag Y as "is CDT", and shifts the whole summer.
    """
    name, lines = lines_of(am.ercot_dam(rows_of(am.CENTRAL, SUMMER, 1, 60)))
    with pytest.raises(
        FeedInvalid, match=r"line 2: local day 2024-07-01 .* mark of the repeated hour outside that hour"
    ):
        readings_of([put(tmp_path, name, [line.replace(",N", ",Y") for line in lines])])


def test_the_parts_of_a_price_are_not_the_price(tmp_path: Path) -> None:
    """CAISO has the price in a column MW, and LMP_TYPE tells it from its components."""
    rows = rows_of(am.PACIFIC, SUMMER, 1, 60)
    case = Case("caiso-lmp", "", am.caiso_dam, rows, "TH_NP15_GEN-APND")
    assert read_whole(written(tmp_path, am.caiso_dam(rows)), case).values["price"].tolist() == [
        row.value for row in rows
    ]


def test_prices_of_the_hour_ahead_are_not_day_ahead_though_their_columns_are(tmp_path: Path) -> None:
    """CAISO publishes HASP in the columns of the day-ahead report; MARKET_RUN_ID alone tells them apart."""
    rows = rows_of(am.PACIFIC, SUMMER, 1, 15)
    name, lines = lines_of(am.caiso_dam(rows))
    put(tmp_path, name.replace("PRC_LMP_DAM", "PRC_HASP_LMP_HASP"), [line.replace(",DAM,", ",HASP,") for line in lines])
    hasp = 'files = "*_HASP.csv"'
    built(tmp_path, spec_text(hasp, step=15, zone=am.PACIFIC))
    with (tmp_path / "out" / "sites.csv").open(encoding="utf-8") as file:
        (site,) = csv.DictReader(file)
    assert (site["price_known"], site["price_zone"]) == ("real_time", "CAISO TH_NP15_GEN-APND real-time")
    with pytest.raises(FeedInvalid, match=r"day_ahead should have prices .* HASP.* real-time prices"):
        built(tmp_path, spec_text(hasp, step=15, zone=am.PACIFIC, more=f"[site.day_ahead]\n{hasp}\n"))
    written(tmp_path, am.caiso_dam(rows_of(am.PACIFIC, SUMMER, 1, 60)))
    both = spec_text(hasp, step=15, zone=am.PACIFIC, more='[site.day_ahead]\nfiles = "*_DAM.csv"\n')
    assert len(built(tmp_path, both)[1]) == 96


def test_an_error_message_in_the_place_of_prices_is_an_error(tmp_path: Path) -> None:
    """CAISO answers with an XML error inside a zip, with status 200."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("INVALID_REQUEST.xml", "<OASISReport><ERR_CODE>1000</ERR_CODE></OASISReport>")
    (tmp_path / "lmp.zip").write_bytes(packed.getvalue())
    with pytest.raises(FeedInvalid, match=r"lmp\.zip!INVALID_REQUEST\.xml"):
        readings_of([tmp_path / "lmp.zip"])
    with pytest.raises(FeedInvalid, match="error message or a web page"):
        built(tmp_path, spec_text('files = "lmp.zip"\nlayout = "caiso-lmp"', zone=am.PACIFIC))


def test_one_layout_must_fit_or_the_names_of_both_are_told(tmp_path: Path) -> None:
    both = put(
        tmp_path,
        "both.csv",
        [
            "Interval Start,Interval End,Location,LMP,SPP",
            "2024-07-01 00:00:00-05:00,2024-07-01 01:00:00-05:00,HB_NORTH,30.0,31.0",
        ],
    )
    with pytest.raises(FeedInvalid, match=r"fits gridstatus-frame \(LMP\) and gridstatus-frame \(SPP\)"):
        readings_of([both])


def test_stamps_of_a_frame_must_say_their_offset(tmp_path: Path) -> None:
    """gridstatus#468: a time read with a wrong offset."""
    name, lines = lines_of(am.gridstatus(rows_of(am.CENTRAL, SUMMER, 1, 15)))
    with pytest.raises(FeedInvalid, match="should say its offset"):
        readings_of([put(tmp_path, name, [line.replace("-05:00", "") for line in lines])])
