"""Power terms in fleet files and product files: read, shown, and refused."""

from pathlib import Path

import numpy as np
import pytest

from mara.core.fleet import Fleet
from mara.core.power_terms import TermTimes
from mara.errors import ConfigError
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.terms.power_terms import terms_told, unused_told, with_products
from mara.feeds.files.terms.products import products_beside, read_products, shipped_products, unsold_told
from mara.store.encoding.codec import bytes_of, record_of

SITE = """
[fleet]
name = "one"
[[site]]
id = "tx"
name = "Texas"
country = "US"
lat = 32
lon = -97
timezone = "America/Chicago"
price_zone = "ERCOT"
cooling = "air"
grid_limit_mw = 50.0
{more}
[site.inventory]
air_miner = 1000
{tables}
"""


def file_of(folder: Path, tables: str = "", more: str = "") -> str:
    path = folder / "fleet.toml"
    path.write_text(SITE.format(tables=tables, more=more), encoding="utf-8")
    return str(path)


def test_a_fleet_without_power_terms_has_none(tmp_path: Path) -> None:
    plain = read_fleet(file_of(tmp_path))
    assert plain.power is None
    assert b"power" not in bytes_of(plain).split(b'"units_count"')[1].split(b"}")[0]


def test_a_flat_block_is_a_hedge_to_the_last_byte(tmp_path: Path) -> None:
    hedged = read_fleet(file_of(tmp_path, more="hedge_mw = 10.0\nhedge_price_usd_per_mwh = 31.7"))
    block = '[[site.supply]]\nkind = "block"\npower_mw = 10.0\nprice_usd_per_mwh = 31.7\nshape = "7x24"'
    assert bytes_of(read_fleet(file_of(tmp_path, block))) == bytes_of(hedged)


def test_flat_blocks_add_up_at_their_mean_price(tmp_path: Path) -> None:
    block = '[[site.supply]]\nkind = "block"\npower_mw = {}\nprice_usd_per_mwh = {}\n'
    both = read_fleet(file_of(tmp_path, block.format(10, 30) + block.format(30, 50)))
    assert (both.hedge_mw.tolist(), both.hedge_price_usd_per_mwh.tolist()) == ([40.0], [45.0])


TOLD = (
    "tx: coincident peaks at 60,000 USD/MW and year, 4 of 15 minutes",
    "tx: adder of 4 USD/MWh; months 6, 7",
    "tx: demand charge of 6,000 USD/MW and month, 15 minutes, ratchet of 0.8",
    "tx: block, 10 MW at 40 USD/MWh; weekdays 1 to 5; hours 6 to 21",
    "tx: as produced, 8 MW at 25 USD/MWh; 24 hourly shares, 50 % on average",
    "tx: collar, 3 MW at 20 to 60 USD/MWh",
)


