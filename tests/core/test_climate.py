"""Effects of weather against computed examples: PUE, derating, water, wet bulb."""

import numpy as np
import pytest

from mara.core.climate import (
    MOST_RACK_PUE,
    MOST_RACK_PUE_UP_TO_C,
    air_pue,
    derate_share,
    immersion_pue,
    liquid_pue,
    mechanical_pue,
    pue_of,
    wet_bulb_c,
)
from mara.core.fleet import Cooling, Workload
from tests.builders import fleet, site


@pytest.mark.parametrize(
    ("dry_bulb_c", "pue"), [(-40, 1.06), (18, 1.06), (20, 1.068), (27, 1.096), (30, 1.168), (35, 1.288), (45, 1.528)]
)
def test_air_cooling_pays_4_per_mille_a_degree_above_18_and_20_more_above_27(dry_bulb_c: float, pue: float) -> None:
    assert air_pue(np.array([dry_bulb_c]))[0] == pytest.approx(pue, abs=1e-12)


@pytest.mark.parametrize(("wet_bulb", "pue"), [(-10, 1.08), (15, 1.08), (20, 1.11), (28, 1.158)])
def test_liquid_loops_pay_6_per_mille_a_degree_of_wet_bulb_above_15(wet_bulb: float, pue: float) -> None:
    assert liquid_pue(np.array([wet_bulb]))[0] == pytest.approx(pue, abs=1e-12)


@pytest.mark.parametrize(("dry_bulb_c", "pue"), [(0, 1.03), (25, 1.03), (35, 1.05), (40, 1.06), (45, 1.12)])
def test_immersion_pays_2_per_mille_a_degree_above_25_and_10_more_above_40(dry_bulb_c: float, pue: float) -> None:
    assert immersion_pue(np.array([dry_bulb_c]))[0] == pytest.approx(pue, abs=1e-12)


@pytest.mark.parametrize(
    ("dry_bulb_c", "pue"),
    [
        (-40, 1.08 + 1 / 9),
        (0, 1.08 + 1 / 9),
        (12.52, 1.08 + 1 / 9),  # a lift of 12.67 K
        (20, 1.08 + 20.15 / 114),
        (30, 1.08 + 30.15 / 114),
        (45, 1.08 + 45.15 / 114),
    ],
)
def test_mechanical_cooling_pays_the_compressor_whose_cop_falls_with_heat(dry_bulb_c: float, pue: float) -> None:
    assert mechanical_pue(np.array([dry_bulb_c]))[0] == pytest.approx(pue, abs=1e-12)


def test_mechanical_cooling_is_continuous_where_the_best_cop_ends() -> None:
    around = mechanical_pue(np.array([12.516, 12.517, 12.52, 12.521]))
    assert np.ptp(around) < 1e-4


def test_miners_bring_their_own_cooling_and_racks_use_the_sites() -> None:
    own = fleet(units=((1,) * 5,) * 6, sites=tuple(site(kind.value, "UTC", kind) for kind in Cooling))
    dry, wet = np.full(6, 30.0), np.full(6, 20.0)
    pue = pue_of(dry, wet, own)
    air, liquid, immersion, mechanical = 1.168, 1.11, 1.04, 1.08 + 30.15 / 114
    assert pue[:, Workload.AIR_MINER] == pytest.approx(np.full(6, air))
    assert pue[:, Workload.HYDRO_MINER] == pytest.approx(np.full(6, liquid))
    assert pue[:, Workload.IMMERSION_MINER] == pytest.approx(np.full(6, immersion))
    racks = dict(zip(Cooling, pue[:, Workload.GPU].tolist(), strict=True))
    assert racks == pytest.approx(
        {
            Cooling.FREE_AIR: air,
            Cooling.AIR: air,
            Cooling.EVAPORATIVE: liquid,
            Cooling.HYDRO: liquid,
            Cooling.IMMERSION: immersion,
            Cooling.MECHANICAL: mechanical,
        }
    )
    assert pue[:, Workload.ASIC].tolist() == pue[:, Workload.GPU].tolist()


def test_no_cooling_of_racks_exceeds_the_bound_of_their_pue() -> None:
    weather_c = np.linspace(-90.0, MOST_RACK_PUE_UP_TO_C, 151)
    for pue in (air_pue, immersion_pue, liquid_pue, mechanical_pue):
        assert pue(weather_c).max() <= MOST_RACK_PUE


def test_a_forecast_of_weather_keeps_its_hours() -> None:
    own = fleet()
    dry, wet = np.array([[10.0, 20.0, 30.0], [40.0, 0.0, 15.0]]), np.full((2, 3), 12.0)
    both = pue_of(dry, wet, own)
    assert both.shape == (2, 3, 5)
    assert both[1].tolist() == pue_of(dry[1], wet[1], own).tolist()


@pytest.mark.parametrize(
    ("dry_bulb_c", "left"), [(35, 1.0), (36, 0.99), (40, 0.95), (45, 0.90), (46.9, 0.90), (47, 0.0), (52, 0.0)]
)
def test_air_miners_lose_a_percent_a_degree_above_35_and_stop_at_47(dry_bulb_c: float, left: float) -> None:
    share = derate_share(np.array([dry_bulb_c, 10.0]))
    if share is None:
        share = np.ones((2, 5))
    assert share[0, Workload.AIR_MINER] == pytest.approx(left)
    assert share[1].tolist() == [1.0] * 5


@pytest.mark.parametrize(("dry_bulb_c", "left"), [(50.0, 1.0), (50.1, 0.0)])
def test_immersion_stops_above_50(dry_bulb_c: float, left: float) -> None:
    share = derate_share(np.array([dry_bulb_c]))
    assert share is not None
    assert share[0, Workload.IMMERSION_MINER] == left
    assert share[0, [Workload.HYDRO_MINER, Workload.GPU, Workload.ASIC]].tolist() == [1.0, 1.0, 1.0]


def test_mild_weather_derates_nothing() -> None:
    assert derate_share(np.array([-40.0, 35.0])) is None


@pytest.mark.parametrize(
    ("dry_bulb_c", "humidity_share", "wet_bulb"),
    [(20.0, 1.0, 20.0), (25.0, 0.5, 17.9), (30.0, 0.5, 22.0)],
)
def test_the_wet_bulb_is_that_of_the_psychrometric_chart_at_sea_level(
    dry_bulb_c: float, humidity_share: float, wet_bulb: float
) -> None:
    assert wet_bulb_c(dry_bulb_c, humidity_share) == pytest.approx(wet_bulb, abs=0.05)


def test_the_wet_bulb_is_psychrolibs_reference_value() -> None:
    # PsychroLib's own test of wet bulb from relative humidity: 7 C, 61 %, 100 kPa.
    assert wet_bulb_c(7.0, 0.61, 100_000.0) == pytest.approx(3.92667433781955, rel=1e-3)


def test_the_wet_bulb_falls_with_altitude() -> None:
    assert wet_bulb_c(25.0, 0.3, 80_000.0) < wet_bulb_c(25.0, 0.3)
