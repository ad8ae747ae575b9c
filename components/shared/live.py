"""Elements that update themselves from the view model: a cell and a table."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nicegui import ui

from components.shared.format import NOTHING
from components.shared.theme import BROWSER_MODULES, element, explained
from components.shared.view_model import Channel, Shown


class LiveCell(ui.element, component="live_cell.js", esm=BROWSER_MODULES):
    """Text of the cell `name`, now and after every change; `marks` as in `live_text`."""

    def __init__(self, name: str, first: Channel, as_: str = "span", marks: str = "") -> None:
        super().__init__()
        text, state, share = _parts_of(first.get(name))
        self.props["name"] = name
        self.props["as"] = as_
        self.props["text"] = text
        if state:
            self.props["state"] = state
        if share is not None:
            self.props["share"] = share
        if marks:
            self.props["marks"] = marks
        self.mark(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """Column of a `LiveTable`.

    Looks: `number` (right-aligned), `wide` (only where there is room), `grow`.
    """

    key: str
    label: str
    look: str = ""
    hint: str = ""
    unit: str = ""
    """Unit of bare numbers, or `UTC` for times; empty where the label is the unit."""
    clipped: bool = False
    """True if a text too long for its place is cut, and shown whole on hover."""
    if_any: bool = False
    """True if the column is left out while no row has a text in it."""


class LiveTable(ui.element, component="live_table.js", esm=BROWSER_MODULES):
    """Table of the channel `name`: rows of `rank` and a cell for each column."""

    def __init__(
        self, name: str, *, columns: tuple[TableColumn, ...], caption: str, empty: str, first: Channel
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["columns"] = column_props(columns)
        self.props["caption"] = caption
        self.props["empty"] = empty
        self.props["rows"] = dict(first)
        self.mark(name)


def column_props(columns: Iterable[TableColumn]) -> list[dict[str, Any]]:
    """Return columns as scripts read them, each with its unit."""
    return [asdict(column) | {"unit": column.unit or _unit_in(column.label)} for column in columns]


def _unit_in(label: str) -> str:
    """Return the label itself where it is a unit or a zone."""
    return label if label == "UTC" or label.startswith(("USD", "°C")) else ""


def live_text(name: str, first: Mapping[str, Shown], look: str = "", as_: str = "span", *, marks: str = "") -> LiveCell:
    """Draw a text that follows the cell `name`, in an element `as_`.

    Args:
        name: key of the cell in the channel `cells`.
        first: values to draw before the first update.
        look: CSS classes, separated by spaces.
        as_: HTML tag.
        marks: name of the mark of the page that states the cell's state, for styles of other elements.
    """
    return LiveCell(name, dict(first), as_, marks).classes(look)


def figure_strip(
    name: str,
    figures: Iterable[tuple[str, str, str]],
    first: Mapping[str, Shown],
    *,
    label: str,
    in_words: Container[str] = (),
) -> None:
    """Draw a strip of key figures, each with its unit, a note and an explanation.

    Args:
        name: beginning of the cells' keys: `name.key`, `name.key.unit` and `name.key.note`.
        figures: key, label and explanation of each figure.
        first: values to draw before the first update.
        label: name of the strip for screen readers.
        in_words: keys of those that are words and no numbers.
    """
    with element("section", "kpis").props(f'aria-label="{label}"'):
        for key, title, how in figures:
            with element("div", "kpi panel") as tile:
                element("h2", "kpi-label", title)
                with element("p", "kpi-value"):
                    live_text(f"{name}.{key}", first, "kpi-words" if key in in_words else "figure")
                    live_text(f"{name}.{key}.unit", first, "kpi-unit")
                live_text(f"{name}.{key}.note", first, "kpi-note", "p")
            explained(tile, how)


def _parts_of(shown: Shown) -> tuple[str, str, float | None]:
    match shown:
        case str(text):
            return text, "", None
        case {"text": str(text), **more}:
            share = more.get("share")
            return text, str(more.get("state", "")), share if isinstance(share, float) else None
        case _:
            return NOTHING, "missing", None
