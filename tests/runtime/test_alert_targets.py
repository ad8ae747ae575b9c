"""Alerts reach webhooks and services; a dead or rude receiver delays nobody."""

import http.server
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mara.errors import ConfigError
from mara.runtime.observe.alert_targets import AlertMessage, targets_of, webhook

HALTED = AlertMessage(
    kind="state",
    severity="critical",
    subject="engine",
    text="halted",
    tick=7,
    at="2025-07-01T12:00:00+00:00",
    alert=1,
    at_risk_usd=None,
    advice="Resume it.",
    path="/alerts?alert=1",
)


def test_a_service_of_apprise_gets_what_a_webhook_does() -> None:
    pytest.importorskip("apprise", reason="the extra `alerts` is not installed")
    with one_post() as (port, bodies, come):
        (target,) = targets_of([f"json://127.0.0.1:{port}/"])
        target.send(HALTED)
        assert come.wait(5)
        target.close()
    assert (bodies[0]["title"], bodies[0]["type"]) == ("Mara, critical: Engine", "failure")
    assert "Resume it." in str(bodies[0]["message"])


def test_an_address_that_no_service_has_is_refused_without_being_repeated() -> None:
    pytest.importorskip("apprise", reason="the extra `alerts` is not installed")
    with pytest.raises(ConfigError, match="service 2 of 2 \\(carrier-pigeon\\)") as refused:
        targets_of(["json://127.0.0.1/", "carrier-pigeon://secret"])
    assert "secret" not in str(refused.value)


def test_a_service_without_apprise_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match="pip install 'mara\\[alerts\\]'"):
        targets_of(["mailto://user:secret@mail.example"])


@contextmanager
def one_post() -> Iterator[tuple[int, list[dict[str, object]], threading.Event]]:
    """Serve one request and keep its JSON; yield the port, the bodies and an event."""
    bodies: list[dict[str, object]] = []
    come = threading.Event()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            come.set()

        def log_message(self, *words: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.timeout = 5
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield server.server_address[1], bodies, come
        thread.join()


def test_a_webhook_gets_json_and_a_dead_one_delays_nobody() -> None:
    with one_post() as (port, bodies, come):
        target = webhook(f"http://127.0.0.1:{port}/")
        target.send(HALTED)
        assert come.wait(5)
        target.close()
    assert (bodies[0]["text"], bodies[0]["path"]) == ("halted", "/alerts?alert=1")
    dead = webhook("http://127.0.0.1:9/")
    dead.send(HALTED)
    dead.close()


def test_a_receiver_that_does_not_speak_http_costs_one_alert_and_not_the_next() -> None:
    seen: list[bytes] = []
    both = threading.Event()

    def answer_nonsense(listening: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(b"220 mail.example ESMTP\r\n")
        both.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer_nonsense, args=(listening,), daemon=True)
        thread.start()
        target = webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        target.send(HALTED)
        target.send(HALTED)
        assert both.wait(5)
        target.close()
    assert len(seen) == 2


@pytest.mark.parametrize("status", [302, 307, 500])
def test_an_alert_that_is_sent_elsewhere_or_refused_is_told_to_the_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server, caplog.at_level("WARNING"):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        target = webhook(f"http://127.0.0.1:{server.server_address[1]}/hook")
        target.send(HALTED)
        target.close()
        target._thread.join(5)
        server.shutdown()
        thread.join()
    assert asked == ["POST /hook"]
    told = [record.message for record in caplog.records if str(status) in vars(record).get("reason", "")]
    assert told == ["alert not delivered"]
