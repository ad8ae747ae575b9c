"""Strip of every page with the worst open alert, and the count in the navigation."""

from typing import Final

from components.shared import format as text
from components.shared.live import live_text
from components.shared.theme import address, element
from components.shared.view_model import Channel, cell
from mara.core.alert import Alert

NOTICED: Final = {"stale": "feed", "degraded": "state", "halted": "state"}
"""Kind of alert that the notice of a state of the engine tells already."""
NO_ALERT: Final[Channel] = {"alert-first": "", "alert-when": "", "alert-more": "", "alerts-open": ""}


def alert_strip(path: str, first: Channel) -> None:
    """Draw the worst open alert as a link to all; without one it takes no space."""
    cells = {**NO_ALERT, **first}
    with element("div").props('role=status aria-label="Worst alert"'):  # noqa: SIM117  one element a line
        with element("a", "alert-strip").props(f'href="{address(path)}"'):
            live_text("alert-first", cells, "alert-first", marks="alert")
            live_text("alert-when", cells, "alert-when")
            live_text("alert-more", cells, "alert-more")


def alert_count(first: Channel) -> None:
    """Draw the number of open alerts, behind the name of their page."""
    live_text("alerts-open", {**NO_ALERT, **first}, "nav-count figure")


def alert_cells(alerts: tuple[Alert, ...], engine_state: str) -> Channel:
    """Return the cells of the strip and the count; `alerts` come the worst first."""
    opened = [alert for alert in alerts if not alert.is_quiet]
    if not opened:
        return NO_ALERT
    count = cell(text.number(len(opened)), opened[0].severity)
    told = next((alert for alert in opened if alert.kind != NOTICED.get(engine_state)), None)
    if told is None:
        return {**NO_ALERT, "alerts-open": count}
    others = len(opened) - 1
    risk = f", {text.usd(told.at_risk_usd)} at risk" if told.at_risk_usd else ""
    return {
        "alert-first": cell(told.text, told.severity),
        "alert-when": f"since {text.utc_short_moment(told.began_at)}{risk}",
        "alert-more": f"{text.number(others)} more" if others else "what to do",
        "alerts-open": count,
    }
