"""A battery in `mara plan` earns what an independent program says, to 1e-6 USD."""

from pathlib import Path

import pytest

from bench.battery_referee import FILES, days_of, planned, referee_usd

YEAR = Path(__file__).parents[3] / "shared" / "data" / "ercot_hub_2024"
DAYS = {
    "day-ahead": ["01/07/2024", "03/10/2024", "03/29/2024", "05/08/2024", "11/03/2024"],
    "real-time": ["01/05/2024", "03/10/2024", "11/03/2024"],
}
"""Days of 23 and of 25 hours, of negative prices and of dear ones."""
MADE_UP = {
    "all below zero": [-30.0, -5.0, -80.0, -1.0, -60.0, -2.0],
    "zero": [0.0] * 4,
    "either sign": [-20.0, 40.0, -35.0, 15.0, 90.0, -10.0, 25.0],
    "one step": [50.0],
}


@pytest.mark.skipif(not YEAR.is_dir(), reason="no ../shared/data beside the checkout")
@pytest.mark.parametrize("market", FILES)
def test_on_days_of_ercot_a_battery_earns_what_a_second_program_earns(market: str) -> None:
    days, dt_h = days_of(YEAR, market), FILES[market][1]
    assert sorted({len(days[day]) for day in days}) == sorted({round(hours / dt_h) for hours in (23, 24, 25)})
    for day in DAYS[market]:
        found = planned(days[day], dt_h)
        assert found["objective_usd"] == pytest.approx(referee_usd(days[day], dt_h), abs=1e-6)
        assert found["bound_usd"] >= found["objective_usd"] - 1e-6
        assert found["battery"]["energy_mwh"][-1] == [pytest.approx(1.0)]
    assert any(min(days[day]) < 0.0 for day in DAYS[market])


@pytest.mark.parametrize("prices", MADE_UP.values(), ids=MADE_UP)
@pytest.mark.parametrize("dt_h", [1.0, 0.25])
def test_on_made_up_days_too(prices: list[float], dt_h: float) -> None:
    found = planned(prices, dt_h)
    assert found["objective_usd"] == pytest.approx(referee_usd(prices, dt_h), abs=1e-6)
    battery = found["battery"]
    both = zip(battery["charge_mw"], battery["discharge_mw"], strict=True)
    assert all(min(charge[0], discharge[0]) < 1e-9 for charge, discharge in both)
