"""Command `python -m bench.power_worth`: worth of planning with power contracts.

Plans do not know the future. Prints each figure as soon as it is found. `--only` chooses parts; all of them take
about half an hour of CPU time, the first three about five minutes.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from bench import grain
from bench.battery_referee import days_of
from bench.power_worth import battery, demand_charge, instruments, peaks
from bench.power_worth.demand import demand_by_hour, drawn_demand_mw
from mara.core.units import HOURS_PER_DAY

SECOND_HALF: Final = 182
"""Day of 2024 on which the second half begins: 1 July."""
SUMMER_DAYS: Final = 153
"""Days from May to September: the risk of June looks back on May."""
DRAWN_SUMMERS: Final = 200
CHARGED_YEARS: Final = (
    (45.0, 6_000.0),
    (80.0, 6_000.0),
    (35.0, 3_000.0),
    (35.0, 6_000.0),
    (35.0, 9_000.0),
    (35.0, 12_000.0),
    (35.0, 15_000.0),
)
"""Worth of a megawatt-hour, and price of a month's peak. Under the last two a month at the full peak hardly pays."""
LEAST_DEAR_USD_PER_MW: Final = 9_000.0
"""Price of a peak from which on its choice is hard."""
BEGUN_ALIKE_DAYS: Final = (1, 2, 4, 31)
"""Days after which months are told apart; with 31 the peak is one and the same in all of them."""


def main() -> None:
    """Print the parts that were asked for."""
    options = _options()
    with TemporaryDirectory() as folder:
        for part in options.only or PARTS:
            for line in PARTS[part](options.prices, Path(folder)):
                print(line, flush=True)


def _battery(prices: Path, folder: Path) -> Iterator[str]:
    earned = battery.auction_usd(prices)[SECOND_HALF - battery.FIRST_DAY :]
    yield _shared("battery, scheduled before the auction", earned[:, 0].sum(), earned[:, 1].sum())
    days = list(days_of(prices, "real-time").values())
    earned = battery.real_time_usd(grain.history_of(prices, folder), days, SECOND_HALF)
    yield _shared("battery, planned each quarter in real time", earned[:, 0].sum(), earned[:, 1].sum())


def _peaks(prices: Path, _: Path) -> Iterator[str]:
    begin = datetime(2024, 5, 1, tzinfo=grain.ZONE)
    forecast_mw = demand_by_hour(prices, begin, SUMMER_DAYS * HOURS_PER_DAY)
    local = [begin + timedelta(hours=hour) for hour in range(len(forecast_mw))]  # of the wall: no clock changes
    days = [local[hour : hour + HOURS_PER_DAY] for hour in range(0, len(local), HOURS_PER_DAY)]
    forecast = list(forecast_mw.reshape(-1, HOURS_PER_DAY))
    for recall in peaks.recalls(days, peaks.risks(days, forecast, forecast), forecast):
        yield (
            f"peaks, demand as forecast, risk of {recall.threshold_share:.0%}: {recall.caught_count} of 4 caught, "
            f"{recall.curtailed_hours} hours curtailed"
        )
    drawn = [list(drawn_demand_mw(forecast_mw, seed).reshape(-1, HOURS_PER_DAY)) for seed in range(DRAWN_SUMMERS)]
    found = [peaks.recalls(days, peaks.risks(days, forecast, demand), demand) for demand in drawn]
    for at, threshold in enumerate(peaks.THRESHOLDS):
        caught = np.mean([recalls[at].caught_count for recalls in found])
        hours = np.mean([recalls[at].curtailed_hours for recalls in found])
        yield (
            f"peaks, {DRAWN_SUMMERS} drawn summers, risk of {threshold:.0%}: {caught:.2f} of 4 caught, "
            f"{hours:.0f} hours curtailed"
        )


def _demand_charge(prices: Path, folder: Path) -> Iterator[str]:
    history = grain.history_of(prices, folder, grain.DAY_AHEAD_SPEC)
    months, prices_usd_per_mwh = demand_charge.months_of(history), history.energy_price_usd_per_mwh[:, 0]
    for worth, rate in CHARGED_YEARS:
        year = demand_charge.rolled(demand_charge.history_worth(history, worth), rate)
        bound = demand_charge.bound_usd(prices_usd_per_mwh, months, worth, rate)
        yield _shared(f"demand charge of {rate:,.0f} USD/MW, miners worth {worth:.0f} USD/MWh", year.profit_usd, bound)
        before = year.profit_usd + year.charge_usd.sum()
        yield f"the same, less than the bound: {bound - year.profit_usd:,.0f} of {before:,.0f} USD before the charge"
        known = demand_charge.usd_with_known_peaks(prices_usd_per_mwh, months, worth, rate)
        yield _shared("the same, planned alike with each month's best peak known", known, bound)
        if rate >= LEAST_DEAR_USD_PER_MW:
            for days in BEGUN_ALIKE_DAYS:
                alike = demand_charge.usd_begun_alike(prices_usd_per_mwh, months, worth, rate, days)
                yield _shared(
                    f"most where months begin with one peak and are told apart after {days} days", alike, bound
                )
        yield f"demand charge, most that was drawn and not paid for: {year.unpaid_usd:.6f} USD"


def _instruments(prices: Path, folder: Path) -> Iterator[str]:
    cases = {"default fleet, 30 days": instruments.default_fleet_case()}
    cases["ERCOT 2024, 1 MW"] = instruments.ercot_case(prices, folder)
    for title, case in cases.items():
        for name, usd in instruments.worths_usd(case):
            yield f"{title}, {name}: {usd:,.0f} USD"


def _shared(what: str, earned_usd: float, best_usd: float) -> str:
    return f"{what}: {earned_usd:,.0f} of {best_usd:,.0f} USD, {earned_usd / best_usd:.1%}"


PARTS: Final[dict[str, Callable[[Path, Path], Iterator[str]]]] = {
    "battery": _battery,
    "peaks": _peaks,
    "demand-charge": _demand_charge,
    "instruments": _instruments,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.power_worth", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts alone")
    parser.add_argument("--prices", type=Path, default=grain.PRICES, help="folder of ERCOT's files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
