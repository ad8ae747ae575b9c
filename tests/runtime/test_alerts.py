"""Alerts are sent once when they begin, and once when they end."""

import http.server
import json
import socket
import threading
from dataclasses import replace

import pytest

from mara.core.metering import MeteredSnapshot
from mara.core.snapshot import ContractSnapshot, SiteSnapshot, Snapshot
from mara.runtime.observe.alert_rules import Alert, AlertRules
from mara.runtime.observe.alerts import Webhook
from mara.runtime.published_state import EngineState, PublishedState
from tests.ui.snapshots import snapshot_at

TICKS_AN_HOUR = 12


UP = tuple(replace(site, status="running") for site in snapshot_at(0).sites)


def contract_of(tier: str, bad_ticks: int, budget_ticks: int = 1_000, *, resting: bool = False) -> ContractSnapshot:
    return replace(
        snapshot_at(0).contracts[0],
        id="c1",
        tier=tier,
        customer="Fjord Labs",
        bad_ticks=bad_ticks,
        budget_ticks=budget_ticks,
        served=False,
        is_resting=resting,
    )


def looked_at(watch: AlertRules, snapshot: Snapshot, state: EngineState = EngineState.RUNNING) -> tuple[Alert, ...]:
    return watch.alerts(PublishedState(version=snapshot.tick, snapshot=snapshot, state=state))


def fleet_at(tick: int, *contracts: ContractSnapshot, **changes: object) -> Snapshot:
    """The fleet with every site up, only these contracts, and what else is said."""
    return replace(snapshot_at(tick), **{"sites": UP, "contracts": contracts, **changes})  # type: ignore[arg-type]


def with_down(*places: int) -> tuple[SiteSnapshot, ...]:
    return tuple(replace(site, status="down") if place in places else site for place, site in enumerate(UP))


def seen(watch: AlertRules, tick: int, tier: str, bad_ticks: int) -> tuple[Alert, ...]:
    return looked_at(watch, fleet_at(tick, contract_of(tier, bad_ticks)))


