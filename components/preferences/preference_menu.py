"""Menu of preferences: times, money, temperature and colours of a browser."""

from typing import Final

from nicegui import ui

from components.shared.theme import BROWSER_MODULES

CURRENCIES: Final = ("EUR", "GBP", "NOK", "SEK", "DKK", "CHF", "CAD", "AUD", "JPY", "SGD", "BRL", "CLP", "ISK")
"""Currencies that are suggested; any other code of three letters may be typed."""


class PreferenceMenu(ui.element, component="preference_menu.js", esm=BROWSER_MODULES):
    """Button with a dialog of preferences, which stay in the browser.

    Nothing of them reaches the server: the store, the API and exports go on in UTC, USD and degrees Celsius. A rate is
    typed by the user and stands beside what it converts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.props["currencies"] = list(CURRENCIES)
        self.mark("preferences")


class PreferenceNote(ui.element, component="preference_note.js", esm=BROWSER_MODULES):
    """Sentence above the page that says what is converted, and by which rate."""

    def __init__(self) -> None:
        super().__init__()
        self.mark("preference-note")
