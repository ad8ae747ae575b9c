"""Short introduction to Mara, shown at the first visit and from the help page."""

from typing import Final

from components.shared.theme import address, element

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


def tour(*, opens_by_itself: bool) -> None:
    """Draw the tour, closed.

    With `opens_by_itself` it opens at the first visit of a browser, which stores that it was closed.
    """
    with element("dialog", "sheet tour").props("id=tour aria-labelledby=tour-title") as sheet:
        element("h2", "sheet-title", "Mara runs a fleet of data centres").props("id=tour-title")
        element(
            "p",
            "",
            "Every five simulated minutes it decides which site mines, serves inference or keeps a contract, by the "
            "price of power, the weather and what was promised. This is a simulation: nothing real is switched. "
            "Four numbers tell how it goes:",
        )
        with element("dl", "words"):
            for name, meaning in STEPS:
                element("dt", "", name)
                element("dd", "", meaning)
        element(
            "p",
            "",
            "Hover any figure to see how it is computed. Click a circle to open its site. Take a site down with the "
            "lightning button and watch what moves.",
        )
        with element("div", "sheet-buttons"):
            element("a", "button", "Help and formulas").props(f'href="{address("/help")}"')
            done = element("button", "button button-strong", "Begin").props("type=button autofocus").mark("tour-done")
            done.on("click", js_handler="() => document.getElementById('tour').close()")
    sheet.on("close", js_handler="() => window.mara.store('mara-tour', 'seen')")
    if opens_by_itself:
        sheet.props("data-first-visit=true")
