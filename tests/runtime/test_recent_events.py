"""The list of recent events on a screen stays bounded."""

from mara.core.events import MOST_ROUTINE, Event
from mara.runtime.live.display import MOST_SHOWN, RecentEvents


def event(tick: int, kind: str) -> Event:
    return Event(tick=tick, severity="info", site=0, kind=kind, text=f"{kind} {tick}")


def test_an_outage_stays_listed_while_a_thousand_moves_come() -> None:
    recent = RecentEvents()
    recent.extend([event(1, "outage")])
    for tick in range(2, 102):
        recent.extend(event(tick, "moved") for _ in range(10))
    shown = recent.shown(101, 12)
    assert [one.tick for one in shown if one.kind == "outage"] == [1]
    assert sum(one.kind == "moved" for one in shown) == MOST_ROUTINE
    assert [one.tick for one in shown] == sorted(one.tick for one in shown)


def test_routine_is_listed_for_an_hour_and_the_list_has_an_end() -> None:
    recent = RecentEvents()
    recent.extend([event(1, "moved"), event(2, "outage")])
    assert [one.tick for one in recent.shown(12, 12)] == [1, 2]
    assert [one.tick for one in recent.shown(13, 12)] == [2]
    recent.extend(event(tick, "outage") for tick in range(3, 1_000))
    assert len(recent.shown(1_000, 12)) == MOST_SHOWN - MOST_ROUTINE
