"""Controls of the run: pause, step, speed, a new run, theme, engine state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.clock import clock_text
from components.shared.live import live_text
from components.shared.theme import BROWSER_MODULES, element, icon, on_press
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import Snapshot
from mara.core.units import SECONDS_PER_MINUTE

SPEEDS = (60.0, 300.0, 900.0, 3_600.0, 7_200.0)
"""Offered speeds [simulated seconds per real second]."""
CHIP_LABELS = {
    "starting": "Starting",
    "running": "Running",
    "paused": "Paused",
    "stale": "Stale feed",
    "degraded": "Degraded",
    "halted": "Halted",
    "finished": "Finished",
}
MODE_LABELS = {"advise": "Advise", "shadow": "Shadow", "dry-run": "Dry run", "act": "Act"}
LIVE: Final = "live"
"""Name of the feed of live sources."""
NOTHING_STALE: Final[Mapping[str, datetime]] = MappingProxyType({})
WORLD_LABELS = {"synthetic": "simulated", "replay": "replayed"}
"""Kind of world by the name of its feed; another feed is told by its own name."""
OF_THIS_MACHINE = "local"
"""Kind of world whose sources this machine serves, perhaps as imitations."""
POWER_LINK = "power-link"
"""Cell of the link to the power page; empty without power terms."""
ANEW_TEXT = (
    "Mara stores the tick under way, sets the database aside beside the new one, where `mara export`, `mara db check` "
    "and `mara replay` can still read it, and begins again at the first tick with the same settings. A simulated world "
    "unfolds as before if its seed is the same."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """Functions that the buttons call, each with the choice made.

    None where the user may not use a button or no one can; it is not drawn then.
    """

    pause: Callable[[], object] | None
    resume: Callable[[], object] | None
    step: Callable[[], object] | None
    set_speed: Callable[[float], object] | None
    order_outage: Callable[[Sequence[str], float], object] | None
    """Takes the ids of sites and minutes of the fleet's clock."""
    restore: Callable[[Sequence[str]], object] | None
    begin_anew: Callable[[], object] | None = None


class SpeedChoice(ui.element, component="speed_choice.js", esm=BROWSER_MODULES):
    """Speed of simulated time, and the choice of another.

    Args:
        first: speed in words, before the first update.
        set_speed: takes the speed that was chosen.
    """

    def __init__(self, first: str, set_speed: Callable[[float], object]) -> None:
        super().__init__()
        self.props["speeds"] = [{"speed": speed, "text": speed_text(speed)} for speed in SPEEDS]
        self.props["text"] = first
        self.on("order-speed", lambda event: set_speed(float(event.args)))
        self.mark("speed")


def world_mark(first: Channel) -> None:
    """Draw which kind of world is played: simulated, replayed, live, or local."""
    said = "Simulated, replayed or live; local: live sources of this machine itself, perhaps imitations"
    live_text("world", {"world": "", **first}, "world").props(f'title="{said}"')


def state_chip(first: Channel) -> None:
    """Draw the engine's state."""
    live_text("engine", first, "chip").props("role=status")


def mode_chip(first: Channel) -> None:
    """Draw how far the plan reaches into real sites."""
    live_text("mode", first, "chip mode-chip").props('role=status title="How far the plan reaches into real sites"')


def mode_cell(snapshot: Snapshot | None) -> Shown:
    """Return the chip in every page's head: the strongest mode of the fleet's sites."""
    modes = [site.mode for site in snapshot.sites] if snapshot is not None else []
    strongest = max(modes, key=list(MODE_LABELS).index, default="advise")
    label, count = MODE_LABELS[strongest], modes.count(strongest)
    return cell(label if count in {0, len(modes)} else f"{label}: {count} of {len(modes)}", strongest)


def run_controls(first: Channel, actions: Actions, *, is_live: bool = False) -> None:
    """Draw the buttons; the stylesheet shows those that the engine's state allows.

    A live world keeps the wall clock, so that no speed is shown.
    """
    with element("div", "controls").props('role=group aria-label="Run"'):
        if actions.pause is not None:
            on_press(_icon_button("Pause", "pause", "when-going", key="p"), actions.pause)
        if actions.resume is not None:
            on_press(_icon_button("Resume", "resume", "when-standing", key="p"), actions.resume)
        if actions.step is not None:
            on_press(_icon_button("Step one tick", "step", key="n"), actions.step)
        if not is_live:
            _speed(first, actions.set_speed)
        if actions.order_outage is not None:
            outage = _icon_button("Take sites down or back", "outage", key="o")
            outage.on("click", js_handler="() => window.mara.askOutage()")
        if actions.begin_anew is not None:
            _anew(actions.begin_anew)


