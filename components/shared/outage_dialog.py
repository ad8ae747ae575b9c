"""Dialog in which an operator takes sites down and back, on every screen."""

from collections.abc import Callable, Sequence
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES

DURATIONS_MINUTES: Final = (15, 60, 240, 1_440)
MOST_MINUTES: Final = 31 * 1_440  # of simulated time


class OutageDialog(ui.element, component="outage_dialog.js", esm=BROWSER_MODULES):
    """Dialog that `askOutage(site)` opens; follows the channel `places`.

    Args:
        down: called with the chosen sites and the outage's length in minutes of simulated time.
        restore: called with the chosen sites.
    """

    def __init__(
        self, *, down: Callable[[Sequence[str], float], object], restore: Callable[[Sequence[str]], object]
    ) -> None:
        super().__init__()
        self.props["durations"] = [
            {"minutes": minutes, "label": text.duration(minutes)} for minutes in DURATIONS_MINUTES
        ]
        self.on("order-down", lambda event: down(_sites_of(event), _minutes_of(event)))
        self.on("order-restore", lambda event: restore(_sites_of(event)))
        self.mark("outage-dialog")


def _sites_of(event: GenericEventArguments) -> list[str]:
    """Return the ids that a browser sent; the platform refuses unknown ones."""
    chosen = event.args.get("sites", []) if isinstance(event.args, dict) else []
    return [str(site) for site in chosen] if isinstance(chosen, list) else []


def _minutes_of(event: GenericEventArguments) -> float:
    asked = event.args.get("minutes", 0) if isinstance(event.args, dict) else 0
    return min(max(float(asked), 0.0), MOST_MINUTES) if isinstance(asked, int | float) else 0.0
