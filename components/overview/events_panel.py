"""Panel of recent events in sentences, newest first."""

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import EventSnapshot, Snapshot

MOST_EVENTS = 30
EVENTS_A_TICK = 1_000  # further events of a tick would be mixed with its neighbours', but not lost
COLUMNS = (
    TableColumn(key="when", label="UTC"),
    TableColumn(key="event", label="Event", look="grow"),
)


def events_panel(first: Channel) -> None:
    """Draw the list that `event_channel` states."""
    with panel("Recent events", "events-panel"), scroll("Recent events, newest first"):
        LiveTable(
            "events",
            columns=COLUMNS,
            caption="Recent events, newest first",
            empty="Nothing has happened yet. Outages, heat, curtailment and contracts are reported here.",
            first=first,
        )


def event_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each of the newest events.

    The key is the tick and the order within it, so that rows stay while others come.
    """
    rows: Channel = {}
    place_in_tick: dict[int, int] = {}
    for event in sorted(snapshot.events, key=lambda event: event.tick)[-MOST_EVENTS:]:
        place = place_in_tick[event.tick] = place_in_tick.get(event.tick, -1) + 1
        rank = (event.tick + 1) * EVENTS_A_TICK - place
        rows[f"{event.tick}.{place}"] = {
            "rank": rank,
            "when": _when(event, snapshot),
            "event": _what(event),
        }
    return rows


def _when(event: EventSnapshot, snapshot: Snapshot) -> Shown:
    """Return the time, and below it the date unless it is today."""
    is_today = event.at.date() == snapshot.at.date()
    return cell(text.utc_time(event.at), note="" if is_today else text.utc_date(event.at))


def _what(event: EventSnapshot) -> Shown:
    return cell(text.sentence(event.text), event.severity, href=f"/sites/{event.site_id}" if event.site_id else "")
