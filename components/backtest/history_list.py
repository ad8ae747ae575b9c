"""List of histories that one click runs, with deletion of those built here."""

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import BROWSER_MODULES, element, panel
from components.shared.view_model import Channel, Row

FORM_FIELD = "backtest-form-history"
"""Id of the form's field that a history can be put into."""
HINT = "One click runs the last 14 days by three ways of planning; the form below runs any period by any of them."


class HistoryList(ui.element, component="history_list.js", esm=BROWSER_MODULES):
    """Histories with their markets, period and licences.

    Args:
        run: called with the name of a history.
        delete: likewise; None where whoever looks may not change anything.
        restore: called with an entry of the trash; None likewise.
        why_not_run: why whoever looks may not run a backtest; "" where they may.
    """

    def __init__(
        self,
        *,
        run: Callable[[str], object],
        delete: Callable[[str], object] | None,
        restore: Callable[[str], object] | None,
        why_not_run: str,
    ) -> None:
        super().__init__()
        self.props["why_not_run"] = why_not_run
        self.props["can_change"] = delete is not None
        self.props["form_field"] = FORM_FIELD
        if not why_not_run:
            self.on("order-run-history", lambda event: run(_text_in(event, "name")))
        if delete is not None:
            self.on("order-delete-history", lambda event: delete(_text_in(event, "name")))
        if restore is not None:
            self.on("order-restore-history", lambda event: restore(_text_in(event, "entry")))
        self.mark("history-list")


def history_panel(**calls: Any) -> None:
    """Draw the panel of histories; arguments are those of `HistoryList`."""
    with panel("Histories", "history-panel", HINT) as top:
        with top:
            element("a", "panel-link", "Import market files").props('href="#import-market-files"')
        HistoryList(**calls)


def history_row(rank: int, *, title: str, is_shipped: bool, **texts: str) -> Row:
    """Return a history as the list shows it.

    Args:
        texts: `period`, `step`, `sites`, `prices`, `markets`, `licences` and `how` in words.
    """
    shown: Channel = {"rank": rank, "title": title, "is_shipped": is_shipped}
    return {**shown, **texts}


def _text_in(event: GenericEventArguments, key: str) -> str:
    return str(event.args.get(key, "")) if isinstance(event.args, dict) else ""