def test_all_kinds_of_terms_are_read_stored_and_told(tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("share\n" + "0.5\n" * 24, encoding="utf-8")
    tables = """
[site.battery]
power_mw = 5
energy_mwh = 10
max_cycles_per_day = 1.5
[[site.supply]]
kind = "block"
power_mw = 10
price_usd_per_mwh = 40
shape = "5x16"
[[site.supply]]
kind = "as_produced"
capacity_mw = 8
profile = "sun.csv"
price_usd_per_mwh = 25
[[site.supply]]
kind = "take_or_pay"
mwh_per_year = 5000
price_usd_per_mwh = 35
[[site.supply]]
kind = "cfd"
power_mw = 3
price_usd_per_mwh = 42
[[site.supply]]
kind = "collar"
power_mw = 3
floor_usd_per_mwh = 20
cap_usd_per_mwh = 60
[[site.charge]]
kind = "adder"
usd_per_mwh = 4
months = [6, 7]
[[site.charge]]
kind = "demand"
usd_per_mw_month = 6000
ratchet_share = 0.8
[[site.charge]]
kind = "coincident_peak"
usd_per_mw_year = 60000
months = [9, 6, 7, 8]
"""
    read = read_fleet(file_of(tmp_path, tables, more="export_limit_mw = 2.0"))
    read = with_products(read, read_products("ercot", read))
    assert read.power is not None
    block, sun, *_ = read.power.supplies
    assert block.times == TermTimes(weekday_numbers=(1, 2, 3, 4, 5), hour_numbers=tuple(range(6, 22)))
    assert sun.hourly_share == (0.5,) * 24
    assert read.power.peaks[0].month_numbers == (6, 7, 8, 9)
    assert read.power.peaks[0].usd_per_mw == 15_000.0
    again = record_of(Fleet, bytes_of(read))
    assert bytes_of(again) == bytes_of(read)
    assert again.power is not None
    assert np.array_equal(again.power.daily_limit_mwh, [15.0])
    told = terms_told(read.power, read.site_ids)
    assert len(told) == 14
    assert set(TOLD) <= set(told)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            '[[site.charge]]\nkind = "demand"\nusd_per_mwh = 3',
            "charge.0.usd_per_mw_month is required with kind 'demand'",
        ),
        ('[[site.charge]]\nkind = "adder"\nusd_per_mwh = 3\nratchet_share = 1', "is not a field of kind 'adder'"),
        ('[[site.charge]]\nkind = "tax"', "should be 'adder', 'demand' or 'coincident_peak', came 'tax'"),
        ('[[site.charge]]\nkind = "demand"\nusd_per_mw_month = 1\ninterval_minutes = 7', "should divide an hour"),
        (
            '[[site.charge]]\nkind = "demand"\nusd_per_mw_month = 1\n' * 2,
            "should count in other months, weekdays or hours",
        ),
        ("[site.battery]\npower_mw = 5\nenergy_mwh = 5\nefficiency_in_share = 95", "should be less than or equal to 1"),
        ('[[site.supply]]\nkind = "block"\npower_mw = 60\nprice_usd_per_mwh = 3', "at most grid_limit_mw, 50, came 60"),
        (
            '[[site.supply]]\nkind = "block"\npower_mw = 6\nprice_usd_per_mwh = 3\nshape = "5x8"',
            "should be one of 7x24",
        ),
        (
            '[[site.supply]]\nkind = "as_produced"\ncapacity_mw = 6\nprice_usd_per_mwh = 3\nprofile = "no.csv"',
            "should name a readable file",
        ),
        ('[[site.supply]]\nkind = "cfd"\npowr_mw = 6', "the nearest is power_mw"),
        ('[[site.charge]]\nkind = "adder"\nusd_per_mwh = 1\nhours = "16-20"', "hours should be a list, came '16-20'"),
        (
            '[site.charge]\nkind = "adder"\nusd_per_mwh = 1',
            "charge should be a list of tables, each [[site.charge]], came",
        ),
        (
            f'[[site.supply]]\nkind = "block"\npower_mw = 6\nprice_usd_per_mwh = 3\nshape = {[1] * 23}',
            "supply.0.shape should have at least 24 items",
        ),
        (
            f'[[site.supply]]\nkind = "block"\npower_mw = 6\nprice_usd_per_mwh = 3\nshape = {[5] * 24}',
            "supply.0.shape.0 should be less than or equal to 1, came 5",
        ),
    ],
)
def test_terms_that_cannot_be_meant_are_refused_with_their_line(tmp_path: Path, tables: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"fleet\.toml line \d+: site 'tx'") as refused:
        read_fleet(file_of(tmp_path, tables))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("tables", "more", "said"),
    [
        (
            "",
            "export_limit_mw = 2.0",
            "site tx has export_limit_mw 2 but no [site.battery], which alone can feed in: it is never used",
        ),
        (
            '[[site.supply]]\nkind = "block"\npower_mw = 8000\nprice_usd_per_mwh = 3\nshape = "5x16"',
            "",
            "site tx has a block of 8,000 MW above its grid_limit_mw, 50: what is above is always sold back; "
            "is it in kW?",
        ),
    ],
)
def test_a_term_that_its_site_cannot_use_is_told_and_not_refused(
    tmp_path: Path, tables: str, more: str, said: str
) -> None:
    assert unused_told(read_fleet(file_of(tmp_path, tables, more))) == [said]


SMALL = """
[[site]]
id = "ok"
name = "Oklahoma"
country = "US"
lat = 35
lon = -97
timezone = "America/Chicago"
price_zone = "SPP"
cooling = "air"
grid_limit_mw = 5.0
[site.inventory]
air_miner = 100
"""
BATTERY = "[site.battery]\npower_mw = 5\nenergy_mwh = 4\nefficiency_out_share = 1.0\n"