def first_alert_after(tier: str, *, bad_every: int, ticks: int = 80, resting: bool = False) -> int | None:
    """Count the ticks until the first alert, with one bad tick in `bad_every`."""
    watch = AlertRules()
    for tick in range(ticks):
        if looked_at(watch, fleet_at(tick, contract_of(tier, tick // bad_every, resting=resting))):
            return tick
    return None


def test_premium_wakes_at_the_second_bad_tick_within_an_hour() -> None:
    watch = AlertRules()
    assert not seen(watch, 0, "premium", 0)
    assert not seen(watch, 1, "premium", 1)
    (alert,) = seen(watch, 2, "premium", 2)
    assert (alert.severity, alert.subject) == ("critical", "c1")
    assert "Fjord Labs" in alert.text


def test_premium_wakes_at_the_fourth_bad_tick_of_its_window_however_slowly_they_came() -> None:
    watch = AlertRules()
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


@pytest.mark.parametrize("tier", ["standard", "flexible"])
def test_a_budget_spent_on_purpose_wakes_nobody_however_fast(tier: str) -> None:
    assert first_alert_after(tier, bad_every=1, resting=True) is None


def test_only_the_unplanned_ticks_of_a_budget_burn_it() -> None:
    watch = AlertRules()
    told = [
        looked_at(watch, fleet_at(tick, contract_of("flexible", tick, resting=tick % 4 > 0)))
        for tick in range(8 * TICKS_AN_HOUR)
    ]
    assert not any(told), "a quarter of all ticks is 2.5 times its rate"


def test_a_broken_premium_is_critical_at_once_and_over_with_its_window() -> None:
    watch = AlertRules()
    assert not looked_at(watch, fleet_at(0, contract_of("premium", 0, 0)))
    (alert,) = looked_at(watch, fleet_at(1, contract_of("premium", 1, 0)))
    assert (alert.kind, alert.severity, alert.subject) == ("premium", "critical", "c1")
    assert not looked_at(watch, fleet_at(2, contract_of("premium", 2, 0)))
    assert [(a.kind, a.severity) for a in looked_at(watch, fleet_at(3))] == [("premium", "resolved")]


@pytest.mark.parametrize(("resting", "woken"), [(False, ["promise"]), (True, [])])
def test_a_standard_promise_that_breaks_unplanned_is_a_warning(resting: bool, woken: list[str]) -> None:
    watch = AlertRules()
    assert not looked_at(watch, fleet_at(0, contract_of("standard", 2, 2)))
    found = looked_at(watch, fleet_at(1, contract_of("standard", 3, 2, resting=resting)))
    assert [alert.kind for alert in found] == woken
    assert all(alert.severity == "warning" for alert in found)


def test_a_site_that_falls_is_a_warning_and_several_at_once_are_critical() -> None:
    watch = AlertRules()
    assert not looked_at(watch, fleet_at(0))
    (one,) = looked_at(watch, fleet_at(1, sites=with_down(4)))
    assert (one.kind, one.severity, one.subject) == ("site", "warning", UP[4].id)
    both = looked_at(watch, fleet_at(2, sites=with_down(4, 7)))
    assert [(alert.kind, alert.severity) for alert in both] == [("sites", "critical"), ("site", "warning")]
    assert UP[4].name in both[0].text
    over = looked_at(watch, fleet_at(3, sites=with_down(4)))
    assert [(alert.kind, alert.severity) for alert in over] == [("sites", "resolved"), ("site", "resolved")]
    assert [alert.subject for alert in looked_at(watch, fleet_at(4))] == [UP[4].id]


def test_a_source_that_gives_nothing_new_is_a_warning_until_it_does() -> None:
    watch = AlertRules()
    (alert,) = looked_at(watch, fleet_at(0, stale_sources=("prices",)))
    assert (alert.kind, alert.severity, alert.subject) == ("feed", "warning", "prices")
    (alert,) = looked_at(watch, fleet_at(1, stale_sources=("prices", "weather")))
    assert (alert.kind, alert.subject) == ("feed", "weather")
    (over,) = looked_at(watch, fleet_at(2, stale_sources=("weather",)))
    assert (over.severity, over.subject) == ("resolved", "prices")
    assert [alert.severity for alert in looked_at(watch, fleet_at(3))] == ["resolved"]


def test_the_end_of_a_replay_is_no_alarm() -> None:
    watch = AlertRules()
    assert not looked_at(watch, fleet_at(0))
    assert not watch.alerts(PublishedState(state=EngineState.FINISHED, reason="the history has ended"))


def test_spot_wakes_nobody() -> None:
    assert first_alert_after("spot", bad_every=1) is None


def test_an_alert_is_said_once_and_then_that_it_is_over() -> None:
    watch = AlertRules()
    told = [seen(watch, tick, "premium", min(tick, 2)) for tick in range(20)]
    said = [(tick, alert.severity) for tick, alerts in enumerate(told) for alert in alerts]
    assert said == [(2, "critical"), (1 + TICKS_AN_HOUR, "resolved")], "the first bad tick is an hour old"


def test_a_halt_and_its_end_are_told() -> None:
    watch = AlertRules()
    halted = watch.alerts(PublishedState(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [(alert.severity, "disk full at tick 7" in alert.text) for alert in halted] == [("critical", True)]
    assert not watch.alerts(PublishedState(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [alert.severity for alert in watch.alerts(PublishedState(state=EngineState.RUNNING))] == ["resolved"]


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

    alert = Alert(kind="state", severity="critical", subject="engine", text="halted", tick=7)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server, caplog.at_level("WARNING"):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        webhook = Webhook(f"http://127.0.0.1:{server.server_address[1]}/hook")
        webhook.send(alert)
        webhook.close()
        webhook._thread.join(5)
        server.shutdown()
        thread.join()
    assert asked == ["POST /hook"]
    told = [record.message for record in caplog.records if str(status) in vars(record).get("reason", "")]
    assert told == ["alert not delivered"]


def metered_fleet(tick: int, mode: str, **telemetry: object) -> Snapshot:
    """A fleet whose first site has telemetry, in a mode."""
    shown = MeteredSnapshot(
        **{
            "site_power_mw": 4.0,
            "age_s": 60.0,
            "deviation_mw": -8.0,
            "is_deviating": True,
            "cost_usd_per_h": 416.4,
            "endangered": (),
            **telemetry,
        }  # type: ignore[arg-type]
    )
    first = replace(UP[0], mode=mode, metered=shown, site_power_mw=12.0)
    return replace(fleet_at(tick), sites=(first, *UP[1:]))


def test_a_site_that_deviates_is_told_with_its_cost_and_the_promise_in_danger() -> None:
    watch = AlertRules()
    (told,) = looked_at(watch, metered_fleet(1, "shadow"))
    assert (told.kind, told.severity, told.subject) == ("metered", "warning", UP[0].id)
    assert told.text == f"{UP[0].name} draws 4.0 MW where 12.0 are planned, which costs 416 USD/h"
    (worse,) = looked_at(AlertRules(), metered_fleet(1, "act", endangered=("c7",)))
    assert (worse.severity, worse.text.endswith("; in danger within two ticks: c7")) == ("critical", True)
    (over,) = looked_at(watch, metered_fleet(2, "shadow", is_deviating=False))
    assert over.severity == "resolved"


def test_silent_meters_are_told_and_those_of_an_advised_site_are_not() -> None:
    (told,) = looked_at(AlertRules(), metered_fleet(1, "shadow", site_power_mw=None, age_s=900.0))
    assert (told.kind, told.text) == ("telemetry", f"{UP[0].name}: no good telemetry for 15 min")
    assert looked_at(AlertRules(), metered_fleet(1, "advise", site_power_mw=None)) == ()
