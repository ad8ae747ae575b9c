"""Stored sums of UTC days that are over equal the ledger, whatever happened between."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mara.core.world import first_world
from mara.errors import StoreError
from mara.store import maintenance
from mara.store.backends.upgrade import MIGRATIONS, known_revisions
from mara.store.read import query_scope
from mara.store.read.balance import daily_ledgers, ledger
from mara.store.read.money import course
from mara.store.read.money.course import DAY_MINUTES, money_breakdown
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import LEGS, MONEY_LEGS
from mara.store.store import Store
from mara.store.write import statements
from tests.store.databases import KINDS, asked, connected, contents, copied, tamper, url_of
from tests.store.runs import METERED, go_on, small_charter, steps, stored_run

TICKS = 80
"""Hours from 22:00 on: two of a first day, three whole days, six hours of the day under way."""
CHARTER = small_charter(tick_minutes=60, name=METERED)
SUMS = ", ".join(f"sum({leg})" for leg in LEGS)
BY_DAY = " UNION ALL ".join(
    f"SELECT {first} AS tick, site, {SUMS} FROM ledger WHERE tick >= {first} AND tick < {end} GROUP BY site"
    for first, end in ((0, 2), (2, 26), (26, 50), (50, 74))
)
STORED = "SELECT * FROM ledger_days ORDER BY tick, site"


@pytest.fixture(scope="module", params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run opened anew at midnight, within a day, and before the last tick of one."""
    made = tmp_path_factory.mktemp("days") / f"mara.{request.param}"
    stored_run(made, 2, CHARTER).close()
    for ticks in (13, 34, 1, TICKS - 50):
        store = Store.open(url_of(made))
        go_on(store, ticks)
        store.close()
    return made


@pytest.fixture
def reading(path: Path) -> Iterator[ReadModel]:
    opened = ReadModel.open(url_of(path))
    yield opened
    opened.close()


def test_each_day_that_is_over_has_a_row_a_site_with_the_sums_of_its_entries(path: Path) -> None:
    stored = asked(path, STORED)
    assert stored == sorted(tuple(map(int, row)) for row in asked(path, BY_DAY))
    assert len(stored) == 4 * 3
    assert all(any(row[2:]) for row in stored)


def test_a_restart_within_a_day_changes_no_row(path: Path) -> None:
    undisturbed = path.with_stem("undisturbed")
    stored_run(undisturbed, TICKS, CHARTER).close()
    assert contents(path)["ledger_days"] == contents(undisturbed)["ledger_days"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    span=st.tuples(st.integers(-30, TICKS + 30), st.integers(-30, TICKS + 30)),
    site=st.sampled_from([None, "site0", "site2"]),
    rows_a_query=st.sampled_from([1, 7, 100_000]),
)
def test_sums_of_any_range_are_those_of_its_entries(
    reading: ReadModel, path: Path, span: tuple[int, int], site: str | None, rows_a_query: int
) -> None:
    grid = CHARTER.grid
    first, end = (grid.at(tick) for tick in span)
    where = f"tick >= {span[0]} AND tick < {span[1]}"
    (lines,) = asked(
        path, f"SELECT {', '.join(f'coalesce(sum({leg}), 0)' for leg in MONEY_LEGS)} FROM ledger WHERE {where}"
    )
    with mock.patch.object(query_scope, "ROWS_A_QUERY", rows_a_query), mock.patch.object(course, "MOST_INTERVALS", 4):
        parts = money_breakdown(reading, first, end)
        whole = ledger(reading, first, end, site)
        days = daily_ledgers(reading, first, end, site)
        alone = [ledger(reading, day.starts_at, day.ends_at, site) for day in days]
    amounts = [interval.amounts_micro_usd for interval in parts.intervals]
    assert [sum(of_site[i] for part in amounts for of_site in part) for i in range(len(lines))] == [
        int(x) for x in lines
    ]
    if site is None:
        assert [line.amount_micro_usd for line in whole.money] == [int(amount) for amount in lines]
    assert list(days) == alone
    assert sum(day.profit_micro_usd for day in days) == whole.profit_micro_usd
    assert sum(day.metered_ticks_count for day in days) == whole.metered_ticks_count


