"""Clients that order from a live run and record the answers, and restarts of it."""

import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any
from uuid import uuid4

from tests.forks import begun
from tests.scenarios.order_server import serve
from tests.servers import free_port

START_TIMEOUT_S = 150.0
END_TIMEOUT_S = 30.0
PATIENCE_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """A request with its own key, and its answer; status 0 if the connection broke."""

    path: str
    key: str
    body: dict[str, Any]
    status: int
    answer: bytes
    took_s: float

    @property
    def is_confirmed(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Life:
    """A server process on a database, from its start to its end."""

    port: int
    process: ForkServerProcess
    page_lines: list[dict[str, Any]] = field(default_factory=list)

    def asked(self, path: str, timeout_s: float = PATIENCE_S) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout_s) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def told(self, path: str, body: dict[str, Any], key: str) -> Told:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json", "idempotency-key": key},
        )
        began_s, status, answer = time.perf_counter(), 0, b""
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as got:
                content = got.read()
                answer, status = content, got.status
        except urllib.error.HTTPError as error:
            with suppress(OSError, HTTPException):
                answer, status = error.read(), error.code
        except (OSError, HTTPException):
            pass  # it broke off before, or within, the answer
        return Told(path=path, key=key, body=body, status=status, answer=answer, took_s=time.perf_counter() - began_s)

    def end(self, how: signal.Signals) -> int | None:
        """Wait for the end of the process; return its exit code, or None if it stays."""
        assert self.process.pid is not None
        os.kill(self.process.pid, how)
        self.process.join(END_TIMEOUT_S)
        return self.process.exitcode


@contextmanager
def life(url: str, *, page_orders_per_s: float = 0.0, fault: str = "none") -> Iterator[Life]:
    """Yield the process once it is ready; kill it at the end if it is left."""
    port = free_port()
    process, here = begun(serve, url, port, page_orders_per_s, fault)
    lived = Life(port, process)
    reader = threading.Thread(target=_read, args=(lived, here), daemon=True)
    reader.start()
    try:
        wait_until_ready(lived)
        yield lived
    finally:
        process.kill()
        process.join(END_TIMEOUT_S)
        reader.join(END_TIMEOUT_S)
        here.close()


def _read(lived: Life, here: Connection) -> None:
    with suppress(EOFError, OSError):  # the process died between two messages, or within one
        while True:
            lived.page_lines.append(here.recv())


def wait_until_ready(lived: Life) -> None:
    """Wait until a tick has been stored and the next is not late."""
    deadline_s, said = time.monotonic() + START_TIMEOUT_S, (0, b"nothing listens")
    while time.monotonic() < deadline_s:
        if not lived.process.is_alive():
            raise AssertionError(f"the run refused to start: exit code {lived.process.exitcode}")
        try:
            said = lived.asked("/api/ready", 5.0)
            if said[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the run did not become ready: {said}")


class Customers:
    """Threads that quote, book, and take sites down and up, until they are stopped."""

    def __init__(self, lived: Life, orders_per_s: float) -> None:
        self._life = lived
        self._pause_s = 2.0 / orders_per_s
        self._over = threading.Event()
        self.told: list[Told] = []
        sites = json.loads(lived.asked("/api/sites")[1])
        self._sites = [site["id"] for site in sites]
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._book, self._steer)]

    def __enter__(self) -> "Customers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def _note(self, path: str, body: dict[str, Any]) -> Told:
        told = self._life.told(path, body, f"k-{uuid4().hex}")
        self.told.append(told)
        return told

    def _book(self) -> None:
        while not self._over.wait(self._pause_s):
            offer = self._note("/api/quotes", {"tier": "flexible", "power_mw": 0.01, "hours": 100})
            if offer.is_confirmed:
                self._note("/api/commitments", {"quote_id": json.loads(offer.answer)["id"], "customer": "Acme"})

    def _steer(self) -> None:
        for number in count():
            if self._over.wait(self._pause_s):
                return
            site = self._sites[number // 2 % len(self._sites)]
            down = {"action": "outage", "site_id": site, "ticks": 1}
            self._note("/api/control", {"action": "restore", "site_id": site} if number % 2 else down)
