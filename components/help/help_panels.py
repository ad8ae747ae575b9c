"""Panels of the help page: figures with formulas, words, keys, and the tour."""

from typing import Final

from nicegui import ui

from components.help.glossary import CHAPTERS, TERMS, WORDS, Chapter, tier_rows
from components.shared.theme import BROWSER_MODULES, element, panel

SHORTCUTS: Final = (
    ("p", "pause or resume"),
    ("n", "one tick further, then pause"),
    ("o", "take sites down or back; the site under the pointer is chosen"),
    ("u", "undo the newest order, while its time runs"),
    ("t", "dark or light"),
    ("1 … 9", "the pages in the order of their names above; 9 is Power, where there are power terms"),
    ("?", "this page"),
    ("Tab, Enter", "from site to site on the map, and into it"),
    ("Esc", "close what is open"),
)


class KeySwitch(ui.element, component="key_switch.js", esm=BROWSER_MODULES):
    """Check box that switches single keys as shortcuts on and off."""


def chapter_panel(chapter: Chapter) -> None:
    """Draw a table of figures: name, unit, formula, meaning."""
    with panel(chapter.title), element("div", "overflow"):
        _table(
            ("Figure", "Unit", "How it is computed", "What it says"),
            [[formula.name, formula.unit, formula.how, formula.what] for formula in chapter.formulas],
            f"{chapter.title}: figures and formulas",
        )


def chapters() -> None:
    """Draw all figures, one panel for each kind."""
    for chapter in CHAPTERS:
        chapter_panel(chapter)


def tier_panel() -> None:
    """Draw what each tier promises, costs and gives back."""
    with panel("The four tiers"):
        with element("div", "overflow"):
            labels = ("Tier", "Target", "List price", "Service credit, of the window's charge")
            _table(labels, tier_rows(), "Tiers, their targets, prices and credits")
        element(
            "p",
            "note",
            f"The base is {TERMS.base_rate_usd_per_mwh:g} USD/MWh unless MARA_BASE_RATE_USD_PER_MWH says otherwise.",
        )


def word_panel() -> None:
    """Draw the words used on the screens with their meaning."""
    with panel("Words"), element("dl", "words"):
        for word, meaning in WORDS:
            element("dt", "", word)
            element("dd", "", meaning)


def key_panel() -> None:
    """Draw the keyboard shortcuts with their switch, and the tour."""
    with panel("Keyboard and tour"):
        with element("dl", "words keys"):
            for key, meaning in SHORTCUTS:
                element("dt", "", key)
                element("dd", "", meaning)
        with element("label", "key-switch"):
            KeySwitch()
            element("span", "", "Single keys work as shortcuts in this browser")
        again = element("button", "button", "Show the tour again").props("type=button").mark("tour-again")
        again.on("click", js_handler="() => document.getElementById('tour').showModal()")


def _table(labels: tuple[str, ...], rows: list[list[str]], caption: str) -> None:
    with element("table", "live-table formulas"):
        element("caption", "sr-only", caption)
        with element("thead"), element("tr"):
            for label in labels:
                element("th", "", label).props("scope=col")
        with element("tbody"):
            for row in rows:
                with element("tr"):
                    element("th", "", row[0]).props("scope=row")
                    for cell_text in row[1:]:
                        element("td", "", cell_text)
