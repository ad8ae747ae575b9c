"""The operator's hand on the simulation: pause, resume, step, speed, theme; and what state the engine is in."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from components import format as text
from components.live import live_text
from components.picture import Channel, Shown, cell
from components.theme import element, icon
from mara.core.snapshot import Snapshot

SPEEDS = (60.0, 300.0, 900.0, 3_600.0, 7_200.0)
"""Offered speeds [simulated seconds per real second]."""
SECONDS_PER_MINUTE = 60
CHIP_LABELS = {
    "starting": "Starting",
    "running": "Running",
    "paused": "Paused",
    "stale": "Stale feed",
    "degraded": "Degraded",
    "halted": "Halted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What the buttons do; each is called with nothing but what was chosen."""

    pause: Callable[[], object]
    resume: Callable[[], object]
    step: Callable[[], object]
    set_speed: Callable[[float], object]


def clock_and_state(first: Channel) -> None:
    """Draws the simulated clock and the state chip."""
    live_text("clock", first, "clock figure").props('role=timer aria-label="Simulated time"')
    live_text("engine", first, "chip").props("role=status")


def run_controls(first: Channel, actions: Actions) -> None:
    """Draws the buttons; the stylesheet shows those that the engine's state allows."""
    with element("div", "controls").props('role=group aria-label="Simulation"'):
        _icon_button("Pause", "pause", "when-going").on("click", actions.pause)
        _icon_button("Resume", "resume", "when-standing").on("click", actions.resume)
        _icon_button("Step one tick", "step", "when-standing").on("click", actions.step)
        with element("button", "icon-button speed").props('type=button title="Speed of simulated time"'):
            element("span", "sr-only", "Speed")
            live_text("speed", first, "figure")
            with ui.menu().props("auto-close"):
                for speed in SPEEDS:
                    item = ui.menu_item(speed_text(speed), lambda speed=speed: actions.set_speed(speed))
                    item.mark(f"speed-{speed:g}")


def theme_switch() -> None:
    """Draws the button that changes between dark and light; the choice stays in the browser."""
    label = "Switch between dark and light"
    with _icon_button(label, "theme", "theme") as button:
        button.on("click", js_handler="() => window.mara.toggleTheme()")


def notice(first: Channel) -> None:
    """Draws the line that says what is wrong and what happens next; it takes no room while all is well."""
    live_text("notice", {"notice": "", **first}, "notice", "p").props("role=alert")


def engine_cells(state: str, reason: str, speed_share: float, snapshot: Snapshot | None) -> Channel:
    """Cells of the frame. A feed that went stale while the engine runs shows as a state of its own."""
    stale = snapshot.stale_sources if snapshot else ()
    shown = "stale" if state == "running" and stale else state
    return {
        "engine": cell(CHIP_LABELS.get(shown, shown.capitalize()), shown),
        "clock": text.utc_moment(snapshot.at) if snapshot else "waiting for the first tick",
        "speed": speed_text(speed_share),
        "notice": _notice(shown, reason, stale),
    }


def speed_text(speed_share: float) -> str:
    """Simulated time per real second: `5 min/s`."""
    if speed_share < SECONDS_PER_MINUTE:
        return f"{text.significant(speed_share)} s/s"
    return f"{text.duration(speed_share / SECONDS_PER_MINUTE)}/s"


def _notice(shown: str, reason: str, stale: tuple[str, ...]) -> Shown:
    because = f": {reason}" if reason else ""
    halted = reason[:1].upper() + reason[1:] if reason else "Halted"
    match shown:
        case "stale":
            return cell(f"No fresh values from {', '.join(stale)}; the last good ones stand until it answers.", "warn")
        case "degraded":
            return cell(f"Degraded{because}. What you see is the last stored tick; Mara goes on trying.", "warn")
        case "halted":
            return cell(f"{halted}. Simulated time stands still; put this right, then resume.", "bad")
        case "starting":
            return cell(f"Starting{because}. The first tick is being computed.", "info")
        case _:
            return ""


def _icon_button(label: str, drawing: str, look: str) -> ui.element:
    """A button that shows an icon and is called `label` on hover and by screen readers."""
    with element("button", f"icon-button {look}").props(f'type=button aria-label="{label}" title="{label}"') as button:
        icon(drawing)
    return button.mark(label)