def test_whole_days_are_read_as_they_are_stored(reading: ReadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "MOST_INTERVALS", 4)
    grid, read = CHARTER.grid, []
    ask = ReadModel.ask

    def heard(self: ReadModel, query: object, *values: object) -> object:
        if "sum(" in str(query):
            read.append((str(query).partition(" FROM ")[2].partition(" ")[0], values[-2:]))
        return ask(self, query, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(ReadModel, "ask", heard)
    assert money_breakdown(reading, grid.at(1), grid.at(77)).step_minutes == DAY_MINUTES
    assert read == [("ledger", (1, 2)), ("ledger_days", (2, 74)), ("ledger", (74, 77))]
    read.clear()
    money_breakdown(reading)
    assert read == [("ledger_days", (0, 74)), ("ledger", (74, TICKS))], "the run's first day is whole"
    read.clear()
    assert money_breakdown(reading, grid.at(2), grid.at(5)).step_minutes < DAY_MINUTES
    assert read == [("ledger", (2, 5))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_s_last_tick_that_was_not_stored_leaves_no_row_and_is_taken_later(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"mara.{kind}"
    store = stored_run(path, 25, CHARTER)
    loaded = store.load()
    assert loaded
    (last,) = steps(CHARTER, loaded[1], 1)

    def failing(*_: object) -> None:
        raise StoreError("no room for the world")

    with monkeypatch.context() as patch:
        patch.setattr(statements, "write_parts", failing)
        with pytest.raises(StoreError, match="no room"):
            store.append(*last)
    assert [row[:2] for row in asked(path, STORED)] == [(0, 0), (0, 1), (0, 2)]
    store.append(*last)
    store.close()
    assert len(asked(path, STORED)) == 6
    assert maintenance.check(url_of(path)).findings == ()


def test_a_day_that_is_not_the_sum_of_its_ledger_is_named_by_the_check(path: Path, tmp_path: Path) -> None:
    copy = copied(path, tmp_path / path.name)
    assert maintenance.check(url_of(copy)).findings == ()
    one = f"SELECT {{}}, site, {', '.join(LEGS)} FROM ledger_days WHERE tick = 50 AND site = 0"
    tamper(
        copy,
        [
            "UPDATE ledger_days SET mining_micro_usd = mining_micro_usd + 1 WHERE tick = 26 AND site = 1",
            "DELETE FROM ledger_days WHERE tick = 2 AND site = 2",
            f"INSERT INTO ledger_days {one.format(74)}",
            f"INSERT INTO ledger_days {one.format(27)}",
        ],
    )
    findings = maintenance.check(url_of(copy)).findings
    assert sorted(said for said in findings if said.startswith("ledger_days")) == [
        "ledger_days, tick 2 site 2: missing",
        "ledger_days, tick 26 site 1: not the sum of its ledger",
        "ledger_days, tick 27 site 0: was not written by Mara",
        "ledger_days, tick 74 site 0: was not written by Mara",
    ]


def test_days_of_an_older_mara_are_summed_by_the_upgrade(path: Path, tmp_path: Path) -> None:
    copy = copied(path, tmp_path / path.name)
    kept, revisions = asked(copy, STORED), known_revisions(MIGRATIONS)
    with connected(copy) as connection:
        connection.execute("DROP TABLE ledger_days")
        connection.execute(f"UPDATE alembic_version SET version_num = '{revisions[revisions.index('0017') - 1]}'")
    maintenance.upgrade(url_of(copy))
    assert asked(copy, STORED) == kept
    store = Store.open(url_of(copy))
    go_on(store, 20)
    store.close()
    assert maintenance.check(url_of(copy)).findings == ()
    with connected(copy) as connection, pytest.raises(Exception, match="append-only"):
        connection.execute("DELETE FROM ledger_days")


def test_a_run_of_five_minute_ticks_has_its_day_with_the_tick_before_midnight(tmp_path: Path) -> None:
    config = small_charter()
    store = stored_run(tmp_path / "mara.db", 23, config)
    assert asked(tmp_path / "mara.db", STORED) == []
    go_on(store, 1)
    assert [row[:2] for row in asked(tmp_path / "mara.db", STORED)] == [(0, 0), (0, 1), (0, 2)]
    assert config.grid.at(24) - config.grid.start == timedelta(hours=2)
    assert first_world(config).tick == 0
    store.close()
