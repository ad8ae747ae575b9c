"""Table that compares the sites, beside the map or in its place."""

from typing import Final

from nicegui import ui

from components.shared.live import TableColumn, column_props
from components.shared.theme import BROWSER_MODULES

COLUMNS: Final = (
    TableColumn(key="name", label="Site", look="grow"),
    TableColumn(key="status", label="Status"),
    TableColumn(key="mode", label="Mode", hint="Who decides there: the plan, or an operator who ordered it down."),
    TableColumn(key="price", label="USD/MWh", look="number", hint="Price of power now."),
    TableColumn(key="power", label="MW", look="number", hint="Power at the grid connection, cooling included."),
    TableColumn(key="headroom", label="Free MW", look="number", hint="Grid limit less power."),
    TableColumn(key="profit", label="USD/h", look="number", hint="Profit now."),
    TableColumn(key="pue", label="PUE", look="number", hint="Site power over IT power."),
    TableColumn(key="carbon", label="g/kWh", look="number", hint="CO2 of the grid's power now."),
    TableColumn(key="contracts", label="Contracts", look="number", hint="Contracts that run there, and their MW."),
)
FIRST_COLUMNS: Final = {
    "both": ("price", "power", "headroom", "profit"),
    "table": tuple(column.key for column in COLUMNS[1:]),
}
"""Columns besides the name that are shown until somebody chooses, by view."""
VIEWS: Final = (("map", "Map"), ("both", "Both"), ("table", "Table"))


class SiteComparison(ui.element, component="site_table.js", esm=BROWSER_MODULES):
    """Sortable table that follows the channels `sites`, `map` and `places`.

    It also switches its panel between map, table and both; the browser remembers the choices.

    Args:
        csv_path: path on this server that sends all sites and columns as a file.
    """

    def __init__(self, csv_path: str) -> None:
        super().__init__()
        self.props["columns"] = column_props(COLUMNS)
        self.props["first"] = {view: list(keys) for view, keys in FIRST_COLUMNS.items()}
        self.props["views"] = [{"key": key, "label": label} for key, label in VIEWS]
        self.props["csv"] = csv_path
        self.mark("site-table")
