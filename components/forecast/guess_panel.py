"""Table of the Forecast page: how good the guesses of the last days were, by site."""

from collections.abc import Iterable
from typing import Final

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Row
from mara.core.history import GuessError
from mara.core.snapshot import Snapshot

AHEAD_H: Final = (1, 6, 24)
GUESS_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    *(
        column
        for hours in AHEAD_H
        for column in (
            TableColumn(
                key=f"e{hours}", label=f"{hours} h ahead", look="number", hint="Mean absolute error, without its sign."
            ),
            TableColumn(
                key=f"b{hours}", label="Bias", look="number desk", hint="Mean error; above 0 guessed too dear."
            ),
            TableColumn(key=f"p{hours}", label="Yesterday's", look="number desk", hint="Error of the day before."),
        )
    ),
)
NO_GUESSES: Final = (
    "Nothing to compare yet: guesses count when their hour is over, from the second day of a run on, and are compared "
    "once an hour; after a start that takes some seconds."
)


def guess_table(first: Channel) -> None:
    """Draw the table that `guess_channel` states."""
    how = "Over the last 7 days: forecasts as they were then, and the day before, against what came."
    with panel("How good the guesses were, USD/MWh", "", how), scroll("Errors of forecast prices by site"):
        LiveTable("guesses", columns=GUESS_COLUMNS, caption="Errors of forecast prices", empty=NO_GUESSES, first=first)


def guess_channel(snapshot: Snapshot, errors: Iterable[GuessError]) -> Channel:
    """Return a row for each site with guesses, in the fleet's order."""
    rows: dict[str, Row] = {}
    places = {site.id: (place, site.name) for place, site in enumerate(snapshot.sites)}
    for error in errors:
        if error.count and error.site_id in places:
            place, name = places[error.site_id]
            row = rows.setdefault(error.site_id, {"rank": -place, "site": name})
            row[f"e{error.ahead_h}"] = text.number(error.error_usd_per_mwh, 1)
            row[f"b{error.ahead_h}"] = text.number(error.bias_usd_per_mwh, 1)
            row[f"p{error.ahead_h}"] = text.number(error.persistence_usd_per_mwh, 1)
    return {site_id: {**_NOTHING, **row} for site_id, row in rows.items()}


_NOTHING: Final[Row] = {f"{name}{hours}": text.NOTHING for name in "ebp" for hours in AHEAD_H}
