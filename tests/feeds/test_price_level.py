"""Scaling a measured price curve to a site's level, refused where contradictory."""

from dataclasses import replace

import numpy as np
import pytest

from mara.errors import ConfigError
from mara.feeds.synthetic.calibration import read_calibration
from mara.feeds.synthetic.price_level import PriceCurve, levelled
from tests.feeds.synthetic_worlds import site_of

PROBABILITY = np.linspace(0.0005, 0.9995, 1_000)
MEASURED = PriceCurve(
    probability_share=PROBABILITY,
    score_z=np.linspace(-3.3, 3.3, 1_000),
    price_usd_per_mwh=-20.0 + 100.0 * PROBABILITY**2,
)


def curve_of(**market: float) -> PriceCurve:
    return levelled(MEASURED, replace(site_of(), market=dict(market)))


def test_a_market_that_says_nothing_keeps_the_measured_curve() -> None:
    np.testing.assert_array_equal(curve_of().price_usd_per_mwh, MEASURED.price_usd_per_mwh)


def test_a_mean_alone_scales_the_curve() -> None:
    curve = curve_of(mean_price_usd_per_mwh=40.0)
    assert curve.mean_usd_per_mwh == pytest.approx(40.0)
    ratio = curve.price_usd_per_mwh / MEASURED.price_usd_per_mwh
    assert np.ptp(ratio) == pytest.approx(0.0, abs=1e-9)


def test_median_mean_and_negative_share_are_met_together() -> None:
    curve = curve_of(mean_price_usd_per_mwh=60.0, median_price_usd_per_mwh=30.0, negative_share=0.06)
    assert curve.mean_usd_per_mwh == pytest.approx(60.0)
    assert curve.quantile_usd_per_mwh(0.5) == pytest.approx(30.0, rel=0.01)
    assert curve.quantile_usd_per_mwh(0.06) == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(curve.price_usd_per_mwh) >= 0.0).all()


def test_free_hours_end_exactly_where_they_should() -> None:
    curve = curve_of(mean_price_usd_per_mwh=87.0, zero_share=0.2437)
    edge = np.searchsorted(curve.probability_share, 0.2437)
    assert (curve.price_usd_per_mwh[: edge + 1] == 0.0).all()
    assert (curve.price_usd_per_mwh[edge + 1 :] > 0.0).all()


def test_the_dearest_hour_costs_the_spike_price_and_the_mean_stays() -> None:
    curve = curve_of(mean_price_usd_per_mwh=28.0, median_price_usd_per_mwh=20.0, spike_price_usd_per_mwh=2_500.0)
    assert curve.price_usd_per_mwh[-1] == pytest.approx(2_500.0)
    assert curve.mean_usd_per_mwh == pytest.approx(28.0)


def test_prices_are_cut_at_floor_and_cap() -> None:
    curve = curve_of(min_price_usd_per_mwh=-5.0, max_price_usd_per_mwh=50.0)
    assert (curve.price_usd_per_mwh[0], curve.price_usd_per_mwh[-1]) == (-5.0, 50.0)


def test_a_mean_above_the_cap_is_refused() -> None:
    with pytest.raises(ConfigError, match="mean_price_usd_per_mwh cannot be 80"):
        curve_of(mean_price_usd_per_mwh=80.0, max_price_usd_per_mwh=60.0)


def test_every_fitted_shape_is_a_small_sound_table() -> None:
    calibration = read_calibration()
    assert len(calibration.shapes) == 13
    assert (np.diff(calibration.probability_share) > 0.0).all()
    for name, shape in calibration.shapes.items():
        assert (np.diff(shape.curve_score_z) > 0.0).all(), name
        assert (np.diff(shape.curve_price_usd_per_mwh) >= 0.0).all(), name
        assert shape.component_share.sum() == pytest.approx(1.0, abs=0.01), name
        assert (shape.component_share >= 0.0).all(), name
        assert (shape.score_sd_z > 0.0).all(), name
        assert (shape.renewable_share <= 1.0).all(), name
