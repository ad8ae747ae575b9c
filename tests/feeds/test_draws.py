"""Random numbers by address: equal for every caller, and series with a set memory."""

import numpy as np
import pytest

from mara.feeds.synthetic.draws import Decay, RandomStream, Series, generator, normals

SERIES = Series((Decay(half_life_rows=72.0, doublings=4, lag_rows=24), Decay(half_life_rows=3.0, doublings=5)))


def test_an_address_always_draws_the_same_numbers_and_no_other_does() -> None:
    addresses = [
        (7, RandomStream.WEATHER, 5, 0),
        (8, RandomStream.WEATHER, 5, 0),
        (7, RandomStream.OUTAGES, 5, 0),
        (7, RandomStream.WEATHER, 6, 0),
        (7, RandomStream.WEATHER, -6, 0),
        (7, RandomStream.WEATHER, 5, 1),
        (2**63 - 1, RandomStream.WEATHER, 5, 0),
    ]
    once, again = ([generator(*address).random() for address in addresses] for _ in range(2))
    assert once == again
    assert len(set(once)) == len(addresses)


@pytest.mark.parametrize("first", [-700, -3, 0, 255, 256, 10_000])
def test_a_span_of_a_series_is_a_part_of_every_longer_span(first: int) -> None:
    longer = SERIES.drawn(7, RandomStream.PRICE_HOURS, first - 300, first + 300, 3)
    span = SERIES.drawn(7, RandomStream.PRICE_HOURS, first, first + 40, 3)
    np.testing.assert_array_equal(span, longer[300:340])


def test_innovations_do_not_depend_on_the_span_either() -> None:
    longer = normals(1, RandomStream.WEATHER, -1_000, 1_000, 2)
    np.testing.assert_array_equal(normals(1, RandomStream.WEATHER, -10, 10, 2), longer[990:1_010])


def test_doubling_gives_the_geometric_weights() -> None:
    decay = Decay(half_life_rows=2.0, doublings=3)
    impulse = np.zeros(15)
    impulse[7] = 1.0
    np.testing.assert_allclose(decay.sums(impulse), 0.5 ** (np.arange(8) / 2.0))


def test_a_series_has_unit_variance_and_the_autocorrelation_of_its_kernel() -> None:
    drawn = SERIES.drawn(3, RandomStream.PRICE_HOURS, 0, 20_000, 40)
    assert drawn.mean() == pytest.approx(0.0, abs=0.02)
    assert drawn.var() == pytest.approx(1.0, abs=0.02)
    kernel = SERIES.kernel
    for lag in (1, 12, 24, 48):
        claimed = float(kernel[lag:] @ kernel[:-lag])
        assert float((drawn[lag:] * drawn[:-lag]).mean()) == pytest.approx(claimed, abs=0.03)
