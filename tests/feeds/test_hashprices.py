"""Hashprice returns to its mean at the set speed and spreads as far as it should."""

import numpy as np
import pytest

from mara.feeds.synthetic.hashprices import MEAN_HASHPRICE_USD_PER_PH_DAY, expected_hashprices, hashprices

DAY_H = 24


def test_hashprice_has_its_mean_its_spread_and_its_half_life() -> None:
    daily = np.array([hashprices(seed, 0, 400 * 365 * DAY_H)[::DAY_H] for seed in range(3)])
    assert daily.mean() == pytest.approx(MEAN_HASHPRICE_USD_PER_PH_DAY, rel=0.01)
    logarithm = np.log(daily) - np.log(daily).mean()
    assert logarithm.std() == pytest.approx(0.12, rel=0.05)
    kept = (logarithm[:, 60:] * logarithm[:, :-60]).mean() / logarithm.var()
    assert kept == pytest.approx(0.5, abs=0.05)


def test_hashprice_moves_smoothly_from_day_to_day() -> None:
    hourly = hashprices(7, 480_000, 480_000 + 365 * DAY_H)
    assert np.abs(np.diff(np.log(hourly))).max() < 0.005
    np.testing.assert_array_equal(hashprices(7, 480_100, 480_107), hourly[100:107])


def test_the_expected_hashprice_is_halfway_home_after_sixty_days() -> None:
    expected = expected_hashprices(70.0, 60 * DAY_H + 1)
    assert expected[0] == pytest.approx(70.0)
    assert expected[-1] == pytest.approx(np.sqrt(70.0 * MEAN_HASHPRICE_USD_PER_PH_DAY))
