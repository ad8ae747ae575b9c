"""Fleets: limits are checked on entry, and distributing machines keeps totals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core.arrays import floats, ints
from mara.core.fleet import distribute, site_index
from mara.errors import CommandError
from tests.builders import config, fleet, site


def test_nameplate_is_units_times_unit_power() -> None:
    own = fleet()
    assert own.nameplate_mw[0].tolist() == pytest.approx([7.0, 0.0, 4.05, 6.0, 4.0])
    assert own.racks_mw.tolist() == pytest.approx([10.0, 10.0, 5.0])
    assert own.tokens_per_mwh.tolist() == pytest.approx([4.32e9, 7.2e9])


@settings(max_examples=60)
@given(
    pool=st.integers(0, 100_000),
    weights=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=12).filter(lambda row: sum(row) > 0.0),
)
def test_distributing_a_pool_conserves_its_total_and_is_fair_to_one_unit(pool: int, weights: list[float]) -> None:
    given_out = distribute(pool, np.array(weights))
    exact = np.array(weights) * (pool / sum(weights))
    assert int(given_out.sum()) == pool
    assert (np.abs(given_out - exact) < 1.0 + 1e-6).all()


def test_largest_remainders_take_the_last_units() -> None:
    assert distribute(10, np.array([1.0, 1.0, 1.0])).tolist() == [4, 3, 3]
    assert distribute(7, np.array([0.5, 0.3, 0.2])).tolist() == [4, 2, 1]  # 3.5, 2.1, 1.4: the first tie-free remainder
    assert distribute(0, np.array([0.0, 0.0])).tolist() == [0, 0]


def test_a_pool_that_no_site_wants_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one a weight"):
        distribute(5, np.zeros(3))
    with pytest.raises(ValueError, match="negative"):
        distribute(5, np.array([1.0, -1.0]))


def test_a_hedge_above_the_grid_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="hedge_mw must not exceed grid_limit_mw"):
        fleet(limit_mw=10.0, hedge_mw=11.0)


def test_sites_need_distinct_ids() -> None:
    with pytest.raises(ValueError, match="unique"):
        fleet(units=((1,) * 5,) * 2, sites=(site("a"), site("a")))


def test_negative_or_missing_numbers_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        fleet(limit_mw=-1.0)
    with pytest.raises(ValueError, match="grid_limit_mw must be finite"):
        fleet(limit_mw=np.nan)
    with pytest.raises(ValueError, match=r"units_count must have shape \(3, 5\)"):
        fleet(units=((1, 2), (3, 4), (5, 6)))
    with pytest.raises(ValueError, match="units_count must be whole"):
        fleet(units=((0.5, 0, 0, 0, 0),) * 3)  # type: ignore[arg-type]


def test_arrays_are_copies_that_nobody_can_write_to() -> None:
    source = np.array([1.0, 2.0])
    kept = floats(source, (2,), "kept")
    source[0] = 9.0
    assert kept.tolist() == [1.0, 2.0]
    for array in (kept, ints([1, 2], (2,), "n"), fleet().nameplate_mw, config().fleet.grid_limit_mw):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


@pytest.mark.parametrize("named", ["site1", "SITE1", " site1 ", "München", "mÜNCHEN"])
def test_a_site_is_found_by_its_id_or_its_name(named: str) -> None:
    sites = [replace(site(f"site{i}"), name=name) for i, name in enumerate(("Oslo", "München", "Oslo", "site1"))]
    assert site_index(sites, named) == 1


def test_a_site_that_nobody_can_mean_is_refused_with_those_that_are_there() -> None:
    sites = [replace(site(f"site{i}"), name=name) for i, name in enumerate(("Oslo", "München", "Oslo"))]
    with pytest.raises(CommandError, match="no site 'Rome': ask for one of site0, site1, site2, by id or by name"):
        site_index(sites, "Rome")
    with pytest.raises(CommandError, match="2 sites are called 'oslo': name one by its id, site0, site2"):
        site_index(sites, "oslo")
