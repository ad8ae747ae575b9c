"""A fleet file becomes a fleet, or is refused with line, field and remedy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mara.core.fleet import Cooling, Fleet, Workload
from mara.errors import ConfigError
from mara.feeds.files.fleet_file import read_fleet, shipped_fleets
from mara.feeds.files.pool import DEFAULT_MACHINES, Profile, units_of_pool, watt_shares_of

FLEET = """# two sites
[fleet]
name = "two"

[[site]]
id = "texas"
name = "Texas USA"
country = "United States"
lat = 32.7767
lon = -96.797
timezone = "America/Chicago"
price_zone = "ERCOT"
cooling = "air"
grid_limit_mw = 90
hedge_mw = 10.5
hedge_price_usd_per_mwh = 40

[site.climate]
mean_dry_bulb_c = 20

[site.market]
curve = "duck"
spikes_per_year = 30

[site.inventory]
air_miner = 100
gpu = 7

[[site]]
id = "oslo"
name = "Norway Oslo"
country = "Norway"
lat = 59.9139
lon = 10.7522
timezone = "Europe/Oslo"
price_zone = "NO1 day-ahead"
cooling = "immersion"
grid_limit_mw = 40.0

[site.inventory]
immersion_miner = 50
asic = 3

[machine.air_miner]
power_w = 3000
"""

POOL = """[fleet]
name = "pooled"
[pool]
air_miner = 1001
gpu = 100
asic = 50
[[site]]
id = "a"
name = "A"
country = "X"
lat = 0
lon = 0
timezone = "UTC"
price_zone = "z"
cooling = "air"
grid_limit_mw = 30
[[site]]
id = "b"
name = "B"
country = "X"
lat = 0
lon = 0
timezone = "UTC"
price_zone = "z"
cooling = "air"
grid_limit_mw = 90
it_capacity_mw = 10
"""


def read(folder: Path, text: str) -> Fleet:
    path = folder / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return read_fleet(str(path))


def refusal_of(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "fleet.toml" in message
    return message


def test_a_fleet_file_becomes_a_fleet(tmp_path: Path) -> None:
    fleet = read(tmp_path, FLEET)
    assert fleet.name == "two"
    assert fleet.site_ids == ("texas", "oslo")
    assert fleet.units_count.tolist() == [[100, 0, 0, 7, 0], [0, 0, 50, 0, 3]]
    assert fleet.grid_limit_mw.tolist() == [90.0, 40.0]
    assert fleet.hedge_mw.tolist() == [10.5, 0.0]
    assert fleet.hedge_price_usd_per_mwh.tolist() == [40.0, 0.0]
    texas, oslo = fleet.sites
    assert (texas.lat_deg, texas.lon_deg, texas.timezone) == (32.7767, -96.797, "America/Chicago")
    assert (texas.cooling, oslo.cooling) == (Cooling.AIR, Cooling.IMMERSION)
    assert texas.climate == {"mean_dry_bulb_c": 20.0}
    assert texas.market == {"curve": "duck", "spikes_per_year": 30.0}
    assert oslo.market == {}


def test_machines_are_the_default_ones_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    fleet = read(tmp_path, FLEET + "[machine.gpu]\ntokens_per_s = 20_000\n")
    assert fleet.machines[Workload.AIR_MINER].power_w == 3_000.0
    assert fleet.machines[Workload.AIR_MINER].hashrate_ths == 200.0
    assert fleet.machines[Workload.GPU].rate_tokens_per_s == 20_000.0
    assert fleet.machines[Workload.HYDRO_MINER] == DEFAULT_MACHINES[Workload.HYDRO_MINER]


def test_the_default_machines_are_those_of_2025() -> None:
    efficiencies = [machine.efficiency_j_per_th for machine in DEFAULT_MACHINES[:3]]
    assert efficiencies == pytest.approx([17.5, 16.0, 13.5])
    assert DEFAULT_MACHINES[Workload.GPU].tokens_per_mwh == pytest.approx(4.235e9, rel=1e-3)


def test_a_pool_is_spread_by_capacity_with_totals_conserved(tmp_path: Path) -> None:
    fleet = read(tmp_path, POOL)
    assert fleet.units_count.sum(axis=0).tolist() == [1001, 0, 0, 100, 50]
    assert fleet.units_count[:, Workload.AIR_MINER].tolist() == [751, 250]
    assert fleet.units_count[:, Workload.GPU].tolist() == [75, 25]


def test_a_profile_bends_what_a_site_takes_of_the_pool(tmp_path: Path) -> None:
    miners_only = read(tmp_path, POOL + "[site.profile]\nracks = 0\n")
    assert miners_only.units_count[1, Workload.GPU] == 0
    assert miners_only.units_count[0, Workload.GPU] == 100
    asic_only = read(tmp_path, POOL + "[site.profile]\ngpu = 0.0\nair_miner = 0\n")
    assert asic_only.units_count[1].tolist()[:4] == [0, 0, 0, 0]
    assert asic_only.units_count[1, Workload.ASIC] > 12


@given(
    pool=st.tuples(*[st.integers(0, 100_000)] * 5),
    capacity_mw=st.lists(st.floats(0.1, 90.0), min_size=1, max_size=12),
    racks=st.floats(0.05, 0.95),
)
def test_no_machine_of_a_pool_is_lost_or_made(pool: tuple[int, ...], capacity_mw: list[float], racks: float) -> None:
    profiles = (Profile(racks_share=racks, gpu_share=0.5, miners=(1.0, 1.0, 1.0)),) * len(capacity_mw)
    units = units_of_pool(pool, DEFAULT_MACHINES, np.array(capacity_mw), profiles)
    assert units.sum(axis=0).tolist() == list(pool)
    assert (units >= 0).all()


def test_the_watts_of_a_profile_add_up() -> None:
    shares = watt_shares_of(Profile(racks_share=0.16, gpu_share=0.8, miners=(53.0, 29.0, 18.0)))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[Workload.GPU] == pytest.approx(0.128)


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("grid_limit_mw = 90", "grid_limit_mv = 90", 14, "the nearest is grid_limit_mw"),
        ('name = "two"', 'nam = "two"', 3, "fleet.nam is not a field of [fleet]; the nearest is name"),
        ("gpu = 7", "gpus = 7", 27, "inventory.gpus is not a field of [inventory]; the nearest is gpu"),
        ("power_w = 3000", "power_kw = 3", 45, "machine.air_miner.power_kw is not a field of [air_miner]"),
        ("power_w = 3000", "tokens_per_s = 3", 45, "is not a field of [air_miner]"),
        ("[machine.air_miner]", "[machine.airminer]", 44, "the nearest is air_miner"),
        ("[fleet]", "[flet]", 2, "the nearest is fleet"),
        ("grid_limit_mw = 90", "grid_limit_mw = -5", 14, "site 'texas' grid_limit_mw should be greater than or equal"),
        ("grid_limit_mw = 90", "grid_limit_mw = nan", 14, "should be a finite number, came nan"),
        ("grid_limit_mw = 90", "grid_limit_mw = inf", 14, "should be a finite number, came inf"),
        ("grid_limit_mw = 90", 'grid_limit_mw = "90"', 14, "should be a valid number, came '90'"),
        ("grid_limit_mw = 90", "grid_limit_mw = true", 14, "should be a valid number, came True"),
        ("grid_limit_mw = 90\n", "", 5, "site 'texas' grid_limit_mw is required: add it"),
        ("hedge_mw = 10.5", "hedge_mw = 91", 15, "hedge_mw should be at most the site's grid_limit_mw, 90, came 91"),
        ("gpu = 7", "gpu = -7", 27, "inventory.gpu should be greater than or equal to 0, came -7"),
        ("gpu = 7", "gpu = 7.5", 27, "inventory.gpu should be a valid integer, came 7.5"),
        ("gpu = 7", "gpu = 99999999999999999999", 27, "inventory.gpu should be"),
        ("lat = 59.9139", "lat = 95", 33, "site 'oslo' lat should be less than or equal to 90, came 95"),
        ("lon = 10.7522", "lon = -181", 34, "lon should be greater than or equal to -180"),
        (
            "Europe/Oslo",
            "Europe/Olso",
            35,
            "should be an IANA time zone such as Europe/Oslo; the nearest is Europe/Oslo",
        ),
        ("Europe/Oslo", "../../etc/passwd", 35, "should be an IANA time zone"),
        ('"immersion"', '"immersed"', 37, "cooling should be 'free_air', 'air', 'evaporative', 'hydro', 'immersion'"),
        ('id = "oslo"', 'id = "texas"', 30, "id should be unique, came 'texas' twice: rename one"),
        ('id = "oslo"', 'id = "os,lo"', 30, "id should be 1 to 64 letters, digits"),
        ('"Norway Oslo"', '"Oslo\\u0000"', 31, "site 'oslo' name should be printable text on one line"),
        ("[machine.air_miner]\npower_w", "[machine]\ngpu", 45, "machine.gpu should be a table, came 3000"),
        ("power_w = 3000", "power_w = 0", 45, "machine.air_miner.power_w should be greater than 0"),
        ("mean_dry_bulb_c = 20", "mean_dry_bulb_c = nan", 19, "climate.mean_dry_bulb_c should be a finite number"),
        ("mean_dry_bulb_c = 20", 'mean_dry_bulb_c = "warm"', 19, "climate.mean_dry_bulb_c should be a valid number"),
        ("mean_dry_bulb_c = 20", "MeanDryBulb = 20", 19, "should be named in lower_snake_case"),
        ("spikes_per_year = 30", "spikes_per_year = [3]", 23, "market.spikes_per_year should be a finite number or a"),
        ("spikes_per_year = 30", "spikes_per_year = true", 23, "should be a finite number or a text"),
        ("[site.inventory]\nair_miner = 100\ngpu = 7\n", "", 5, "needs [site.inventory]: add it, or one [pool]"),
        ("[fleet]", "[pool]\ngpu = 1\n[fleet]", 27, "site 'texas' inventory should not stand beside a [pool]"),
        ("[site.climate]", "[site.profile]\nracks = 1\n[site.climate]", 18, "profile needs a [pool]"),
        ("lat = 32.7767", "lat = = 3", 9, "should be TOML, but"),
        ("lat = 32.7767", "lat = 1\nlat = 2", None, "should be TOML, but cannot overwrite a value"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int | None, expected: str) -> None:
    assert FLEET.count(old) == 1
    message = refusal_of(tmp_path, FLEET.replace(old, new))
    assert expected in message
    assert line is None or f"line {line}" in message


def test_a_fleet_without_sites_is_refused(tmp_path: Path) -> None:
    assert "should have at least one [[site]]" in refusal_of(tmp_path, '[fleet]\nname = "none"\n')
    assert "should have at least one [[site]]" in refusal_of(tmp_path, 'site = []\n[fleet]\nname = "none"\n')


def test_a_fleet_of_too_many_sites_is_refused(tmp_path: Path) -> None:
    text = '[fleet]\nname = "many"\n' + "[[site]]\n" * 20_001
    assert "should have at most 20,000 sites, has 20,001" in refusal_of(tmp_path, text)


def test_machines_that_find_no_place_are_refused(tmp_path: Path) -> None:
    text = POOL.replace("grid_limit_mw = 30", "grid_limit_mw = 0").replace("it_capacity_mw = 10", "it_capacity_mw = 0")
    message = refusal_of(tmp_path, text)
    assert "line 4: pool.air_miner finds no place" in message
    assert "1001 units" in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes(b"\xff\xfe[fleet]")
    with pytest.raises(ConfigError, match="should be UTF-8 text"):
        read_fleet(str(tmp_path / "fleet.toml"))
    with pytest.raises(ConfigError, match="No such file or directory: correct the path"):
        read_fleet(str(tmp_path / "nowhere.toml"))
    with pytest.raises(ConfigError, match="fleet file"):
        read_fleet(f"{tmp_path}/")


def test_a_name_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fleet should be one of .* or a \.toml file, came 'atlantis'"):
        read_fleet("atlantis")


def test_every_shipped_fleet_can_be_read() -> None:
    fleets = [read_fleet(name) for name in shipped_fleets()]
    assert all(fleet.nameplate_mw.sum() > 0 for fleet in fleets)
