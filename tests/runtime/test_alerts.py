"""Alerts are sent once when they begin, and once when they end."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from mara.core.alert import Alert, AlertChange, ChangeKind
from mara.core.live_source import GridWarning
from mara.core.metering import ExecutorStatus, MeteredSnapshot
from mara.core.snapshot import ContractSnapshot, SiteSnapshot, Snapshot
from mara.errors import CommandError
from mara.runtime.observe.alert_inbox import AlertInbox
from mara.runtime.observe.alert_rules import AlertRules, EngineSigns
from mara.runtime.published_state import EngineState, PublishedState
from tests.ui.snapshots import snapshot_at

TICKS_AN_HOUR = 12
AT = datetime(2025, 7, 1, 12, tzinfo=UTC)
FINE = EngineSigns()

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


@dataclass(frozen=True, kw_only=True)
class Told:
    """An alert as it was sent when it began, rose or ended."""

    kind: str
    severity: str
    subject: str
    text: str


def failed_at(mode: str) -> PublishedState:
    """The state of a run in which the first site's devices are not reached."""
    first, *others = UP
    shown = replace(snapshot_at(0), sites=(replace(first, mode=mode), *others), contracts=())
    failed = ExecutorStatus(site_id=first.id, kind="luxos", state="failed", message="10.2.0.11 does not answer")
    return PublishedState(state=EngineState.RUNNING, snapshot=shown, executors=(failed,))


class Watch:
    """The alert rules, and the inbox to which their findings go."""

    def __init__(self) -> None:
        self.rules, self.inbox = AlertRules(), AlertInbox()

    def alerts(self, current: PublishedState, signs: EngineSigns = FINE) -> tuple[Told, ...]:
        """Evaluate the rules; list alerts that began, rose or ended, the worst first.

        Ended ones come last.
        """
        tick = current.snapshot.tick if current.snapshot is not None else 0
        changes = self.inbox.meet(self.rules.troubles(current, signs), tick, AT)
        ends = [_told(change) for change in changes if change.change == "ended"]
        new = {change.number for change in changes} - {change.number for change in changes if change.change == "ended"}
        return (*(_of(alert) for alert in self.inbox.shown(AT) if alert.number in new), *ends)


def _of(alert: Alert) -> Told:
    return Told(kind=alert.kind, severity=alert.severity, subject=alert.subject, text=alert.text)


def _told(change: AlertChange) -> Told:
    found = change.trouble
    return Told(kind=found.kind, severity="resolved", subject=found.subject, text=found.text)


def looked_at(watch: Watch, snapshot: Snapshot, state: EngineState = EngineState.RUNNING) -> tuple[Told, ...]:
    return watch.alerts(PublishedState(version=snapshot.tick, snapshot=snapshot, state=state))


def fleet_at(tick: int, *contracts: ContractSnapshot, **changes: object) -> Snapshot:
    """The fleet with every site up and only these contracts, with further changes."""
    return replace(snapshot_at(tick), **{"sites": UP, "contracts": contracts, **changes})  # type: ignore[arg-type]


def with_down(*places: int) -> tuple[SiteSnapshot, ...]:
    return tuple(replace(site, status="down") if place in places else site for place, site in enumerate(UP))


def seen(watch: Watch, tick: int, tier: str, bad_ticks: int) -> tuple[Told, ...]:
    return looked_at(watch, fleet_at(tick, contract_of(tier, bad_ticks)))


