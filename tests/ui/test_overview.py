from dataclasses import replace

import pytest

from mara.core.commands import Outage, Restore
from mara.runtime.published_state import EngineState, StatePublisher
from tests.ui.conftest import Screen, element_of
from tests.ui.snapshots import snapshot_at, stale_snapshot


async def test_the_first_screen_shows_every_key_figure_with_its_unit(screen: Screen) -> None:
    await screen.open()
    for label in ("Profit rate", "Revenue rate", "Fleet power", "Cooling efficiency", "Renewable share"):
        await screen.user.should_see(label)
    assert [screen.text_of(f"kpi.{key}.unit") for key in ("profit", "power", "cooling")] == ["kUSD/h", "MW", "%"]
    assert screen.text_of("kpi.contracts") == "34"  # Spot has no target to be on
    assert screen.text_of("kpi.contracts.note") == "1 below target, 1 broken"


async def test_every_key_figure_says_how_it_is_computed(screen: Screen) -> None:
    await screen.open()
    await screen.user.should_see("IT power over site power of the running load")
    await screen.user.should_see("Revenue less energy, carbon, migration")


async def test_the_map_is_given_every_site_and_its_static_ground(screen: Screen) -> None:
    await screen.open()
    ground = element_of(screen.user, "site-map").props["ground"]
    assert len(screen.last("show")["sites"]) == 10
    for url in ground.values():
        answer = await screen.user.http_client.get(url)
        assert answer.status_code == 200
        assert answer.json()["type"] == "Feature"


async def test_a_tick_sends_what_changed_and_nothing_else(screen: Screen) -> None:
    await screen.open()
    screen.platform.advance()
    changes = await screen.after_a_look()
    assert changes["cells"]["clock"] == "2 Jul 2025 00:05 UTC"
    assert "kpi.cooling.unit" not in changes["cells"]
    assert "sites" not in changes
    assert sum(point is not None for point in changes["money"].values()) == 1


async def test_nothing_is_sent_while_nothing_changes(screen: Screen) -> None:
    await screen.open()
    assert await screen.after_a_look() == {}


async def test_a_browser_that_comes_back_is_shown_the_whole_picture(screen: Screen) -> None:
    client = await screen.open()
    screen.platform.advance(3)
    screen.sent.clear()
    for resync in client.connect_handlers:
        client.safe_invoke(resync)
    await screen.delivery()
    shown = screen.last("show")
    assert shown["cells"]["clock"] == "2 Jul 2025 00:15 UTC"
    assert len(shown["sites"]) == 10


@pytest.mark.parametrize("path", ["/", "/calendar", "/operations", "/help"])
async def test_a_page_opened_before_the_first_tick_is_drawn_once_more_when_it_comes(screen: Screen, path: str) -> None:
    publisher = screen.platform.publisher
    first, publisher._current = publisher.read().snapshot, StatePublisher().read()
    assert first is not None
    await screen.open(path)
    assert await screen.after_a_look() == {}
    publisher.publish(first)
    for redraws in (1, 0):
        await screen.after_a_look()
        assert screen.sent.count("window.mara.redraw()") == redraws
    await screen.open(path)
    await screen.after_a_look()
    assert "window.mara.redraw()" not in screen.sent


async def test_a_client_without_a_connection_costs_no_drawing(screen: Screen) -> None:
    await screen.user.http_client.get("/")
    drawn = screen.publisher._pictures
    screen.publisher.look()
    assert drawn == {}


async def test_pause_step_and_resume_reach_the_platform(screen: Screen) -> None:
    await screen.open()
    screen.user.find(marker="Pause").trigger("click")
    await screen.delivery()
    assert screen.platform.publisher.read().state is EngineState.PAUSED
    tick = screen.platform.tick
    screen.user.find(marker="Step").trigger("click")
    await screen.delivery()
    assert screen.platform.tick == tick + 1
    screen.user.find(marker="Resume").trigger("click")
    await screen.delivery()
    assert screen.platform.publisher.read().state is EngineState.RUNNING


async def test_the_state_chip_follows_a_click_at_once(screen: Screen) -> None:
    await screen.open()
    screen.sent.clear()
    screen.user.find(marker="Pause").trigger("click")
    await screen.delivery()
    assert screen.last("apply")["cells"]["engine"] == {"text": "Paused", "state": "paused"}


async def test_a_refused_command_is_said_and_changes_nothing(screen: Screen) -> None:
    await screen.open()
    screen.user.find(marker="outage-dialog").trigger("orderDown", {"sites": ["atlantis"], "minutes": 60})
    await screen.user.should_see("there is no site 'atlantis'")
    assert screen.platform.ordered == []


