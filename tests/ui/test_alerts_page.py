"""The page of alerts and the strip of every page: what stands, and since when.

Users acknowledge alerts there.
"""

import json
from datetime import timedelta
from typing import Any, cast

from nicegui import Client

from components.alerts.alert_list import alert_channel, question_path, time_of
from components.alerts.alert_strip import NO_ALERT, alert_cells
from mara.core.alert import Alert
from tests.api.test_alerts import AT, OVER, STANDING, alert_of
from tests.ui.conftest import Screen, element_of
from tests.ui.test_rights import act


def send(screen: Screen, client: Client, kind: str, given: dict[str, Any]) -> None:
    """Send an event of the alert list, as its script does."""
    listed = element_of(screen.user, "alert-list")
    (listener,) = [one for one in listed._event_listeners.values() if one.type == kind]
    client.handle_event(
        {"id": listed.id, "client_id": client.id, "listener_id": listener.id, "args": [json.dumps(given)]}
    )


async def alerts_of(screen: Screen) -> tuple[Alert, ...]:
    """Evaluate the alert rules on the fake fleet, and list the alerts."""
    await screen.platform.start()
    screen.platform.advance()
    return screen.platform.publisher.read().alerts


def test_the_strip_tells_the_worst_open_alert_once_and_counts_the_others() -> None:
    feed = alert_of(5, "feed")
    cells = cast(Any, alert_cells((*STANDING, feed), "running"))
    assert cells["alert-first"] == {"text": "trouble 3", "state": "critical"}
    assert cells["alert-when"] == "since 1 Jul 14:05 UTC, 1\u202f250 USD at risk"
    assert (cells["alert-more"], cells["alerts-open"]["text"]) == ("1 more", "2")
    assert alert_cells(STANDING[1:], "running") == NO_ALERT, "what was seen or silenced"
    noticed = cast(Any, alert_cells((feed,), "stale"))
    assert (noticed["alert-first"], noticed["alerts-open"]["text"]) == ("", "1"), "the notice above says it"


def test_a_row_says_what_to_do_who_has_seen_it_and_where_to_look() -> None:
    rows = cast(Any, alert_channel((*STANDING, OVER)))
    assert sorted(rows, key=lambda key: -rows[key]["rank"]) == ["3", "2", "4", "1"]
    assert rows["2"]["who"] == "Acknowledged by ola."
    assert rows["4"]["who"] == "Silenced by ola until 1 Jul 2025 15:05 UTC."
    assert [link["path"] for link in rows["3"]["links"]] == ["/sla?contract=s3", question_path(STANDING[0])]
    assert rows["3"]["links"][1]["label"] == "Why it was off in tick 7"
    assert (
        question_path(STANDING[0])
        == "/optimizer?ask=Why%20was%20contract%20s3%20off%20at%202025-07-01%2014%3A05%20UTC%3F"
    )
    assert rows["3"]["advice"]
    assert not rows["1"]["advice"], "what is over needs nothing"
    assert time_of("2025-07-01T14:05") == AT


async def test_an_alert_is_acknowledged_and_silenced_on_the_page_and_both_are_recorded(screen: Screen) -> None:
    screen.give_time_to_undo()
    alerts = await alerts_of(screen)
    client = await screen.open(f"/alerts?alert={alerts[0].number}")
    act("operator")
    assert element_of(screen.user, "alert-list").props["chosen"] == alerts[0].number
    send(screen, client, "orderAcknowledge", {"numbers": [alerts[0].number]})
    send(
        screen,
        client,
        "orderSilence",
        {"numbers": [alerts[1].number], "until": (alerts[1].began_at + timedelta(hours=1)).isoformat()},
    )
    await screen.delivery()
    assert [alert.state for alert in screen.platform.publisher.read().alerts[:2]] == ["acknowledged", "silenced"]
    assert [change.change for change in screen.platform.alert_record.changes[-2:]] == ["acknowledged", "silenced"]
    await screen.platform.stop()


async def test_the_past_is_searched_by_time_and_nonsense_is_refused_in_a_line(screen: Screen) -> None:
    screen.platform.archive.past_alerts = (OVER,)
    client = await screen.open("/alerts")
    send(screen, client, "showAlerts", {"since": "2025-07-01T14:00", "until": "2025-07-01T15:00"})
    await screen.delivery()
    listed = element_of(screen.user, "alert-list")
    assert list(listed.props["found"]) == ["1"]
    assert "alerts 2025-07-01 14:00:00+00:00 2025-07-01 15:00:00+00:00 500" in screen.platform.archive.asked
    send(screen, client, "showAlerts", {"since": "soon", "until": ""})
    await screen.delivery()
    assert listed.props["refusal"].startswith("a UTC time like 2025-07-05 14:00 was expected, got 'soon'")


async def test_an_unknown_address_is_answered_by_a_page_that_names_those_there_are(screen: Screen) -> None:
    answer = await screen.user.http_client.get("/nowhere/<b>at</b>/all")
    assert answer.status_code == 404
    assert "No such page" in answer.text
    assert "<b>at</b>" not in answer.text


async def test_the_head_says_which_world_is_played_and_how_fast(screen: Screen) -> None:
    await screen.open("/alerts")
    assert screen.text_of("world") == "simulated"
    assert screen.text_of("speed") == "5 min/s"


async def test_a_live_world_keeps_the_wall_clock_and_offers_no_speed(screen: Screen) -> None:
    screen.platform.publisher.set_world("live")
    await screen.open("/alerts")
    assert screen.text_of("world") == "live"
    await screen.user.should_see("Pause")
    await screen.user.should_not_see("Speed")
