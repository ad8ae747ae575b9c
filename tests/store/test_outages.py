"""Outages are counted from the stored rows, each tick once."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from sqlalchemy import Row, Select, create_engine

from mara.store.read.outages import OutageCount
from mara.store.read.read_model import ReadModel


class Rows:
    """A database of the one table that is read."""

    def __init__(self) -> None:
        self.connection = create_engine("sqlite://").connect()
        self.connection.exec_driver_sql("CREATE TABLE prices (tick INTEGER, site INTEGER, availability_share REAL)")
        self.asked_from: list[object] = []

    def add(self, tick: int, *shares: float) -> None:
        rows = [(tick, site, share) for site, share in enumerate(shares)]
        self.connection.exec_driver_sql("INSERT INTO prices VALUES (?, ?, ?)", rows)

    def ask(self, query: Select[Any]) -> Sequence[Row[Any]]:
        self.asked_from += [value for name, value in query.compile().params.items() if name == "tick_1"]
        return self.connection.execute(query).all()


@pytest.fixture
def rows() -> Rows:
    return Rows()


def counter(rows: Rows) -> OutageCount:
    return OutageCount(read_model=cast(ReadModel, rows), sites=2)


def test_lost_machines_add_up_and_each_fall_counts_once(rows: Rows) -> None:
    for tick, share in enumerate((1.0, 0.0, 0.0, 1.0, 0.6, 0.4, 0.5, 1.0), start=5):
        rows.add(tick, share, 1.0)
    record = counter(rows).record()
    assert record.seen_ticks == 8
    assert record.lost_ticks.tolist() == pytest.approx([3.5, 0.0])
    # Down at 6, partly at 9, more of it at 10; that some came back at 11 is no fall.
    assert record.fall_count.tolist() == [3, 0]


def test_asking_again_reads_only_what_is_new(rows: Rows) -> None:
    count = counter(rows)
    rows.add(0, 1.0, 0.0)
    assert count.record().fall_count.tolist() == [0, 1]
    assert count.record().fall_count.tolist() == [0, 1]
    rows.add(1, 1.0, 0.0)
    rows.add(2, 0.5, 1.0)
    record = count.record()
    assert (record.seen_ticks, record.fall_count.tolist(), record.lost_ticks.tolist()) == (3, [1, 1], [0.5, 2.0])
    assert rows.asked_from == [0, 1, 1]


def test_without_rows_nothing_was_seen(rows: Rows) -> None:
    assert counter(rows).record().seen_ticks == 0
