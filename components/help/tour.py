"""Short introduction to Mara, shown at the first visit and from the help page."""

from collections.abc import Sequence
from typing import Final

from components.shared import format as text
from components.shared.optimizer_labels import maker_of
from components.shared.theme import address, element
from mara.core.snapshot import Snapshot

STEPS: Final = (
    (
        "Profit rate",
        "What the fleet earns now, after energy, carbon, moves and credits. The small line is the last day.",
    ),
    (
        "Cooling efficiency",
        "How much of the power reaches the machines. The number in each circle on the map; hot weather lowers it.",
    ),
    (
        "Contracts on target",
        "Availability so far meets the target. A contract below may yet keep its promise: its budget stands beside it.",
    ),
    (
        "Gap",
        "How far the plan in force can be from the best possible one: proved with every plan of the linear program.",
    ),
)


WORLDS: Final = {
    "synthetic": "A world drawn from a seed: prices, weather, outages and requests look real, and none is.",
    "replayed": "A history of real market hours, played again; what came later is not known to a plan.",
    "live": "The present world: prices and weather come from live sources, each with its age on the Forecast page.",
}
"""Sentence about each world that a run may play."""
NUMBERS: Final = (
    "Figures are of the tick last stored, and charts are read from the same database. Gains are differences of profit "
    "to worlds that run beside this one under other planners. Of what is to come, ~ marks a guess."
)


def looking_at(snapshot: Snapshot | None) -> tuple[tuple[str, str], ...]:
    """Say which world, tick and plan the screens show, and what numbers come from."""
    if snapshot is None:
        return (("Moment", "No tick has been settled yet."), ("Numbers", NUMBERS))
    plan = snapshot.plan
    age = f"made at tick {plan.made_tick}" if plan.age_ticks else "made in this tick"
    armed = sum(site.mode == "act" for site in snapshot.sites)
    devices = f"{armed} sites are armed: their devices follow the plan." if armed else "Nothing real is switched."
    return (
        ("World", f"{WORLDS[snapshot.plays]} Its fleet: {snapshot.fleet_name}, {len(snapshot.sites)} sites. {devices}"),
        (
            "Moment",
            f"Tick {text.number(snapshot.tick)} of {snapshot.tick_minutes} minutes, {text.utc_moment(snapshot.at)}.",
        ),
        ("Plan", f"By {maker_of(plan.optimizer, plan.status)}, {age}; reasons stand on the Optimizer page."),
        ("Numbers", NUMBERS),
    )


def tour(here: Sequence[tuple[str, str]], *, opens_by_itself: bool) -> None:
    """Draw the tour, closed: its second and last step says what the screens show now.

    With `opens_by_itself` it opens at the first visit of a browser, which stores that it was closed.

    Args:
        here: see `looking_at`.
    """
    with element("dialog", "sheet tour").props("id=tour aria-labelledby=tour-title data-step=first") as sheet:
        element("h2", "sheet-title", "Mara runs a fleet of data centres").props("id=tour-title")
        with element("div", "tour-step tour-first"):
            _first_step()
        with element("div", "tour-step tour-last"):
            _last_step(here)
    sheet.on(
        "close",
        js_handler="(event) => { event.target.dataset.step = 'first'; window.mara.store('mara-tour', 'seen'); }",
    )
    if opens_by_itself:
        sheet.props("data-first-visit=true")


def _first_step() -> None:
    element(
        "p",
        "",
        "Every tick it decides which site mines, serves inference or keeps a contract, by the price of power, the "
        "weather and what was promised. Four numbers tell how it goes:",
    )
    _words(STEPS)
    element(
        "p",
        "",
        "Rest on any figure, or tap it, to see how it is computed. Choose a circle to open its site. Take a site down "
        "with the lightning button and watch what moves.",
    )
    with element("div", "sheet-buttons"):
        element("a", "button", "Help and formulas").props(f'href="{address("/help")}"')
        _button("Next", "tour-next", "() => { document.getElementById('tour').dataset.step = 'last'; }")


def _last_step(here: Sequence[tuple[str, str]]) -> None:
    element("h3", "panel-title", "What you are looking at")
    _words(here)
    with element("div", "sheet-buttons"):
        _button("Begin", "tour-done", "() => document.getElementById('tour').close()")


def _words(words: Sequence[tuple[str, str]]) -> None:
    with element("dl", "words"):
        for name, meaning in words:
            element("dt", "", name)
            element("dd", "", meaning)


def _button(label: str, marker: str, script: str) -> None:
    button = element("button", "button button-strong", label).props("type=button autofocus").mark(marker)
    button.on("click", js_handler=script)