def products_of(folder: Path, fields: str) -> str:
    path = folder / "products.toml"
    head = '[[product]]\nid = "x"\nkind = "reserve"\nprice = 3.0\nduration_minutes = 60\n'
    path.write_text(head + fields, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("tables", "fields", "said"),
    [
        (BATTERY, "response_s = 60\nminimum_bid_mw = 500", "at most 54 MW in 60 s: the least award is 500 MW"),
        ("", "response_s = 60\nblock_mw = 51", "at most 50 MW in 60 s: the least award is 51 MW"),
        (BATTERY, "response_s = 5\nblock_mw = 4.5", "at most 4 MW in 5 s: the least award is 4.5 MW"),
        ("", "response_s = 5", "at most 0 MW in 5 s"),
    ],
)
def test_a_product_that_no_site_could_ever_sell_is_told(tmp_path: Path, tables: str, fields: str, said: str) -> None:
    fleet = read_fleet(file_of(tmp_path, tables + SMALL))
    sold = with_products(fleet, read_products(products_of(tmp_path, fields), fleet))
    assert unsold_told(sold) == [f"product x is never sold at tx, ok, which could give {said}"]


@pytest.mark.parametrize("key", ["foo-bar", '"größe"'])
def test_an_unknown_field_with_any_sign_is_named(tmp_path: Path, key: str) -> None:
    path, named = tmp_path / "named.toml", key.strip('"')
    path.write_text(f"{key} = 1\n{SITE.format(tables='', more='')}", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"named\.toml line 1: {named} is not a field of a fleet file; the nearest"):
        read_fleet(str(path))
    with pytest.raises(ConfigError, match=r"line 14: site 'tx' grid-limit-mw is not .* the nearest is grid_limit_mw:"):
        read_fleet(file_of(tmp_path, more="grid-limit-mw = 5"))
    fleet = read_fleet(file_of(tmp_path))
    with pytest.raises(ConfigError, match=r"line 7: product 'x' block-mw is not .* the nearest is block_mw:"):
        read_products(products_of(tmp_path, "response_s = 60\nblock-mw = 5"), fleet)


def test_a_site_that_is_too_small_for_a_product_of_others_is_told(tmp_path: Path) -> None:
    fleet = read_fleet(file_of(tmp_path, BATTERY + SMALL))
    assert unsold_told(fleet) == []
    for fields, said in (
        ("response_s = 60\nminimum_bid_mw = 5", []),
        (
            "response_s = 60\nminimum_bid_mw = 6",
            ["product x is never sold at ok, which could give at most 5 MW in 60 s: the least award is 6 MW"],
        ),
        ("response_s = 5", ["product x is never sold at ok, which could give at most 0 MW in 5 s"]),
    ):
        assert unsold_told(with_products(fleet, read_products(products_of(tmp_path, fields), fleet))) == said


def test_every_shipped_products_file_can_be_read() -> None:
    fleet = read_fleet("global_ten")
    ids = [product.id for name in shipped_products() for product in read_products(name, fleet)]
    assert {"ers_30", "rrs", "ecrs", "non_spin", "fcrd_up", "mfrr_up", "rert", "capacity"} == set(ids)


def test_a_products_file_lies_beside_its_fleet_or_is_named(tmp_path: Path) -> None:
    name = file_of(tmp_path)
    assert products_beside(name) is None
    assert products_beside("global_ten") is None
    assert products_beside("texas_contract") == "texas_contract"
    (tmp_path / "products.toml").write_text("", encoding="utf-8")
    assert products_beside(name) == str(tmp_path / "products.toml")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("", "product 'x' kind is required"),
        ('kind = "reserve"\nresponse_s = 0', "should be greater than 0, came 0"),
        ('kind = "reserve"\nresponse_s = 1\nsites = ["ty"]', "should name sites of the fleet, came 'ty': is it tx?"),
        (
            'kind = "reserve"\nresponse_s = 1\nsites = "tx"',
            "product 'x' sites should be a list, came 'tx'",
        ),
        ('kind = "reserve"\nresponse_s = 1\nprice_mw = 3', "is not a field of [product]; the nearest is price"),
    ],
)
def test_a_product_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, field: str, said: str) -> None:
    fleet = read_fleet(file_of(tmp_path))
    path = tmp_path / "products.toml"
    path.write_text(f'[[product]]\nid = "x"\nprice = 3.0\nduration_minutes = 60\n{field}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"products\.toml line \d+") as refused:
        read_products(str(path), fleet)
    assert said in str(refused.value)
    path.write_text('[[products]]\nid = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="products is not a field of a products file; the nearest is product"):
        read_products(str(path), fleet)
    with pytest.raises(ConfigError, match="products should be one of australia, capacity, ercot, nordics"):
        read_products("ercott", fleet)