def _speed(first: Channel, set_speed: Callable[[float], object] | None) -> None:
    """Draw the speed of simulated time, with a choice for users who may choose."""
    if set_speed is None:
        live_text("speed", first, "figure")
    else:
        SpeedChoice(str(first.get("speed", "")), set_speed)


def theme_switch() -> None:
    """Draw the button between dark and light; the choice stays in the browser."""
    button = _icon_button("Switch between dark and light", "theme", "theme", key="t")
    button.on("click", js_handler="() => window.mara.toggleTheme()")


def notices(first: Channel, actions: Actions) -> None:
    """Draw the notices of a troubled engine and of a lost server.

    Neither takes space while all is well.
    """
    element("p", "notice link-notice").props("role=alert data-state=warn id=link-notice")
    with element("div", "notice-row"):
        live_text("notice", {"notice": "", **first}, "notice", "p", marks="notice").props("role=alert")
        if actions.resume is not None:
            on_press(element("button", "button when-halted", "Resume").props("type=button"), actions.resume)


def engine_cells(
    state: str,
    reason: str,
    speed_factor: float,
    snapshot: Snapshot | None,
    world: str = "",
    stale_since: Mapping[str, datetime] = NOTHING_STALE,
) -> Channel:
    """Return the page frame's cells of the engine; a stale feed is a state of its own.

    Args:
        world: name of the feed, or other words for it.
        stale_since: when each stale source was first missed, as far as that is known.
    """
    stale = snapshot.stale_sources if snapshot else ()
    shown = "stale" if state == "running" and stale else state
    return {
        "engine": cell(CHIP_LABELS.get(shown, shown.capitalize()), shown),
        "clock": clock_text(snapshot),
        "speed": speed_text(speed_factor),
        "world": WORLD_LABELS.get(world, world),
        "notice": _notice(shown, reason, _dated(stale, stale_since)),
        "mode": mode_cell(snapshot),
        POWER_LINK: "Power" if snapshot is not None and snapshot.power else "",
    }


def speed_text(speed_factor: float) -> str:
    """Format a speed as simulated time per real second: `5 min/s`."""
    if speed_factor < SECONDS_PER_MINUTE:
        return f"{text.significant(speed_factor)} s/s"
    return f"{text.duration(speed_factor / SECONDS_PER_MINUTE)}/s"


def _dated(stale: Sequence[str], since: Mapping[str, datetime]) -> str:
    """Name stale sources with when they were first missed."""
    return ", ".join(f"{name} since {text.utc_short_moment(since[name])}" if name in since else name for name in stale)


def _notice(shown: str, reason: str, stale: str) -> Shown:
    because = f": {reason}" if reason else ""
    halted = reason[:1].upper() + reason[1:] if reason else "Halted"
    match shown:
        case "stale":
            return cell(f"No fresh values from {stale}; the last good ones stand until there are new ones.", "warn")
        case "degraded":
            return cell(f"Degraded{because}. What you see is the last stored tick; Mara goes on trying.", "warn")
        case "halted":
            return cell(f"{halted}. No tick is made meanwhile; put this right, then resume.", "bad")
        case "finished":
            return cell(f"Finished{because}. Everything that was stored stays here to be looked at.", "info")
        case "starting":
            return cell(f"Starting{because}. The first tick is being computed.", "info")
        case _:
            return ""


def _anew(begin_anew: Callable[[], object]) -> None:
    """Draw the button that ends this run and begins another, after a confirmation."""
    button = _icon_button("Start the run anew", "anew")
    button.on("click", js_handler="() => document.getElementById('anew').showModal()")
    with element("dialog", "sheet").props("id=anew aria-labelledby=anew-title"):
        element("h2", "sheet-title", "Start the run anew?").props("id=anew-title")
        element("p", "", ANEW_TEXT)
        with element("div", "sheet-buttons"):
            keep = element("button", "button", "Keep this run").props("type=button autofocus")
            keep.on("click", js_handler="() => document.getElementById('anew').close()")
            anew = element("button", "button button-strong", "Start anew").props("type=button").mark("begin-anew")
            on_press(anew, begin_anew)
            anew.on("click", js_handler="() => document.getElementById('anew').close()")


def _icon_button(label: str, drawing: str, look: str = "", key: str = "") -> ui.element:
    """Draw an icon button that screen readers call `label`; `key` presses it too."""
    title = f"{label} ({key})" if key else label
    with element("button", f"icon-button {look}").props(f'type=button aria-label="{label}" title="{title}"') as button:
        icon(drawing)
    if key:
        button.props(f'aria-keyshortcuts="{key}"')
    return button.mark(label)
