"""Whom to wake, and when: once, and once more when it is over."""

import http.server
import json
import socket
import threading
from dataclasses import replace

from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.runtime.alerts import Alert, Watch, Webhook
from mara.runtime.latest import EngineState, Published
from tests.ui.snapshots import snapshot_at

TICKS_AN_HOUR = 12


def contract_of(tier: str, bad_ticks: int) -> ContractSnapshot:
    return replace(snapshot_at(0).contracts[0], id="c1", tier=tier, customer="Fjord Labs", bad_ticks=bad_ticks)


def seen(watch: Watch, tick: int, tier: str, bad_ticks: int) -> tuple[Alert, ...]:
    snapshot: Snapshot = replace(snapshot_at(tick), contracts=(contract_of(tier, bad_ticks),))
    return watch.alerts(Published(version=tick, snapshot=snapshot, state=EngineState.RUNNING))


def first_alert_after(tier: str, *, bad_every: int, ticks: int = 80) -> int | None:
    """Ticks until somebody is woken, with one bad tick in so many."""
    watch = Watch()
    for tick in range(ticks):
        if seen(watch, tick, tier, tick // bad_every):
            return tick
    return None


def test_premium_wakes_at_the_second_bad_tick_within_an_hour() -> None:
    watch = Watch()
    assert not seen(watch, 0, "premium", 0)
    assert not seen(watch, 1, "premium", 1)
    (alert,) = seen(watch, 2, "premium", 2)
    assert (alert.severity, alert.subject) == ("critical", "c1")
    assert "Fjord Labs" in alert.text


def test_premium_wakes_at_the_fourth_bad_tick_of_its_window_however_slowly_they_came() -> None:
    watch = Watch()
    told = [seen(watch, 30 * bad, "premium", bad) for bad in range(5)]
    assert [len(alerts) for alerts in told] == [0, 0, 0, 0, 1]


def test_standard_wakes_within_an_hour_when_nearly_every_tick_is_bad() -> None:
    assert first_alert_after("standard", bad_every=1) == TICKS_AN_HOUR


def test_standard_wakes_within_six_hours_at_six_times_its_rate_and_not_at_three_times() -> None:
    assert first_alert_after("standard", bad_every=3) == 6 * TICKS_AN_HOUR
    assert first_alert_after("standard", bad_every=7) is None


def test_flexible_wakes_at_a_rate_that_it_can_reach() -> None:
    assert first_alert_after("flexible", bad_every=1) == TICKS_AN_HOUR
    assert first_alert_after("flexible", bad_every=3) == 6 * TICKS_AN_HOUR


def test_spot_wakes_nobody() -> None:
    assert first_alert_after("spot", bad_every=1) is None


def test_an_alert_is_said_once_and_then_that_it_is_over() -> None:
    watch = Watch()
    told = [seen(watch, tick, "premium", min(tick, 2)) for tick in range(20)]
    said = [(tick, alert.severity) for tick, alerts in enumerate(told) for alert in alerts]
    assert said == [(2, "critical"), (1 + TICKS_AN_HOUR, "resolved")], "the first bad tick is an hour old"


def test_a_halt_and_its_end_are_told() -> None:
    watch = Watch()
    halted = watch.alerts(Published(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [(alert.severity, "disk full at tick 7" in alert.text) for alert in halted] == [("critical", True)]
    assert not watch.alerts(Published(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [alert.severity for alert in watch.alerts(Published(state=EngineState.RUNNING))] == ["resolved"]


def test_a_webhook_gets_json_and_a_dead_one_delays_nobody() -> None:
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

    alert = Alert(kind="state", severity="critical", subject="engine", text="halted", tick=7)
    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        webhook = Webhook(f"http://127.0.0.1:{server.server_address[1]}/")
        webhook.send(alert)
        assert come.wait(5)
        thread.join()
        webhook.close()
    assert bodies[0]["text"] == "halted"
    dead = Webhook("http://127.0.0.1:9/")
    dead.send(alert)
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

    alert = Alert(kind="state", severity="critical", subject="engine", text="halted", tick=7)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer_nonsense, args=(listening,), daemon=True)
        thread.start()
        webhook = Webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        webhook.send(alert)
        webhook.send(alert)
        assert both.wait(5)
        webhook.close()
    assert len(seen) == 2
