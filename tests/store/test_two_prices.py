"""Positions bought day-ahead in both kinds of databases: stored and replayed.

They are kept across a restart.
"""

from pathlib import Path

import pytest

from mara.runtime.replay_check import replayed
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.store.databases import KINDS, asked, tamper, url_of
from tests.store.runs import TWO_PRICES, first_steps, go_on, small_charter, stored_run

TICKS = 80
HOLDS = 40
"""A tick in the middle of hours for which orders are held."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_stops_while_it_holds_orders_goes_on_as_if_it_had_not(tmp_path: Path, kind: str) -> None:
    config = small_charter(name=TWO_PRICES)
    path = tmp_path / f"mara.{kind}"
    stored_run(path, HOLDS, config).close()
    store = Store.open(url_of(path))
    stopped = store.load()
    assert stopped
    assert stopped[1].day_ahead is not None
    go_on(store, TICKS - HOLDS)
    store.close()
    *_, (last, _, _) = first_steps(config, TICKS)
    assert last.world.gains.day_ahead_micro_usd != 0
    reading = ReadModel.open(url_of(path))
    assert reading.world().cash_micro_usd == last.world.cash_micro_usd
    assert reading.world().gains == last.world.gains
    run = reading.run().run_id
    assert [replayed(reading, run, tick).differs for tick in (HOLDS - 1, HOLDS, TICKS - 1)] == [(), (), ()]
    seen = reading.stored_tick(TICKS - 1).observation
    reading.close()
    shown = last.observation.day_ahead_usd_per_mwh
    assert seen is not None
    assert seen.day_ahead_usd_per_mwh is not None
    assert shown is not None
    assert seen.day_ahead_usd_per_mwh.tobytes() == shown.tobytes()
    assert maintenance.check(url_of(path)).findings == ()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE allocations SET position_w = position_w + 1 WHERE tick = 70 AND site = 1", "allocations, tick 70"),
        ("UPDATE prices SET day_ahead_usd_per_mwh = NULL WHERE tick = 70 AND site = 2", "prices, tick 70"),
        ("UPDATE prices SET day_ahead_usd_per_mwh = 1 WHERE tick = 70 AND site = 0", "prices, tick 70"),
    ],
)
def test_the_check_finds_a_changed_price_or_position(tmp_path: Path, statement: str, finding: str) -> None:
    path = tmp_path / "mara.db"
    stored_run(path, TICKS, small_charter(name=TWO_PRICES)).close()
    tamper(path, [statement])
    findings = maintenance.check(url_of(path)).findings
    assert any(said.startswith(finding) for said in findings), findings


def test_a_run_without_a_second_price_stores_no_trace_of_one(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    stored_run(path, 20).close()
    used = "SELECT count(*) FROM allocations JOIN prices USING (tick, site) JOIN ledger USING (tick, site)"
    asks = " WHERE day_ahead_usd_per_mwh IS NOT NULL OR position_w <> 0 OR day_ahead_micro_usd <> 0"
    assert asked(path, used + asks) == [(0,)]
    (content,) = (row[0] for row in asked(path, "SELECT content FROM engine_parts WHERE part = 'world'"))
    assert b"day_ahead" not in bytes(content)