def first_alert_after(tier: str, *, bad_every: int, ticks: int = 80, resting: bool = False) -> int | None:
    """Count the ticks until the first alert, with one bad tick in `bad_every`."""
    watch = Watch()
    for tick in range(ticks):
        if looked_at(watch, fleet_at(tick, contract_of(tier, tick // bad_every, resting=resting))):
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


@pytest.mark.parametrize("tier", ["standard", "flexible"])
def test_a_budget_spent_on_purpose_wakes_nobody_however_fast(tier: str) -> None:
    assert first_alert_after(tier, bad_every=1, resting=True) is None


def test_only_the_unplanned_ticks_of_a_budget_burn_it() -> None:
    watch = Watch()
    told = [
        looked_at(watch, fleet_at(tick, contract_of("flexible", tick, resting=tick % 4 > 0)))
        for tick in range(8 * TICKS_AN_HOUR)
    ]
    assert not any(told), "a quarter of all ticks is 2.5 times its rate"


def test_a_broken_premium_is_critical_at_once_and_over_with_its_window() -> None:
    watch = Watch()
    assert not looked_at(watch, fleet_at(0, contract_of("premium", 0, 0)))
    (alert,) = looked_at(watch, fleet_at(1, contract_of("premium", 1, 0)))
    assert (alert.kind, alert.severity, alert.subject) == ("premium", "critical", "c1")
    assert not looked_at(watch, fleet_at(2, contract_of("premium", 2, 0)))
    assert [(a.kind, a.severity) for a in looked_at(watch, fleet_at(3))] == [("premium", "resolved")]


@pytest.mark.parametrize(("resting", "woken"), [(False, ["promise"]), (True, [])])
def test_a_standard_promise_that_breaks_unplanned_is_a_warning(resting: bool, woken: list[str]) -> None:
    watch = Watch()
    assert not looked_at(watch, fleet_at(0, contract_of("standard", 2, 2)))
    found = looked_at(watch, fleet_at(1, contract_of("standard", 3, 2, resting=resting)))
    assert [alert.kind for alert in found] == woken
    assert all(alert.severity == "warning" for alert in found)


def test_a_site_that_falls_is_a_warning_and_several_at_once_are_critical() -> None:
    watch = Watch()
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
    watch = Watch()
    (alert,) = looked_at(watch, fleet_at(0, stale_sources=("prices",)))
    assert (alert.kind, alert.severity, alert.subject) == ("feed", "warning", "prices")
    (alert,) = looked_at(watch, fleet_at(1, stale_sources=("prices", "weather")))
    assert (alert.kind, alert.subject) == ("feed", "weather")
    (over,) = looked_at(watch, fleet_at(2, stale_sources=("weather",)))
    assert (over.severity, over.subject) == ("resolved", "prices")
    assert [alert.severity for alert in looked_at(watch, fleet_at(3))] == ["resolved"]


def test_the_end_of_a_replay_is_no_alarm() -> None:
    watch = Watch()
    assert not looked_at(watch, fleet_at(0))
    assert not watch.alerts(PublishedState(state=EngineState.FINISHED, reason="the history has ended"))


def test_spot_wakes_nobody() -> None:
    assert first_alert_after("spot", bad_every=1) is None


def test_an_alert_is_said_once_and_then_that_it_is_over() -> None:
    watch = Watch()
    told = [seen(watch, tick, "premium", min(tick, 2)) for tick in range(20)]
    said = [(tick, alert.severity) for tick, alerts in enumerate(told) for alert in alerts]
    assert said == [(2, "critical"), (1 + TICKS_AN_HOUR, "resolved")], "the first bad tick is an hour old"


def test_a_halt_and_its_end_are_told() -> None:
    watch = Watch()
    halted = watch.alerts(PublishedState(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [(alert.severity, "disk full at tick 7" in alert.text) for alert in halted] == [("critical", True)]
    assert not watch.alerts(PublishedState(state=EngineState.HALTED, reason="disk full at tick 7"))
    assert [alert.severity for alert in watch.alerts(PublishedState(state=EngineState.RUNNING))] == ["resolved"]


def test_a_late_tick_and_a_disk_that_fills_are_told_of_and_a_fuller_one_again() -> None:
    watch, shown = Watch(), PublishedState(state=EngineState.RUNNING, snapshot=fleet_at(0))
    assert [alert.kind for alert in watch.alerts(shown, EngineSigns(overdue_s=6.0))] == ["late"]
    little, least = EngineSigns(free_bytes=1_900_000_000), EngineSigns(free_bytes=400_000_000)
    told = [(a.kind, a.severity) for signs in (little, least, FINE) for a in watch.alerts(shown, signs)]
    assert told == [("disk", "warning"), ("late", "resolved"), ("disk", "critical"), ("disk", "resolved")]
    paused = replace(shown, state=EngineState.PAUSED)
    assert not watch.alerts(paused, EngineSigns(overdue_s=6.0)), "in a pause nothing is due"


def test_a_live_world_that_waits_for_a_clock_that_was_set_back_says_for_how_long() -> None:
    watch, shown = Watch(), PublishedState(state=EngineState.RUNNING, snapshot=fleet_at(0))
    (told,) = watch.alerts(shown, EngineSigns(ahead_s=7_080.0))
    assert (told.kind, told.severity) == ("clock", "critical")
    assert told.text == "no tick comes for 118 min: this machine's clock is behind the newest tick by that"
    (over,) = watch.alerts(replace(shown, state=EngineState.PAUSED), EngineSigns(ahead_s=7_080.0))
    assert over.severity == "resolved"
    assert not watch.alerts(shown, EngineSigns(ahead_s=0.4)), "a clock that is corrected right after a tick"


def test_a_broken_premium_is_the_first_line_with_the_money_at_risk() -> None:
    watch = Watch()
    broken = replace(contract_of("premium", 9, 2), credit_usd=1_000.0, next_bad_tick_cost_usd=250.0)
    looked_at(watch, fleet_at(0, broken, sites=with_down(1, 2), stale_sources=("prices",)))
    first, *others = watch.inbox.shown(AT)
    assert (first.kind, first.at_risk_usd) == ("premium", 1_250.0)
    assert [alert.kind for alert in others] == ["sites", "site", "site", "feed"]
    assert all(alert.advice for alert in (first, *others))


def ordered(watch: Watch, change: ChangeKind, *numbers: int, until: datetime | None = None) -> None:
    for one in watch.inbox.asked(change, numbers, 1, AT, until=until, by="ola", address=""):
        watch.inbox.apply(one)


def test_an_acknowledged_alert_stands_quietly_until_it_gets_worse() -> None:
    watch = Watch()
    watch.alerts(PublishedState(state=EngineState.DEGRADED, reason="slow disk"))
    ordered(watch, "acknowledged", 1)
    (alert,) = watch.inbox.shown(AT)
    assert (alert.acknowledged_by, alert.is_quiet) == ("ola", True)
    watch.alerts(PublishedState(state=EngineState.HALTED, reason="no disk"))
    (alert,) = watch.inbox.shown(AT)
    assert (alert.severity, alert.is_quiet, alert.number) == ("critical", False, 1)


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
    watch = Watch()
    (told,) = looked_at(watch, metered_fleet(1, "shadow"))
    assert (told.kind, told.severity, told.subject) == ("metered", "warning", UP[0].id)
    assert told.text == f"{UP[0].name} draws 4.0 MW where 12.0 are planned, which costs 416 USD/h"
    (worse,) = looked_at(Watch(), metered_fleet(1, "act", endangered=("c7",)))
    assert (worse.severity, worse.text.endswith("; in danger within two ticks: c7")) == ("critical", True)
    bank = replace(contract_of("premium", 0, 0), credit_usd=1_000.0, next_bad_tick_cost_usd=250.0, customer="Bank")
    fleet = replace(metered_fleet(1, "act", endangered=(bank.id,)), contracts=(bank,))
    (named,) = looked_at(richer := Watch(), fleet)
    assert named.text.endswith(f"within two ticks: Bank ({bank.id})")
    assert richer.inbox.shown(AT)[0].at_risk_usd == 1_250.0
    (many,) = looked_at(Watch(), metered_fleet(1, "act", endangered=tuple(f"c{n}" for n in range(60))))
    assert many.text.endswith("within two ticks: c0, c1, c2, c3, c4 and 55 more")
    (over,) = looked_at(watch, metered_fleet(2, "shadow", is_deviating=False))
    assert over.severity == "resolved"


def test_silent_meters_are_told_and_those_of_an_advised_site_are_not() -> None:
    (told,) = looked_at(Watch(), metered_fleet(1, "shadow", site_power_mw=None, age_s=900.0))
    assert (told.kind, told.text) == ("telemetry", f"{UP[0].name}: no good telemetry for 15 min")
    assert looked_at(Watch(), metered_fleet(1, "advise", site_power_mw=None)) == ()


def test_telemetry_that_comes_but_is_bad_or_in_part_is_not_called_silent() -> None:
    (told,) = looked_at(Watch(), metered_fleet(1, "shadow", site_power_mw=None, age_s=20.0))
    assert told.text == f"{UP[0].name}: its newest telemetry is marked bad, or does not cover all of its machines"


def test_a_silence_covers_a_site_that_falls_again_until_its_time() -> None:
    watch = Watch()
    looked_at(watch, fleet_at(0, sites=with_down(4)))
    ordered(watch, "silenced", 1, until=AT + timedelta(hours=1))
    looked_at(watch, fleet_at(1))
    looked_at(watch, fleet_at(2, sites=with_down(4)))
    (again,) = watch.inbox.shown(AT + timedelta(minutes=59))
    assert (again.number, again.silenced_by, again.is_quiet) == (2, "ola", True)
    (over,) = watch.inbox.shown(AT + timedelta(hours=1))
    assert not over.is_quiet
    ordered(watch, "unsilenced", 2)
    assert not watch.inbox.shown(AT)[0].is_quiet


@pytest.mark.parametrize("hours", [0, -1, 31 * 24 + 1])
def test_a_silence_that_ends_in_the_past_or_too_late_is_refused_with_its_bounds(hours: int) -> None:
    watch = Watch()
    looked_at(watch, fleet_at(0, sites=with_down(4)))
    with pytest.raises(CommandError, match="within 31 days from 1 Jul 2025 12:00 UTC"):
        ordered(watch, "silenced", 1, until=AT + timedelta(hours=hours))
    with pytest.raises(CommandError, match="alert 9 does not stand"):
        ordered(watch, "acknowledged", 1, 9)
    assert watch.inbox.shown(AT)[0].acknowledged_by == "", "all or none"


def test_a_promise_that_burned_before_a_restart_is_not_called_over_at_once() -> None:
    before = Watch()
    assert seen(before, 0, "premium", 0) == ()
    assert [alert.kind for alert in seen(before, 1, "premium", 2)] == ["burn_rate"]
    after, standing = Watch(), before.inbox.shown(AT)
    after.inbox = AlertInbox(standing, (), 1)
    after.rules.carry_on(standing)
    told = [(tick, alert.severity) for tick in range(2, 20) for alert in seen(after, tick, "premium", 2)]
    assert told == [(2 + TICKS_AN_HOUR + 1, "resolved")]


def test_a_site_that_may_draw_less_is_an_alert_and_critical_once_promised_load_is_off() -> None:
    watch = Watch()
    limited = (replace(UP[0], import_limit_mw=20.0, grid_limit_mw=60.0), *UP[1:])
    [begun] = looked_at(watch, fleet_at(1, sites=limited))
    assert (begun.kind, begun.severity, begun.subject) == ("grid_limit", "warning", UP[0].id)
    assert begun.text == f"{UP[0].name} may draw 20.0 MW of 60.0, by order of the grid's operator"
    off = replace(contract_of("standard", 1), site_id="")
    [risen] = looked_at(watch, fleet_at(2, off, sites=limited))
    assert (risen.severity, risen.text.partition(";")[2]) == ("critical", " promised load is off: Fjord Labs (c1)")
    [ended] = looked_at(watch, fleet_at(3))
    assert (ended.kind, ended.severity) == ("grid_limit", "resolved")


def test_a_warning_of_the_grid_s_operator_is_an_alert_until_it_ends() -> None:
    watch, current = Watch(), PublishedState(version=1, snapshot=fleet_at(1), state=EngineState.RUNNING)
    warning = GridWarning(
        id="e7",
        kind="ALERT_GRID_EMERGENCY",
        text="Frequency is low",
        site_ids=("texas", "dallas"),
        begins_at=AT,
        until=None,
        author="OpenADR VTN vtn.example",
    )
    mild = replace(warning, id="e8", kind="ALERT_FLEX_ALERT")
    begun = watch.alerts(current, replace(FINE, grid_alerts=(warning, mild)))
    assert [(one.kind, one.severity, one.subject) for one in begun] == [
        ("grid_alert", "critical", "e7"),
        ("grid_alert", "warning", "e8"),
    ]
    assert begun[0].text == (
        "OpenADR VTN vtn.example warns of grid emergency at Texas USA, dallas until it is withdrawn: Frequency is low"
    ), "an id stands for a site that the fleet does not have"
    unanswered = replace(FINE, grid_alerts=None)
    watch.rules = AlertRules()
    watch.rules.carry_on(watch.inbox.shown(AT))
    assert not watch.alerts(current, unanswered), "after a restart they stand until the operator has answered"
    assert [one.severity for one in watch.alerts(current, FINE)] == ["resolved", "resolved"]
    assert not watch.alerts(current, unanswered)


@pytest.mark.parametrize(("mode", "severity"), [("act", "critical"), ("dry-run", "warning")])
def test_devices_that_are_not_reached_are_told_while_their_site_is_to_follow_the_plan(mode: str, severity: str) -> None:
    watch = Watch()
    told = [one for one in watch.alerts(failed_at(mode)) if one.kind == "unreached"]
    text = f"{UP[0].name}: 10.2.0.11 does not answer"
    assert told == [Told(kind="unreached", severity=severity, subject=UP[0].id, text=text)]
    assert [one.kind for one in Watch().alerts(failed_at("shadow")) if one.kind == "unreached"] == []
