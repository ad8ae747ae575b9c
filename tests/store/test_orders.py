"""Orders in the store wait for the disk, and are written once for each request.

Nobody changes them unnoticed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mara.core.commands import Cancel, Command, Outage, Restore
from mara.core.quote import Booking, QuoteRequest
from mara.store import maintenance
from mara.store.encoding.codec import bytes_of, record_of
from mara.store.store import Store
from mara.store.write import orders as of_orders
from mara.store.write.orders import FirstAnswer, NewOrder
from tests.store.databases import KINDS, copied, tamper, url_of
from tests.store.runs import go_on, small_charter, stored_run
from tests.ui.quotes import booking_of, quote_for

SEES_FULL = {"db": ("PRAGMA synchronous", 2), "pg": ("SHOW synchronous_commit", "on")}


@pytest.fixture(params=KINDS)
def path(request: Any, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = stored_run(path, 3)
    yield store
    store.close()


def new(command: Command, **more: Any) -> NewOrder:
    return NewOrder(command=command, ordered_tick=3, **more)


def setting(store: Store) -> tuple[object, object]:
    """Setting by which a commit waits for the disk: the one in force and the full one."""
    query, full = SEES_FULL["pg" if "postgresql" in store.database.name else "db"]
    connection = store._connection
    if connection.in_transaction():
        return connection.exec_driver_sql(query).scalar(), full
    with connection.begin():
        return connection.exec_driver_sql(query).scalar(), full


def test_an_order_waits_for_the_disk_and_the_ordinary_tick_after_it_does_not(store: Store) -> None:
    with store.orders._aside("an order"):
        found, full = setting(store)
    assert found == full
    go_on(store, 1)
    found, full = setting(store)
    assert found != full


def test_with_full_durability_every_tick_waits_for_the_disk(path: Path) -> None:
    stored_run(path, 2).close()
    store = Store.open(url_of(path), durability="full")
    go_on(store, 1)
    found, full = setting(store)
    store.close()
    assert found == full


def test_orders_wait_until_a_tick_writes_what_became_of_them(store: Store) -> None:
    first, second, third = store.orders.add(
        new(Outage(site_id="site1", duration_ticks=3)), new(Restore(site_id="site1")), new(Cancel(contract_id="c9"))
    )
    assert [order.number for order in store.orders.waiting()] == [first.number, second.number, third.number]
    store.orders.withdraw(second.number, 3, "a slip")
    assert [order.command for order in store.orders.waiting()] == [first.command, third.command]


def test_what_a_request_ordered_is_known_by_its_key(store: Store) -> None:
    placed = store.orders.add(
        new(Restore(site_id="site1"), repeat_key="k1"), new(Restore(site_id="site2"), repeat_key="k1")
    )
    assert store.orders.repeated("k1") == placed
    assert store.orders.repeated("k2") == ()


def test_a_booking_and_open_quotes_come_back_as_they_were(store: Store) -> None:
    ask = QuoteRequest(tier="premium", power_mw=1.0, duration_h=24.0)
    quotes = [quote_for(ask, 4, number) for number in range(3)]
    for quote in quotes:
        store.orders.keep_quote(ask, quote)
    assert store.orders.quotes() == tuple((ask, quote) for quote in quotes)
    booking = booking_of(quotes[0], "Acme")
    assert record_of(Booking, bytes_of(booking)) == booking


def test_the_oldest_quotes_and_answers_are_let_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_orders, "MOST_QUOTES", 2)
    monkeypatch.setattr(of_orders, "MOST_ANSWERS", 2)
    ask = QuoteRequest(tier="premium", power_mw=1.0, duration_h=24.0)
    kept = FirstAnswer(body_hash=b"hash", status=201, headers="[]", body=b"{}")
    for number in range(4):
        store.orders.keep_quote(ask, quote_for(ask, 4, number))
        store.orders.keep_answer(f"place {number}", replace(kept, status=200 + number))
    assert len(store.orders.quotes()) == 2
    assert [store.orders.first_answer(f"place {number}") is not None for number in range(4)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.fixture(scope="module", params=KINDS)
def obeyed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with orders that were carried out, to copy."""
    path = tmp_path_factory.mktemp("obeyed") / f"mara.{request.param}"
    stored_run(path, 90, small_charter()).close()
    return path


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE orders SET about = 'site2' WHERE number = 1", "orders, number 1: not what was written"),
        ("DELETE FROM orders WHERE number = 1", "orders, number 2: not what was written"),
        (
            "UPDATE order_outcomes SET tick = 1 WHERE number = 1",
            "order_outcomes, number 1: said to be obeyed in tick 1",
        ),
        (
            "INSERT INTO order_outcomes VALUES (1003, 42, 'obeyed', '')",
            "order_outcomes, number 1003: there is no such order",
        ),
    ],
)
def test_a_changed_order_is_found(obeyed: Path, tmp_path: Path, statement: str, said: str) -> None:
    path = copied(obeyed, tmp_path / obeyed.name)
    assert maintenance.check(url_of(path)).findings == ()
    tamper(path, [statement])
    assert any(said in finding for finding in maintenance.check(url_of(path)).findings)