async def test_an_ordered_outage_lasts_the_chosen_time_in_ticks_at_each_chosen_site(screen: Screen) -> None:
    await screen.open()
    screen.user.find(marker="outage-dialog").trigger("orderDown", {"sites": ["oslo", "texas"], "minutes": 61})
    await screen.user.should_see("Ordered: down from the next tick on.")
    assert screen.platform.ordered == [Outage(site_id=site, duration_ticks=13) for site in ("oslo", "texas")]
    screen.user.find(marker="outage-dialog").trigger("orderRestore", {"sites": ["oslo"]})
    await screen.user.should_see("Ordered: back from the next tick on.")
    assert screen.platform.ordered[-1] == Restore(site_id="oslo")


@pytest.mark.parametrize("sent", [None, {}, {"sites": "oslo", "minutes": "x"}, {"sites": [], "minutes": 1e99}])
async def test_what_is_no_order_orders_nothing(screen: Screen, sent: object) -> None:
    await screen.open()
    screen.user.find(marker="outage-dialog").trigger("orderDown", sent)
    assert screen.platform.ordered == []


async def test_a_run_begins_anew_only_where_somebody_can_restart_the_server(screen: Screen) -> None:
    await screen.open()
    await screen.user.should_not_see(marker="begin-anew")
    asked: list[str] = []
    screen.desk.begin_anew = lambda: asked.append("anew")
    await screen.open()
    screen.user.find(marker="begin-anew").trigger("click")
    await screen.delivery()
    assert asked == ["anew"]


async def test_a_step_pauses_the_run_and_advances_it_by_one_tick(screen: Screen) -> None:
    await screen.open()
    screen.user.find(marker="Step").trigger("click")
    await screen.delivery()
    assert screen.platform.publisher.read().state is EngineState.PAUSED
    assert screen.platform.tick == 289


async def test_a_chosen_speed_reaches_the_platform(screen: Screen) -> None:
    await screen.open()
    screen.user.find(marker="speed").trigger("orderSpeed", 3_600)
    await screen.delivery()
    assert screen.platform.publisher.read().speed_factor == 3_600
    assert screen.last("apply")["cells"] == {"speed": "1 h/s"}


@pytest.mark.parametrize(
    ("state", "reason", "chip", "notice"),
    [
        (EngineState.DEGRADED, "disk full at tick 288", "Degraded", "Degraded: disk full at tick 288."),
        (EngineState.HALTED, "halted at tick 289 after 6 tries", "Halted", "Halted at tick 289 after 6 tries."),
    ],
)
async def test_trouble_is_shown_with_its_reason(
    screen: Screen, state: EngineState, reason: str, chip: str, notice: str
) -> None:
    screen.platform.publisher.mark(state, reason)
    await screen.open()
    assert screen.text_of("engine") == chip
    await screen.user.should_see(notice)


async def test_a_stale_feed_is_a_state_of_its_own(screen: Screen) -> None:
    screen.platform.publisher.publish(stale_snapshot())
    await screen.open()
    assert screen.text_of("engine") == "Stale feed"
    await screen.user.should_see("No fresh values from energy prices, weather")


async def test_before_the_first_tick_the_screen_stands_and_then_fills(screen: Screen) -> None:
    screen.platform.publisher._current = StatePublisher().read()
    await screen.open()
    assert screen.text_of("engine") == "Starting"
    assert screen.text_of("kpi.profit") == "–"
    screen.platform.publisher.publish(snapshot_at(1))
    changes = await screen.after_a_look()
    assert len(changes["sites"]) == 10
    assert "kpi.profit" in changes["cells"]


async def test_a_contract_that_ended_leaves_the_table(screen: Screen) -> None:
    await screen.open()
    ended = screen.platform.publisher.read().snapshot
    assert ended is not None
    screen.platform.publisher.publish(replace(ended, contracts=ended.contracts[3:4]))
    await screen.after_a_look()
    screen.platform.publisher.publish(replace(ended, contracts=()))
    changes = await screen.after_a_look()
    assert list(changes["contracts"]) == ["c003"]
    assert changes["contracts"]["c003"] is None


async def test_without_contracts_and_events_the_tables_are_empty_and_say_what_will_come(screen: Screen) -> None:
    screen.platform.publisher.publish(replace(snapshot_at(), contracts=(), events=()))
    await screen.open()
    for table in ("contracts", "events"):
        props = element_of(screen.user, table).props
        assert props["rows"] == {}
        assert "appear here" in props["empty"] or "reported here" in props["empty"]


async def test_the_money_line_begins_with_the_stored_day_and_goes_on(screen: Screen) -> None:
    await screen.open()
    times = [int(at) for at in screen.last("show")["money"]]
    assert len(times) == 289
    assert times[-1] - times[0] == 24 * 3_600
    screen.platform.advance()
    changes = await screen.after_a_look()
    assert changes["money"].keys() == {str(times[-1] + 300), str(times[0])}
    assert changes["money"][str(times[0])] is None


async def test_two_users_get_the_same_text(screen: Screen) -> None:
    first = await screen.open()
    second = await screen.open()
    screen.platform.advance()
    await screen.delivery()
    screen.sent.clear()
    screen.publisher.look()
    await screen.delivery()
    assert first.id != second.id
    assert len(screen.sent) == 2
    assert screen.sent[0] == screen.sent[1]
