"""A VTN's events are inputs of ticks, as they were known at each, and are reported on."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.plan import Plan
from mara.core.snapshot import Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import advance
from mara.core.world import Observation, RunConfig, conditions_of, first_world
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.live.openadr.documents import AdrEvent
from mara.feeds.live.openadr.periods import ENDLESS_S, duration_s, spans_of
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.spec import spec_of
from tests.builders import step as plan_step
from tests.feeds.live.conftest import Begin
from tests.feeds.live.fake_vtn import problem
from tests.feeds.live.worlds import OPENADR, QUIET, START, LiveWorld, live_world, recalled_feed
from tests.sameness import differences

WITH_VTN = QUIET + OPENADR
BEGIN_S = START.timestamp()
HOUR_S = 3_600
TEXAS, SYDNEY = 1, 2
TO_TEXAS = {"targets": [{"type": "RESOURCE_NAME", "values": ["RES-TX"]}]}


def limits(world: LiveWorld, tick: int) -> list[float] | None:
    """Let time pass to a tick, and return the limit of each site."""
    world.until(tick)
    seen = world.feed.observe(tick).import_limit_mw
    return None if seen is None else seen.tolist()


def test_a_capacity_limit_holds_for_its_interval_and_for_the_sites_it_means(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S + HOUR_S, "PT30M", 25_000), **TO_TEXAS)
    assert limits(world, 11) is None
    ahead = world.feed.forecast(11, 3).import_limit_mw
    assert ahead is not None
    minutes = np.cumsum((0, *world.feed.forecast(11, 3).row_minutes))[:-1]
    assert minutes[ahead[:, TEXAS] == 25.0].tolist() == [5, 10, 15, 20, 25, 30]
    assert np.isinf(ahead[:, SYDNEY]).all()
    assert limits(world, 12) == [np.inf, 25.0, np.inf]
    assert limits(world, 17) == [np.inf, 25.0, np.inf]
    assert limits(world, 18) is None


def test_of_overlapping_limits_the_higher_priority_counts_and_a_setpoint_only_lowers(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("low", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT3H", 10_000), priority=5, **TO_TEXAS)
    world.vtn.put("none", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT3H", 5_000), **TO_TEXAS)
    world.vtn.put("high", "IMPORT_CAPACITY_LIMIT", (BEGIN_S + HOUR_S, "PT1H", 30_000), priority=1)
    assert limits(world, 6) == [np.inf, 10.0, np.inf]
    assert limits(world, 13) == [np.inf, 30.0, 30.0]
    world.vtn.put(
        "set", "DISPATCH_SETPOINT", (BEGIN_S + HOUR_S, "PT1H", 12_000), (BEGIN_S + 2 * HOUR_S, "PT1H", 40_000)
    )
    assert limits(world, 15) == [np.inf, 12.0, 12.0]
    assert limits(world, 25) == [np.inf, 10.0, 40.0]


def test_a_changed_and_a_cancelled_event_count_from_when_they_are_known(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT2H", 25_000), **TO_TEXAS)
    assert limits(world, 3) == [np.inf, 25.0, np.inf]
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT1H", 20_000), **TO_TEXAS)
    assert limits(world, 5) == [np.inf, 20.0, np.inf]
    assert limits(world, 12) is None
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT2H", 15_000), **TO_TEXAS)
    assert limits(world, 14) == [np.inf, 15.0, np.inf]
    del world.vtn.events["e1"]
    assert limits(world, 16) is None
    assert limits(world, 3) == [np.inf, 25.0, np.inf]


def test_prices_and_emissions_of_events_are_those_of_the_tick(begin: Begin) -> None:
    before, texas, after = WITH_VTN.partition('id = "texas"')
    after = after.replace("{ constant = 50.0 }", '{ provider = "openadr" }', 1)
    after = after.replace("{ constant = 300.0 }", '{ provider = "openadr-ghg" }', 1)
    world = begin(text="[fx]\nusd_per.EUR = 1.1\n" + before + texas + after)
    world.vtn.put("price", "PRICE", *[(BEGIN_S + n * HOUR_S, "PT1H", 0.05 + n / 100) for n in range(4)])
    world.vtn.put("ghg", "GHG", (BEGIN_S, "PT4H", 410))
    world.until(13)
    seen = world.feed.observe(13)
    assert seen.energy_price_usd_per_mwh[TEXAS] == pytest.approx(66.0)  # 0.06 EUR/kWh at 1.1
    assert seen.carbon_intensity_g_per_kwh[TEXAS] == 410.0
    ahead = world.feed.forecast(13, 3)
    assert ahead.published_count is not None
    assert ahead.published_count[TEXAS] > 20
    world.vtn.put("price", "PRICE", (BEGIN_S + HOUR_S, "PT1H", 0.10))
    world.until(15)
    assert world.feed.observe(15).energy_price_usd_per_mwh[TEXAS] == pytest.approx(110.0)
    assert world.feed.observe(13).energy_price_usd_per_mwh[TEXAS] == pytest.approx(66.0)


def test_a_stretch_with_events_is_recalled_bit_for_bit(begin: Begin, tmp_path: Path) -> None:
    world = begin(text=WITH_VTN)
    told = {}
    for tick in range(1, 26):
        if tick == 3:
            world.vtn.put("a", "IMPORT_CAPACITY_LIMIT", (world.time.at_s + 700, "PT1H", 25_000), **TO_TEXAS)
        if tick == 8:
            world.vtn.put("a", "IMPORT_CAPACITY_LIMIT", (world.time.at_s, "P9999Y", 22_000))
        if tick == 14:
            del world.vtn.events["a"]
        world.until(tick)
        told[tick] = (world.feed.observe(tick), world.feed.forecast(tick, 4))
    world.until(26)
    assert sum(seen.import_limit_mw is not None for seen, _ in told.values()) == 10
    world.close()
    recalled = recalled_feed(tmp_path, world.config, WITH_VTN)
    for tick in reversed(told):
        assert not list(differences(told[tick], (recalled.observe(tick), recalled.forecast(tick, 4)))), tick


@pytest.mark.parametrize(
    ("answer", "expected", "wait_s"),
    [
        (problem(503, "away"), "/events: HTTP 503", 30.0),
        (problem(429, "slower", **{"retry-after": "600"}), "/events: HTTP 429, asked to wait 600 s", 600.0),
        (httpx.Response(200, text="<html>"), "/events should be answered as OpenADR 3 says, is not: the answer", 30.0),
        (httpx.Response(200, json=[{"id": "e9"}]), "is not: 0.programID field required", 30.0),
        (
            httpx.Response(200, json=[{"id": "e9", "programID": "p-1", "intervals": [{"id": 0}]}]),
            "payloads field",
            30.0,
        ),
    ],
)
def test_a_vtn_that_fails_leaves_what_it_said_and_is_asked_again_later(
    begin: Begin, answer: httpx.Response, expected: str, wait_s: float
) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 25_000), **TO_TEXAS)
    world.until(2)
    assert world.ven is not None
    world.vtn.script.append(answer)
    world.ven.ask()
    [own, *_] = world.ven.statuses()
    assert own.next_at is not None
    assert expected in own.reason
    assert own.next_at.timestamp() - world.time.at_s == wait_s
    assert limits(world, 20) == [np.inf, 25.0, np.inf]
    assert world.ven.statuses()[0].reason == ""


def test_a_token_is_fetched_anew_when_it_expires_before_its_time(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.until(2)
    world.vtn.tokens.clear()
    world.until(4)
    assert world.ven is not None
    assert world.ven.statuses()[0].reason == ""
    assert world.vtn.asked.count("POST /auth/token") == 2


def test_a_wrong_secret_is_said_without_repeating_it(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    assert world.ven is not None
    world.ven._vtn.asker.keys = {"openadr": "mara-ven:wr0ng"}
    world.ven.ask()
    assert world.ven.statuses()[0].reason == "/programs: the login of openadr failed: HTTP 401"
    with pytest.raises(FeedInvalid, match=r"OpenADR VTN vtn\.example should answer before the run begins, did not"):
        world.ven.refuse_silent()


def test_a_run_is_not_begun_while_no_event_tells_its_price(begin: Begin) -> None:
    before, texas, after = WITH_VTN.partition('id = "texas"')
    world = begin(text=before + texas + after.replace("{ constant = 50.0 }", '{ provider = "openadr" }', 1))
    assert world.ven is not None
    world.ven.ask()
    with pytest.raises(
        FeedInvalid, match="texas price should be told by an event of grid-capacity before the run begins"
    ):
        world.ven.refuse_silent()


def test_a_silent_vtn_is_named_as_stale_and_its_limits_stand(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 25_000), **TO_TEXAS)
    world.until(2)
    assert "openadr" not in world.feed.observe(2).stale_sources
    world.web.is_cut = True
    world.until(8)
    assert "openadr" in world.feed.observe(8).stale_sources
    assert limits(world, 8) == [np.inf, 25.0, np.inf]
    world.web.is_cut = False
    world.until(24)
    assert "openadr" not in world.feed.observe(24).stale_sources


def test_a_restart_while_the_vtn_is_silent_invents_nothing(begin: Begin, tmp_path: Path) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 25_000), **TO_TEXAS)
    world.until(2)
    assert world.ven is not None
    assert world.ven.warnings() == ()
    world.close()
    later = datetime.fromtimestamp(world.time.at_s + 60.0, UTC)
    again = live_world(tmp_path, start=later, text=WITH_VTN, asks=False)
    again.web.is_cut = True
    assert again.ven is not None
    again.ven.ask()
    assert again.ven.warnings() is None, "whether warnings stand is not known"
    assert again.ven.statuses()[0].values["events_count"] == 1.0
    assert limits(again, 1) == [np.inf, 25.0, np.inf]
    again.close()


def test_events_that_cannot_be_read_change_nothing(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 25_000), **TO_TEXAS)
    world.until(2)
    assert world.ven is not None
    amps = {"payloadDescriptors": [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "AMPS"}]}
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 400), **TO_TEXAS, **amps)
    assert limits(world, 4) == [np.inf, 25.0, np.inf]
    assert world.ven.statuses()[0].reason == "event e1: IMPORT_CAPACITY_LIMIT should be in KW, is in AMPS"
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "soon", 400), **TO_TEXAS)
    assert limits(world, 6) == [np.inf, 25.0, np.inf]
    assert "event e1 should have an ISO 8601 duration such as PT1H, has 'soon'" in world.ven.statuses()[0].reason
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT1H", "much"), **TO_TEXAS)
    assert limits(world, 8) == [np.inf, 25.0, np.inf]
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", (BEGIN_S, "PT9H", 400), targets=[{"type": "GROUP", "values": ["x"]}])
    assert limits(world, 10) is None  # readable, and meant for others


def test_warnings_stand_from_when_they_are_told_to_their_end(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    world.vtn.put("w", "ALERT_FLEX_ALERT", (BEGIN_S + HOUR_S, "PT1H", "Save power"), **TO_TEXAS)
    world.vtn.put("b", "ALERT_BLACK_START", (BEGIN_S, "PT0S", "Restarting"))
    world.until(2)
    assert world.ven is not None
    flex, black = world.ven.warnings() or ()
    assert (flex.site_ids, flex.is_emergency, flex.until) == (("texas",), False, START + timedelta(hours=2))
    assert flex.sentence({"texas": "Texas USA"}) == (
        "OpenADR VTN vtn.example warns of flex alert at Texas USA until 3 Mar 2026 10:00 UTC: Save power"
    )
    assert (black.site_ids, black.is_emergency, black.until) == (("texas", "sydney"), True, None)
    world.until(24)
    assert world.ven.warnings() == (black,)


def test_limits_that_hold_are_told_with_the_time_since_when_they_could_be_kept(begin: Begin) -> None:
    world = begin(text=WITH_VTN.replace('ven_name = "mara-ven-1"', 'ven_name = "mara-ven-1"\nresponse_s = 30'))
    world.vtn.put("ahead", "IMPORT_CAPACITY_LIMIT", (BEGIN_S + HOUR_S, "PT2H", 25_000), **TO_TEXAS)
    world.until(11)
    assert world.ven is not None
    assert world.ven.limits() == ()
    (ahead,) = world.ven.announced()
    assert (ahead.site_id, ahead.limit_mw, ahead.until) == ("texas", 25.0, START + timedelta(hours=3))
    assert ahead.begins_at == START + timedelta(hours=1)
    world.until(13)
    (limit,) = world.ven.limits()
    assert (limit.site_id, limit.limit_mw, limit.response_s) == ("texas", 25.0, 30.0)
    assert limit.asked_at == START + timedelta(hours=1), "it was announced before"
    assert limit.sentence == "OpenADR VTN vtn.example limits it to 25 MW"
    world.vtn.put("now", "DISPATCH_SETPOINT", (BEGIN_S, "PT90M", 12_000), **TO_TEXAS)
    world.until(14)
    (limit,) = world.ven.limits()
    heard_at = START + timedelta(minutes=66)
    assert (limit.limit_mw, limit.asked_at) == (12.0, heard_at), "it had begun before it was heard"
    world.until(20)
    assert [one.limit_mw for one in world.ven.limits()] == [25.0]
    del world.vtn.events["ahead"]
    world.until(21)
    assert world.ven.limits() == ()


def test_what_was_used_is_reported_after_each_interval_and_changed_in_place(begin: Begin) -> None:
    world = begin(text=WITH_VTN)
    asked = [
        {"payloadType": name, "units": "KWH", "startInterval": 0} for name in ("USAGE", "OPERATING_STATE", "DEMAND")
    ]
    at_end = [{"payloadType": "USAGE", "aggregate": True}]
    quarters = [(BEGIN_S + n * 900, "PT15M", 25_000) for n in range(2)]
    world.vtn.put("e1", "IMPORT_CAPACITY_LIMIT", *quarters, reportDescriptors=asked, **TO_TEXAS)
    world.vtn.put("e2", "DISPATCH_SETPOINT", *quarters, reportDescriptors=at_end)
    assert world.ven is not None
    settled, told = stepped(world.config), []
    for tick in range(6):
        world.until(tick)
        limit = np.array([np.inf, 25.0, np.inf])
        result = settled(replace(world.feed.observe(tick), import_limit_mw=limit if tick < 4 else None))
        told.append(result)
        world.ven.take(result)
        world.ven.ask_due()
        if tick == 2:
            assert [report["eventID"] for report in world.vtn.reports.values()] == ["e1"]
    by_event = {report["eventID"]: report for report in world.vtn.reports.values()}
    [texas] = by_event["e1"]["resources"]
    assert (texas["resourceName"], by_event["e1"]["clientName"]) == ("RES-TX", "mara-ven-1")
    assert [one["payloads"] for one in texas["intervals"]] == [
        [{"type": "USAGE", "values": [1_000.0]}, {"type": "OPERATING_STATE", "values": ["RUNNING_CURTAILED"]}],
        [{"type": "USAGE", "values": [1_000.0]}, {"type": "OPERATING_STATE", "values": ["RUNNING_CURTAILED"]}],
    ]
    [both] = by_event["e2"]["resources"]
    assert both["resourceName"] == "AGGREGATED_REPORT"
    used_kwh = [sum(site.site_power_mw for site in shown.sites[1:]) * 1_000.0 / 12.0 for shown in told]
    assert [one["payloads"][0]["values"][0] for one in both["intervals"]] == [
        pytest.approx(sum(used_kwh[:3]), abs=1e-3),
        pytest.approx(sum(used_kwh[3:]), abs=1e-3),
    ]
    assert world.vtn.asked.count("PUT /reports/r-0") == 1
    world.ven._report_ids.clear()
    world.ven._reported.clear()
    world.ven.ask_due()  # as after a restart
    assert len(world.vtn.reports) == 2
    assert world.ven.statuses()[0].reason == ""


def stepped(config: RunConfig) -> Callable[[Observation], Snapshot]:
    """Advance a run in which each site mines with 4 MW of site power; return snapshots."""
    state = [first_world(config)]

    def settled(seen: Observation) -> Snapshot:
        miners = sealed(np.tile([0.0, 0.0, 4.0], (3, 1)) / conditions_of(seen, config).pue[:, :3])
        step = advance(state[0], seen, plan_step(config, miners=miners), config)
        state[0] = step.world
        plan = Plan(optimizer="none", made_tick=step.tick, steps=(step.plan,))
        return snapshot_of(step, plan, (), config, "run", None)

    return settled


def test_intervals_follow_one_another_and_may_begin_now_or_never_end() -> None:
    def event(**more: object) -> AdrEvent:
        plain = {"id": "e", "programID": "p", "createdDateTime": "2026-03-03T08:00:00Z", **more}
        return AdrEvent.model_validate_json(json.dumps(plain))

    payloads: list[object] = []
    two = [{"id": 0, "payloads": payloads}, {"id": 1, "payloads": payloads}]
    at_s = int(BEGIN_S)
    for start in ("0001-01-01", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z")[1:]:
        spans = spans_of(event(intervalPeriod={"start": start, "duration": "PT15M"}, intervals=two), 7)
        assert [(begin, end) for _, begin, end in spans] == [(at_s, at_s + 900), (at_s + 900, at_s + 1_800)]
    [(_, begin, end)] = spans_of(event(intervalPeriod={"start": "2026-03-03T08:00:00Z"}, intervals=two[:1]), 7)
    assert (begin, end) == (at_s, ENDLESS_S)
    with pytest.raises(FeedInvalid, match="should say a duration for interval 0, which is not its last"):
        list(spans_of(event(intervalPeriod={"start": "2026-03-03T08:00:00Z"}, intervals=two), 7))
    with pytest.raises(FeedInvalid, match="should say an intervalPeriod for interval 0, says none"):
        list(spans_of(event(intervals=two), 7))
    shaken = {"start": "2026-03-03T08:00:00Z", "duration": "PT1H", "randomizeStart": "PT10M"}
    [(_, first, _)] = spans_of(event(intervalPeriod=shaken, intervals=two[:1]), 7)
    [(_, again, _)] = spans_of(event(intervalPeriod=shaken, intervals=two[:1]), 8)
    assert at_s <= first < at_s + 600
    assert first == again
    assert duration_s("P1DT2H3M4.5S", "x") == 86_400 + 7_200 + 180 + 4.5
    assert datetime.fromtimestamp(ENDLESS_S, UTC).year == 2096


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("texas =", "dallas =", "should have in openadr.resources sites of its own, has 'dallas'"),
        ('program = "grid-capacity"\n', "", "openadr.program is missing"),
        ("https://vtn.example", "http://vtn.example", "openadr: url should begin with https"),
        ("https://vtn.example", "http://vtn.example", "url should begin with https"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        sources_of_spec(spec_of((QUIET + OPENADR.replace(old, new)).encode(), "live.toml"))


def test_a_price_by_events_needs_a_vtn_that_knows_the_site() -> None:
    text = QUIET.replace("{ constant = 50.0 }", '{ provider = "openadr" }', 1)
    with pytest.raises(
        ConfigError, match="denmark price: events of a VTN should tell it, the SPEC names none for denm"
    ):
        sources_of_spec(spec_of((text + OPENADR).encode(), "live.toml"))
