"""Confirmed orders survive any end of the run or its database, with their answers.

KILLS=200 in the environment makes a soak test of it.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mara.runtime.replay_check import replayed
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from tests.postgres_server import Server, server_or_skip
from tests.scenarios.ordering import Customers, Life, Told, life, wait_until_ready
from tests.store.databases import asked, url_of

LIFE_COUNT = int(os.environ["KILLS"]) if "KILLS" in os.environ else 3
ORDERS_PER_S = 10.0
PAGE_ORDERS_PER_S = 10.0
SHORTEST_S, LONGEST_S = 0.4, 2.5
TICKS_BETWEEN_REPLAYS = 97


@dataclass
class Ledger:
    """All orders that were confirmed in any life of the run."""

    told: list[Told] = field(default_factory=list)
    contracts: list[str] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    lives: int = 0
    ordering_s: float = 0.0
    repeats: int = 0

    def add(self, told: Sequence[Told], lived: Life) -> None:
        self.told.extend(told)
        for one in told:
            if one.is_confirmed and one.path == "/api/commitments":
                self.contracts.append(json.loads(one.answer)["contract_id"])
            elif one.is_confirmed and one.path == "/api/control":
                self.orders.extend(json.loads(one.answer)["orders"])
        self.contracts.extend(line["contract"] for line in lived.page_lines if "contract" in line)
        self.orders.extend(number for line in lived.page_lines for number in line.get("orders", ()))


def deaths(count: int, kinds: Sequence[str]) -> list[tuple[str, float]]:
    """Yield in turn the ways in which a process ends, and after how long."""
    rng = np.random.default_rng(count)
    return [(kinds[n % len(kinds)], float(rng.uniform(SHORTEST_S, LONGEST_S))) for n in range(count)]


def assert_all_is_there(lived: Life, seen: Ledger, told: Sequence[Told], since: tuple[int, int]) -> None:
    """Check that confirmed orders are there, and repeated requests get their answers."""
    for contract in seen.contracts[since[0] :]:
        status, body = lived.asked(f"/api/commitments/{contract}")
        assert status == 200, (contract, body)
        assert json.loads(body)["row"]["state"] in {"waiting", "live"}
    for number in seen.orders[since[1] :]:
        status, body = lived.asked(f"/api/orders/{number}")
        assert status == 200, (number, body)
        assert json.loads(body)["state"] in {"waiting", "obeyed"}
    for one in told:
        again = lived.told(one.path, one.body, one.key)
        if one.is_confirmed:
            assert (again.status, again.answer) == (one.status, one.answer), one
            seen.repeats += 1
        elif again.is_confirmed and one.path == "/api/commitments":
            seen.contracts.append(json.loads(again.answer)["contract_id"])


def assert_sound(url: str, path: Path, seen: Ledger) -> None:
    """Check the database, replay its ticks, and look for orders that applied twice."""
    assert maintenance.check(url).findings == ()
    reading = ReadModel.open(url)
    try:
        run_id, last = reading.run().run_id, reading.next_tick() - 1
        for tick in {*range(0, last, TICKS_BETWEEN_REPLAYS), last}:
            assert replayed(reading, run_id, tick).differs == ()
    finally:
        reading.close()
    booked = [row[0] for row in asked(path, "SELECT contract_id FROM sla_contracts")]
    waiting = [row[0] for row in asked(path, _WAITING_BOOKINGS)]
    assert set(seen.contracts) <= {*booked, *waiting}
    assert len(seen.contracts) == len(set(seen.contracts))
    assert asked(path, _TWICE) == []
    obeyed = asked(path, "SELECT count(*) FROM order_outcomes WHERE outcome = 'obeyed'")
    audited = asked(path, "SELECT count(*) FROM audit")
    assert obeyed == audited


_WAITING_BOOKINGS = (
    "SELECT about FROM orders LEFT JOIN order_outcomes USING (number) WHERE outcome IS NULL AND kind = 'book'"
)
_TWICE = "SELECT repeat_key, about, count(*) FROM orders WHERE repeat_key <> '' GROUP BY 1, 2 HAVING count(*) > 1"


def suffer(url: str, path: Path, kinds: Sequence[str], server: Server | None = None) -> Ledger:
    """Run the server again and again under orders, and end it badly each time."""
    seen, told, since = Ledger(), list[Told](), (0, 0)
    for kind, after_s in deaths(LIFE_COUNT, kinds):
        fault = kind.partition(" ")[2] or "none"
        with life(url, page_orders_per_s=PAGE_ORDERS_PER_S, fault=fault) as lived:
            assert_all_is_there(lived, seen, told, since)
            since = len(seen.contracts), len(seen.orders)
            with Customers(lived, ORDERS_PER_S) as customers:
                time.sleep(after_s)
                if kind.startswith("server"):
                    assert server is not None
                    server.crash()
                if kind == "server again":
                    assert server is not None
                    server.start()
                    wait_until_ready(lived)
                    time.sleep(after_s)
                code = lived.end(signal.SIGTERM if kind.startswith("orderly") else signal.SIGKILL)
            assert not kind.startswith("orderly") or code == 0
        if kind == "server":
            assert server is not None
            server.start()
        told = customers.told
        seen.add(told, lived)
        seen.lives, seen.ordering_s = seen.lives + 1, seen.ordering_s + after_s
    with life(url) as lived:
        assert_all_is_there(lived, seen, told, since)
        assert lived.end(signal.SIGTERM) == 0
    assert_sound(url, path, seen)
    booked_s = sorted(one.took_s for one in seen.told if one.path == "/api/commitments" and one.is_confirmed)
    summary = (
        f"{seen.lives} lives, {len(seen.contracts)} bookings and {len(seen.orders)} other orders confirmed in"
        f" {seen.ordering_s:.0f} s, {seen.repeats} repeats answered as the first time"
    )
    took = f"; a booking took {1e3 * booked_s[len(booked_s) // 2]:.0f} ms (p50)" if booked_s else ""
    sys.stdout.write(f"{summary}{took}\n")
    return seen


def test_every_confirmed_order_outlives_kills_full_disks_and_orderly_ends(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    seen = suffer(url_of(path), path, ("kill", "orderly", "kill full", "kill checkpoint"))
    assert seen.contracts
    assert seen.orders
    assert seen.repeats


def test_every_confirmed_order_outlives_a_crash_of_the_server(tmp_path: Path) -> None:
    server = server_or_skip()
    path = tmp_path / "mara.pg"
    seen = suffer(url_of(path), path, ("server", "server again", "kill", "orderly"), server)
    assert seen.contracts
    assert seen.orders
    assert seen.repeats
