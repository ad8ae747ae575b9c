"""Append-only tables refuse updates, deletions, replacements and unbalanced rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy.exc import DBAPIError

from mara.core.finance import EnergyLine, Line
from mara.store.schema import ledger, rows, tables
from mara.store.store import Store
from tests.store.runs import stored_run

KEPT = (
    "runs",
    "site_inventories",
    "ticks",
    "hourly",
    "ledger",
    "ledger_days",
    "sla_contracts",
    "sla_intervals",
    "sla_windows",
    "plans",
    "optimization_runs",
    "audit",
    "orders",
    "order_outcomes",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = stored_run(tmp_path_factory.mktemp("kept") / "mara.db", 90)
    yield store
    store.close()


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "REPLACE INTO {0} SELECT * FROM {0}"])
def test_a_kept_row_cannot_be_changed_deleted_or_replaced(store: Store, table: str, statement: str) -> None:
    column = next(iter(tables.Row.metadata.tables[table].columns)).name
    assert store.read_model.counts()[table] > 0
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), store._connection.begin():
        store._connection.exec_driver_sql(statement.format(table, column, column))


@pytest.mark.parametrize("table", ["ledger", "ledger_days"])
def test_the_ledger_has_a_leg_for_every_line_in_the_order_of_the_settlement(table: str) -> None:
    columns = [column.name for column in tables.Row.metadata.tables[table].columns]
    first, later = ledger.MONEY_LEGS[ledger.FIRST_LINES], ledger.MONEY_LEGS[ledger.LATER_LINES]
    energy, later_energy = ledger.ENERGY_LEGS[ledger.FIRST_ENERGY], ledger.ENERGY_LEGS[ledger.LATER_ENERGY]
    last = ledger.MONEY_LEGS[ledger.LAST_LINES]
    assert columns == ["tick", "site", ledger.CASH, *first, *energy, *later, *later_energy, *last]
    assert len(columns) == 3 + len(Line) + len(EnergyLine)


def test_prices_have_the_columns_of_an_observation_in_order() -> None:
    columns = [column.name for column in tables.Row.metadata.tables["prices"].columns]
    assert columns == ["tick", "site", *rows.SITE_FIELDS]


@pytest.mark.parametrize("leg", ["mining_micro_usd", "cooling_wh"])
def test_the_database_refuses_an_entry_that_does_not_balance(store: Store, leg: str) -> None:
    columns = [column.name for column in tables.Row.metadata.tables["ledger"].columns]
    values = [1_000_000, 0] + [int(name == leg) for name in columns[2:]]
    marks = ", ".join("?" * len(values))
    with pytest.raises(DBAPIError, match="balances"), store._connection.begin():
        store._connection.exec_driver_sql(f"INSERT INTO ledger VALUES ({marks})", tuple(values))


def test_an_entry_cannot_be_posted_twice(store: Store) -> None:
    with pytest.raises(DBAPIError, match="UNIQUE"), store._connection.begin():
        store._connection.exec_driver_sql("INSERT INTO ledger SELECT * FROM ledger LIMIT 1")


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(DBAPIError, match="readonly"), store.read_model.one_state() as connection:
        connection.exec_driver_sql("DELETE FROM prices")
    with closing(sqlite3.connect(store.database.name)) as connection:
        assert connection.execute("SELECT count(*) FROM prices").fetchone()[0] > 0
