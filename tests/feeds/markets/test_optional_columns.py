"""System demand, its forecast and reserve prices become columns of a history."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.files.history_file import read_history
from mara.feeds.markets.building.spec import spec_of
from mara.feeds.markets.inspection import inspected
from tests.feeds.markets import writers_americas as am
from tests.feeds.markets import writers_demand as load
from tests.feeds.markets.reading import written
from tests.feeds.markets.rows import rows_of
from tests.feeds.markets.specs import built, spec_text

DAY = date(2024, 11, 3)
PRICE = 'files = "*12301*.csv"\npoint = "LZ_WEST"\ntype = "LZ"'
DEMAND = '[site.demand]\nfiles = "*NP6345*"\n[site.demand_forecast]\nfiles = "*NP3565*"\n'
RESERVES = (
    '[site.reserve.rrs]\nfiles = "*12329*"\npoint = "RRS"\n[site.reserve.reg_up]\nfiles = "*12329*"\npoint = "REGUP"\n'
)


def quarters_of_ercot(folder: Path) -> None:
    written(folder, am.ercot_rtm(rows_of(am.CENTRAL, DAY, 1, 15)))
    for writer in (load.ercot_load, load.ercot_forecast, am.ercot_dam_reserves):
        written(folder, writer(rows_of(am.CENTRAL, DAY, 1, 60)))


def test_demand_its_forecast_and_reserve_prices_become_columns_held_over_the_quarters(tmp_path: Path) -> None:
    quarters_of_ercot(tmp_path)
    built(tmp_path, spec_text(PRICE, step=15, zone=am.CENTRAL, more=DEMAND + RESERVES))
    history = read_history(tmp_path / "out")
    assert sorted(history.further) == [
        "reserve_reg_up_usd_per_mw_h",
        "reserve_rrs_usd_per_mw_h",
        "system_demand_forecast_mw",
        "system_demand_mw",
    ]
    hours = rows_of(am.CENTRAL, DAY, 1, 60)
    for column, value in (("system_demand_mw", load.mw), ("system_demand_forecast_mw", load.forecast_mw)):
        assert history.further[column][:, 0] == pytest.approx(np.repeat([value(row) for row in hours], 4))
    rrs = np.repeat([row.value for row in hours], 4)
    assert history.further["reserve_rrs_usd_per_mw_h"][:, 0] == pytest.approx(rrs)
    told = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["sites"][0]
    assert told["demand_forecast"]["report"].startswith("NP3-560-CD")
    assert told["reserve_rrs"]["unit"] == "USD/MW/h"
    assert [file["name"] for file in told["demand"]["files"]] == list(load.ercot_load(hours))


def test_a_forecast_of_the_day_itself_does_not_count(tmp_path: Path) -> None:
    files = load.ercot_forecast(rows_of(am.CENTRAL, DAY, 1, 60))
    late = [name for name in files if "20241103.05" in name]
    written(tmp_path, {name: content for name, content in files.items() if name in late})
    written(tmp_path, am.ercot_rtm(rows_of(am.CENTRAL, DAY, 1, 15)))
    with pytest.raises(FeedInvalid, match="have none"):
        built(tmp_path, spec_text(PRICE, step=15, zone=am.CENTRAL, more='[site.demand_forecast]\nfiles = "*NP3565*"\n'))


def test_one_file_gives_demand_and_forecast_which_are_read_once(tmp_path: Path) -> None:
    written(tmp_path, load.eia_demand(rows_of(am.CENTRAL, DAY, 1, 60)))
    written(tmp_path, am.ercot_dam(rows_of(am.CENTRAL, DAY, 1, 60)))
    both = '[site.demand]\nfiles = "EIA*"\n[site.demand_forecast]\nfiles = "EIA*"\n'
    built(tmp_path, spec_text('files = "cdr*"\npoint = "HB_NORTH"', zone=am.CENTRAL, more=both))
    columns = read_history(tmp_path / "out").further
    assert columns["system_demand_forecast_mw"] == pytest.approx(columns["system_demand_mw"] + 1_000.0)


def test_the_forecast_ends_where_the_last_measured_hour_does(tmp_path: Path) -> None:
    rows = rows_of("UTC", date(2025, 10, 26), 2, 60)
    files = load.entsoe_gui_load(rows)
    (name, content), *_ = files.items()
    lines = content.decode().splitlines()
    lines[25:] = [
        line.replace(f'"{load.mw(row)}"', '"n/e"', 1) for line, row in zip(lines[25:], rows[24:], strict=True)
    ]
    written(tmp_path, {name: "\n".join(lines).encode()})
    both = '[site.demand]\nfiles = "GUI*"\n[site.demand_forecast]\nfiles = "GUI*"\n'
    report, _ = built(tmp_path, spec_text("constant = 50.0", more=both))
    assert (report["from"], report["to"]) == ("2025-10-26T00:00Z", "2025-10-27T00:00Z")


def test_a_file_of_price_and_demand_is_both(tmp_path: Path) -> None:
    (path,) = written(tmp_path, load.aemo_demand(rows_of("UTC+10", date(2025, 7, 1), 1, 5)))
    reports = inspected([path])
    assert [report["layout"] for report in reports] == ["aemo-price-and-demand", "aemo-demand"]
    assert "negative" not in reports[1]["series"][0]
    more = f'[site.demand]\nfiles = "{path.name}"\n'
    text = spec_text(f'files = "{path.name}"', step=5, fx="[fx]\nusd_per.AUD = 0.65\n", more=more)
    assert built(tmp_path, text)[0]["rows"] == 288


def test_reserves_of_a_region_are_told_apart_and_converted(tmp_path: Path) -> None:
    rows = rows_of("UTC+10", date(2025, 7, 1), 1, 5)
    written(tmp_path, load.aemo_fcas(rows))
    fcas = '[site.reserve.raise6]\nfiles = "*.CSV"\npoint = "RAISE6SEC"\n'
    with pytest.raises(FeedInvalid, match="name the point and its region"):
        built(tmp_path, spec_text("constant = 50.0", step=5, fx="[fx]\nusd_per.AUD = 0.5\n", more=fcas))
    built(
        tmp_path, spec_text("constant = 50.0", step=5, fx="[fx]\nusd_per.AUD = 0.5\n", more=f'{fcas}region = "NSW1"\n')
    )
    column = read_history(tmp_path / "out").further["reserve_raise6_usd_per_mw_h"][:, 0]
    assert column == pytest.approx([0.5 * row.value for row in rows])


def test_demand_that_nobody_measured_is_refused() -> None:
    text = spec_text("constant = 50.0", more="[site.demand]\nconstant = 50000.0\n")
    with pytest.raises(ConfigError, match="should have files for demand"):
        spec_of(text.encode(), "SPEC")


def test_files_without_the_field_are_refused(tmp_path: Path) -> None:
    written(tmp_path, load.ercot_load(rows_of(am.CENTRAL, DAY, 1, 60)))
    with pytest.raises(FeedInvalid, match="should have system_demand_forecast_mw"):
        built(tmp_path, spec_text("constant = 50.0", more='[site.demand_forecast]\nfiles = "cdr*"\n'))


def test_a_zone_of_new_england_goes_by_its_name_without_the_letter(tmp_path: Path) -> None:
    written(tmp_path, am.isone(rows_of(am.EASTERN, DAY, 1, 60)))
    report, _ = built(tmp_path, spec_text('files = "WW*"\npoint = "hub"', zone=am.EASTERN))
    assert report["rows"] == 25


def test_rows_that_the_last_line_of_new_england_counts_are_all_there(tmp_path: Path) -> None:
    (name, content), *_ = am.isone(rows_of(am.EASTERN, DAY, 1, 60)).items()
    lines = content.decode().splitlines()
    written(tmp_path, {name: "\n".join([*lines[:8], *lines[9:]]).encode()})
    with pytest.raises(FeedInvalid, match="should count the 49 rows before it, counts '50 lines'"):
        built(tmp_path, spec_text('files = "WW*"\npoint = "HUB"', zone=am.EASTERN))
