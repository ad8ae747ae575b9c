"""Search of the ledger: totals by line and by day, of a site or the fleet."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, panel
from components.site.site_tables import cents_that_add_up
from mara.core.finance import Line
from mara.core.history import Ledger
from mara.core.ledger_words import line_label
from mara.errors import CommandError, MaraError

MOST_CHARACTERS: Final = 100
WHOLE_FLEET: Final = ("", "Whole fleet")
"""Choice of all sites together."""
HINT: Final = "Whole UTC days, added up exactly. Income is positive, cost negative."
LINES: Final = tuple(line.name.lower() for line in Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerQuery:
    """Days of the ledger that are asked for; `site_id` is None for the whole fleet."""

    starts_at: datetime
    ends_at: datetime
    site_id: str | None
    line: str


Search = Callable[[datetime, datetime, str | None], Awaitable[Sequence[Ledger]]]


class LedgerSearch(ui.element, component="ledger_search.js", esm=BROWSER_MODULES):
    """Form for site, line and days, with the totals that it finds.

    Args:
        sites: id and name of each site that can be chosen, the first at once; an empty id is the whole fleet.
        today: last day that the form suggests.
        search: reads the ledger of each day in a range; a MaraError is shown.
        csv_path: path on this server that sends the same as a file.
    """

    def __init__(self, *, sites: Sequence[tuple[str, str]], today: date, search: Search, csv_path: str) -> None:
        super().__init__()
        self._search = search
        self.props["sites"] = [{"key": key, "label": label} for key, label in sites]
        self.props["lines"] = [{"key": line, "label": line_label(line)} for line in LINES]
        self.props["first"] = {"from": f"{today - timedelta(days=6)}", "to": f"{today}"}
        self.props["csv"] = csv_path
        self.props["found"] = {}
        self.on("ask-ledger", self._find)
        self.mark("ledger-search")

    async def _find(self, event: GenericEventArguments) -> None:
        try:
            query = query_of(event.args if isinstance(event.args, dict) else {})
            days = await self._search(query.starts_at, query.ends_at, query.site_id)
        except MaraError as error:
            self.props["found"] = {"error": str(error)}
        else:
            self.props["found"] = totals_of(days, query.line)
        self.update()


def ledger_search(**given: Any) -> None:
    """Draw the search in a panel of its own; see `LedgerSearch`."""
    with panel("Search the ledger", "", HINT):
        LedgerSearch(**given)


def query_of(given: Mapping[str, Any]) -> LedgerQuery:
    """Parse the site, line and days that were entered.

    Raises:
        CommandError: a day is none, the days run backwards, or there is no such line.
    """
    first, last = (_day_of(str(given.get(key, ""))) for key in ("from", "to"))
    if first > last:
        raise CommandError(f"days run forwards, from {first} to {last} came: swap them")
    line = str(given.get("line", ""))[:MOST_CHARACTERS]
    if line and line not in LINES:
        raise CommandError(f"there is no line {line!r} in the ledger: choose one of the list")
    site_id = str(given.get("site", ""))[:MOST_CHARACTERS]
    starts_at = datetime(first.year, first.month, first.day, tzinfo=UTC)
    days = (last - first).days + 1
    return LedgerQuery(
        starts_at=starts_at, ends_at=starts_at + timedelta(days=days), site_id=site_id or None, line=line
    )


def totals_of(days: Sequence[Ledger], line: str) -> dict[str, Any]:
    """Return totals by line and by day, each exact to the cent with the same sum.

    Args:
        line: the only line that counts; empty for all.
    """
    by_line: dict[str, int] = {}
    by_day: dict[str, int] = {}
    for day in days:
        for one in day.money:
            if line in ("", one.name):
                when = text.utc_day(day.starts_at)
                by_line[one.name] = by_line.get(one.name, 0) + one.amount_micro_usd
                by_day[when] = by_day.get(when, 0) + one.amount_micro_usd
    posted = {line_label(name): amount for name, amount in by_line.items() if amount or line}
    return {
        "tables": [
            {"caption": "By line", "rows": _rows(posted)},
            {"caption": "By day", "rows": _rows(by_day)},
        ],
        "ticks": sum(day.ticks_count for day in days),
    }


def _rows(amounts_micro_usd: Mapping[str, int]) -> list[dict[str, Any]]:
    cents = cents_that_add_up(list(amounts_micro_usd.values()))
    rows = [
        {"label": label, "usd": text.number(cent / 100, 2)}
        for label, cent in zip(amounts_micro_usd, cents, strict=True)
    ]
    return [*rows, {"label": "Total", "usd": text.number(sum(cents) / 100, 2), "state": "total"}]


def _day_of(entered: str) -> date:
    try:
        day = date.fromisoformat(entered)
    except ValueError as error:
        raise CommandError(f"a day like 2025-07-05 was expected, {entered[:40]!r} came: correct it") from error
    if not 2009 <= day.year < 2200:
        raise CommandError(f"a day from 2009 to 2199 was expected, {day} came: correct it")
    return day
