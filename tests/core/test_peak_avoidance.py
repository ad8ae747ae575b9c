"""Coincident peaks met nearly off, and miners that an expected peak keeps off."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.peak_avoidance import PeaksMet, peaks_met, priced_out_mw
from mara.core.power_terms import CoincidentPeakCharge
from mara.core.world import conditions_of
from tests.builders import WEST
from tests.core.power_runs import ran, run_of, state_of, terms_of

TWO_PEAKS = CoincidentPeakCharge(
    site=WEST, usd_per_mw_year=12_000.0, month_numbers=(6,), peaks_count=2, interval_minutes=60
)


def test_a_site_that_drew_a_tenth_of_its_most_power_at_a_peak_met_it_nearly_off() -> None:
    """The peaks are the hours of 60,000 and 58,000 MW, in which it drew 0.5 and 4 MW: 2.25 in the mean.

    Its most power is its connection's 10 MW. The run's last hour is the first of July, which is not billed.
    """
    of = run_of(terms_of(peaks=(TWO_PEAKS,)))
    small = replace(of, fleet=replace(of.fleet, grid_limit_mw=np.array([10.0, 10.0, 10.0])))
    loads_mw, demand_mw = [1, 0.5, 3, 4, 5, 6], [50_000.0, 60_000.0, 55_000.0, 58_000.0, 40_000.0, 70_000.0]
    steps = ran(of, loads_mw, demand_mw=demand_mw)
    assert peaks_met(state_of(steps[0]), 0, small.fleet) == PeaksMet(peaks_count=1, off_count=1, load_mw=1.0)
    met = peaks_met(state_of(steps[4]), 0, small.fleet)
    assert met is not None
    assert (met.peaks_count, met.off_count) == (2, 1)
    assert met.load_mw == pytest.approx(2.25)
    assert peaks_met(state_of(steps[5]), 0, small.fleet) is None


def test_idle_miners_count_as_curtailed_where_the_expected_peak_costs_more_than_they_earn() -> None:
    """Power costs 50 USD/MWh and the peak 50 more, at a PUE of 1.1.

    Air miners earn 100 - 55 = 45 of it, less than the peak's 55: the 6 MW that idle are 6.6 at the meter. Hydro miners
    earn 65 and immersion miners -5, so that neither stays off for the peak.
    """
    of = run_of(terms_of(peaks=(TWO_PEAKS,)))
    (step,) = ran(of, [0.0])
    conditions = replace(
        conditions_of(step.observation, of),
        pue=np.full_like(of.fleet.nameplate_mw, 1.1),
        available_mw=np.full_like(of.fleet.nameplate_mw, 10.0),
        mining_value_usd_per_mwh=np.array([100.0, 120.0, 50.0]),
        grid_cost_usd_per_mwh=np.full(3, 50.0),
    )
    done = replace(step.allocation, miners_mw=np.tile([4.0, 0.0, 0.0], (3, 1)))
    peak_usd_per_mwh = np.where(np.arange(3) == WEST, 50.0, 0.0)
    assert priced_out_mw(done, conditions, peak_usd_per_mwh).tolist() == pytest.approx([6.6, 0.0, 0.0])
