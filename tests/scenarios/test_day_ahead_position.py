"""A run that buys power day-ahead, from the history to the ledger, with a restart.

It is stopped in the middle of a day.
"""

import csv
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.errors import ConfigError
from mara.runtime.replay_check import replayed
from mara.settings import read_settings
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from mara.store.read.table_file import write_export
from tests.cli.console import ran
from tests.store.databases import KINDS, url_of
from tests.two_prices import FIRST, START_DAY, made_folder, run, settings_of

TICKS = 50
STOP = 40
"""Tick at which the run stops: 16:00 on a day with a position.

Orders for the next day are held by then.
"""


QUARTERS = 4 * 34
STOP_QUARTER = 4 * 32 + 2
"""Tick at which a quarter-hourly run stops, within an hour with a position."""


def exported(database: Path, table: str, folder: Path) -> list[dict[str, str]]:
    reading = ReadModel.open(url_of(database))
    write_export(reading, table, "csv", folder / f"{table}.csv")  # type: ignore[arg-type]
    reading.close()
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Bought:
    """A history with two prices, and a run that bought day-ahead on it."""

    folder: Path
    database: Path
    cash_micro_usd: int


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Bought:
    folder = made_folder(tmp_path_factory.mktemp("bought") / "history")
    database = folder.parent / "mara.db"
    return Bought(folder, database, run(settings_of(folder, database), TICKS))


def test_a_run_that_stops_in_mid_day_keeps_its_position_and_ends_with_the_same_ledger(
    bought: Bought, tmp_path: Path
) -> None:
    whole, parts = bought.database, tmp_path / "parts.db"
    assert run(settings_of(bought.folder, parts), STOP, TICKS - STOP) == bought.cash_micro_usd
    positions = exported(parts, "positions", tmp_path)
    assert positions == exported(whole, "positions", tmp_path)
    ticks = {int(row["tick"]) for row in positions}
    assert 24 <= min(ticks) < STOP <= max(ticks)  # the first orders are for the second day
    reading = ReadModel.open(f"sqlite:///{parts}")
    assert [replayed(reading, reading.run().run_id, t).differs for t in (9, STOP - 1, STOP, TICKS - 1)] == [()] * 4
    reading.close()
    assert maintenance.check(f"sqlite:///{parts}").findings == ()


@pytest.fixture(scope="module")
def in_quarters(tmp_path_factory: pytest.TempPathFactory) -> Bought:
    folder = made_folder(tmp_path_factory.mktemp("quarters") / "history", steps_an_hour=4)
    database = folder.parent / "mara.db"
    return Bought(folder, database, run(settings_of(folder, database, tick_minutes=15), QUARTERS))


@pytest.mark.parametrize("kind", KINDS)
def test_in_quarters_an_hour_that_was_bought_is_settled_in_four_also_across_a_stop_within_it(
    in_quarters: Bought, tmp_path: Path, kind: str
) -> None:
    parts = tmp_path / f"parts.{kind}"
    settings = settings_of(in_quarters.folder, parts, tick_minutes=15)
    assert run(settings, STOP_QUARTER, QUARTERS - STOP_QUARTER) == in_quarters.cash_micro_usd
    positions = exported(parts, "positions", tmp_path)
    assert positions == exported(in_quarters.database, "positions", tmp_path)
    hours: dict[int, set[str]] = {}
    for row in positions:
        hours.setdefault(int(row["tick"]) // 4, set()).add(row["position_mw"])
    assert STOP_QUARTER // 4 in hours
    assert all(len(bought) == 1 for bought in hours.values())  # what is bought for an hour holds in each quarter
    assert len(positions) == 4 * len(hours)
    for row in positions[:8]:
        apart_usd_per_mwh = float(row["energy_price_usd_per_mwh"]) - float(row["day_ahead_usd_per_mwh"])
        assert float(row["gain_usd"]) == pytest.approx(0.25 * float(row["position_mw"]) * apart_usd_per_mwh, abs=0.01)
    reading = ReadModel.open(url_of(parts))
    checked = (STOP_QUARTER - 1, STOP_QUARTER, QUARTERS - 1)
    assert [replayed(reading, reading.run().run_id, tick).differs for tick in checked] == [()] * 3
    reading.close()
    assert maintenance.check(url_of(parts)).findings == ()


def test_a_position_adds_its_gain_to_what_the_run_earns_and_nothing_else(bought: Bought, tmp_path: Path) -> None:
    without = tmp_path / "without.db"
    more = bought.cash_micro_usd - run(settings_of(bought.folder, without, "none"), TICKS)
    legs, as_ever = (
        {(row["tick"], row["kind"], row["tier"]): int(row["amount"]) for row in exported(database, "ledger", tmp_path)}
        for database in (bought.database, without)
    )
    gains = {leg: amount for leg, amount in legs.items() if leg[1] == "day_ahead"}
    assert sum(gains.values()) == more != 0
    assert {leg: amount for leg, amount in legs.items() if leg not in gains and leg[1] != "cash"} == {
        leg: amount for leg, amount in as_ever.items() if leg[1] != "cash"
    }


def test_a_backtest_tells_what_the_run_would_have_earned_without(bought: Bought) -> None:
    start = (FIRST + timedelta(days=START_DAY)).isoformat()
    order = ("backtest", "--history", str(bought.folder), "--optimizer", "rules", "--from", start, "--json")
    told, plain = (ran(*order, "--day-ahead", which).report for which in ("planned", "none"))
    assert plain["day_ahead"] is None
    assert told["day_ahead"]["position_mwh"] > 0.0
    assert told["day_ahead"]["profit_without_usd"] == plain["profit_usd"]
    gain_usd = told["profit_usd"] - plain["profit_usd"]
    assert told["day_ahead"]["gain_usd"] == pytest.approx(gain_usd, abs=1e-4)
    assert plain["cost_usd"]["energy"] - told["cost_usd"]["energy"] == pytest.approx(gain_usd, abs=1e-4)


def test_positions_are_refused_where_there_are_not_two_prices(tmp_path: Path) -> None:
    folder = made_folder(tmp_path / "history", with_auction=False)
    with pytest.raises(ConfigError, match=r"history has no site with both: give such a history, or set"):
        open_run(settings_of(folder, tmp_path / "mara.db"))
    with pytest.raises(ConfigError, match="a synthetic world has one price"):
        open_run(settings_of(folder, tmp_path / "mara.db").model_copy(update={"history": None}))
    assert not (tmp_path / "mara.db").exists()


def test_an_unknown_policy_of_positions_is_refused_by_the_name_of_its_option() -> None:
    with pytest.raises(ConfigError, match=r"^--day-ahead should be 'none' or 'planned'; came 'all'"):
        read_settings({}, {"day_ahead_position": "all"})
