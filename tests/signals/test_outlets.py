"""Outlets: a file that is always whole, and webhooks that are signed and repeated.

A newer document replaces one that is still to be sent.
"""

import hashlib
import hmac
import http.server
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.signals import outlets_of
from mara.errors import ConfigError
from mara.settings import Settings
from mara.signals.document_json import document_bytes
from mara.signals.outlets.document_file import DocumentFile
from mara.signals.outlets.mailbox import Mailbox
from mara.signals.outlets.mqtt import topic_of
from mara.signals.outlets.signed_webhook import SignedWebhook
from tests.signals.documents import document_at

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECRET = "a secret of the two of us"
PATIENCE_S = 10.0


class Receiver:
    """A server that verifies each webhook and gives the answers that a test sets."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.seen: list[int] = []
        self.faults: list[str] = []
        self.told = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.take(dict(self.headers.items()), body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/dispatch?key=hidden"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        signed = headers["x-mara-timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        with self.told:
            if not hmac.compare_digest(expected, headers["x-mara-signature"]):
                self.faults.append("signature")
            if headers["x-mara-timestamp"] != str(int(NOW.timestamp())):
                self.faults.append("timestamp")
            self.seen.append(json.loads(body)["tick"])
            self.told.notify_all()
            return self.answers.pop(0) if self.answers else 204

    def wait_for(self, count: int) -> list[int]:
        with self.told:
            assert self.told.wait_for(lambda: len(self.seen) >= count, PATIENCE_S)
            return list(self.seen)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def webhook_to(receiver: Receiver) -> SignedWebhook:
    return SignedWebhook(receiver.url, SECRET, lambda: NOW)


def test_a_document_is_posted_with_a_signature_that_its_receiver_can_check(receiver: Receiver) -> None:
    assert webhook_to(receiver).deliver(document_at(3)) == ""
    assert (receiver.seen, receiver.faults) == ([3], [])


def test_a_refused_post_is_repeated_until_it_is_taken(receiver: Receiver) -> None:
    receiver.answers = [503, 500]
    box = Mailbox(webhook_to(receiver), first_wait_s=0.001)
    box.put(document_at(3))
    assert receiver.wait_for(3) == [3, 3, 3]
    box.close()


def test_a_newer_document_overtakes_one_that_could_not_be_delivered() -> None:
    """A failing outlet gets the newest document at its next try, and blocks no caller."""
    offered: list[int] = []
    second_came, is_done = threading.Event(), threading.Event()

    class Failing:
        name = "failing"

        def deliver(self, document: object) -> str:
            offered.append(document.tick)  # type: ignore[attr-defined]
            if len(offered) == 1:
                assert second_came.wait(PATIENCE_S)
                return "not now"
            is_done.set()
            return ""

        def close(self) -> None:
            """Do nothing, because nothing is open."""

    box = Mailbox(Failing(), first_wait_s=0.001)
    box.put(document_at(3))
    while not offered:
        threading.Event().wait(0.001)
    box.put(document_at(4))
    box.put(document_at(5))
    second_came.set()
    assert is_done.wait(PATIENCE_S)
    box.close()
    assert offered == [3, 5]


def test_neither_secret_nor_url_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers = [403]
    box = Mailbox(webhook_to(receiver), first_wait_s=0.001)
    with caplog.at_level(logging.DEBUG, logger="mara"):
        box.put(document_at(3))
        receiver.wait_for(2)
        box.close()
    logged = [record for record in caplog.records if record.name == "mara.dispatch"]
    assert [record.getMessage() for record in logged] == ["dispatch not delivered", "dispatch delivered again"]
    said = "".join(str(vars(record)) for record in logged)
    assert SECRET not in said
    assert "hidden" not in said


def test_the_file_holds_the_newest_document_as_a_whole(tmp_path: Path) -> None:
    outlet = DocumentFile(tmp_path / "dispatch.json")
    for tick in (3, 4):
        assert outlet.deliver(document_at(tick)) == ""
        assert (tmp_path / "dispatch.json").read_bytes() == document_bytes(document_at(tick)) + b"\n"
    assert [path.name for path in tmp_path.iterdir()] == ["dispatch.json"]


def test_a_folder_that_went_away_is_a_failed_delivery_and_no_crash(tmp_path: Path) -> None:
    assert "make its folder writable" in DocumentFile(tmp_path / "gone" / "dispatch.json").deliver(document_at(3))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"dispatch_webhook": "http://127.0.0.1/x"}, "needs MARA_DISPATCH_SECRET with at least 16 characters"),
        ({"dispatch_webhook": "http://127.0.0.1/x", "dispatch_secret": "short"}, "5 came"),
        ({"dispatch_file": Path("/nowhere/at/all.json")}, "should be a file in a folder that is there"),
    ],
)
def test_a_destination_that_cannot_be_used_is_refused_at_the_start(setting: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        outlets_of(Settings(**setting), lambda: NOW)  # type: ignore[arg-type]


def test_a_topic_holds_no_wildcard_whatever_a_site_is_called() -> None:
    assert topic_of("r-1", "a/b+c#d") == "mara/r-1/a-b-c-d/dispatch"
