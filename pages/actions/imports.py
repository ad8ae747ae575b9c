"""Histories and market files on the backtest page, and what users do with them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from components.backtest.history_list import history_panel, history_row
from components.backtest.import_panel import ImportCalls, Sent, import_panel
from components.shared import format as text
from components.shared.view_model import Channel, ViewModel
from mara.api.routes.json_values import json_value
from mara.api.security.permissions import Permission
from mara.assembly.imports.builder import BuildStatus
from mara.assembly.imports.catalogue import HistoryCard
from mara.assembly.imports.desk import BuildRequest
from mara.assembly.imports.draft import draft_of, spec_text
from mara.assembly.imports.folder import BYTES_PER_MB, MarketFile
from mara.assembly.imports.reports import InspectionOrder, OwnTable
from mara.assembly.imports.trash import Deleted
from mara.errors import CommandError
from pages.authorization import Authorized, Histories
from pages.frame import notify_outcome
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher

RUN_DAYS: Final = 14
"""Days at the end of a history that one click runs.

They take some ten seconds in steps of an hour, and half a minute in quarters.
"""
MOST_MARKETS: Final = 6
"""Markets that a card names."""
RunCard = Callable[[HistoryCard], Awaitable[object]]
BUILD_PARTS: Final = {"files": "reading files", "sites": "putting sites together", "rows": "writing rows"}


def history_channels(histories: Histories) -> ViewModel:
    """Return the channels of the list of histories: those built here come first."""
    cards = sorted(histories.histories(), key=lambda card: (not card.is_shipped, card.name))
    return {
        "histories": {card.name: _row_of(card, rank) for rank, card in enumerate(cards)},
        "deleted": {one.entry: _gone(one, -rank) for rank, one in enumerate(histories.deleted())},
        "build": build_channel(histories.status()),
    }


def build_channel(status: BuildStatus) -> Channel:
    """Return the state of the build of a history in words."""
    shown: Channel = {"state": status.state, "name": status.name, "share": round(status.share, 3), "notes": []}
    match status.state:
        case "running":
            part = BUILD_PARTS.get(status.what, "starting")
            return {**shown, "text": f"Building {status.name}: {part}, {text.percent(status.share, 0)} of the whole"}
        case "done":
            report = status.report or {}
            rows = f"{text.number(report.get('rows', 0))} rows"
            filled = f", {text.number(report['filled'])} steps filled" if report.get("filled") else ""
            told = f"{status.name} is built: {rows}{filled}. It is in the list of histories."
            return {**shown, "text": told, "notes": list(report.get("warnings", ()))}
        case "failed":
            return {**shown, "text": status.reason}
        case "cancelled":
            return {**shown, "text": f"{status.name} was cancelled, nothing of it was kept."}
        case _:
            return {**shown, "text": ""}


def last_days(card: HistoryCard) -> tuple[str, str]:
    """Return the first day that one click runs, and the end; empty for all of it."""
    first = card.until - timedelta(days=RUN_DAYS)
    return (first.date().isoformat(), "") if first > card.from_ else ("", "")


def draw(platform: Authorized, publisher: Publisher, run_card: RunCard) -> None:
    """Draw the list of histories.

    Args:
        run_card: begins a backtest over the end of a history.
    """
    refusal = missing_right(Permission.IMPORT)

    async def run(name: str) -> None:
        if await notify_outcome(run_card(_card_of(platform, name))):
            publisher.look()

    async def delete(name: str) -> None:
        entries: list[str] = []

        async def gone() -> None:
            entries.append(await platform.delete_history(name))

        if await notify_outcome(gone()):
            platform.undo.offer(f"History {name} deleted", lambda: platform.bring_back(entries[0]))
            publisher.look()

    async def restore(entry: str) -> None:
        if await notify_outcome(platform.bring_back(entry)):
            publisher.look()

    history_panel(
        run=run,
        delete=None if refusal else delete,
        restore=None if refusal else restore,
        why_not_run=missing_right(Permission.BACKTEST),
    )


def draw_import(platform: Authorized, publisher: Publisher, run_card: RunCard) -> None:
    """Draw the panel that imports market files, or why that is not possible here."""

    async def run(sent: Sent) -> None:
        await run_card(_card_of(platform, str(sent.get("name", ""))))
        publisher.look()

    folder = platform.histories.folder
    refusal = missing_right(Permission.IMPORT)
    why_not = f"No market files from here: {refusal}." if refusal else ""
    if not why_not and folder.root is None:
        why_not = (
            "This server has no import folder yet. Set MARA_IMPORT_FOLDER to a folder that it may write to, and start "
            "it again; until then mara import build makes histories on the command line."
        )
    calls = ImportCalls(
        files=partial(_files, platform),
        reports=partial(_reports, platform),
        more=partial(_reports, platform),
        spec=partial(_spec, platform),
        build=partial(_build, platform, publisher),
        end_build=partial(_end_build, platform, publisher),
        remove=partial(_remove, platform, publisher),
        run=run,
    )
    shipped = [(card.name, card.title) for card in platform.histories.histories() if card.is_shipped]
    import_panel(
        calls,
        most_mb=folder.most_bytes // BYTES_PER_MB,
        folder="" if folder.root is None else folder.root.name,
        shipped=shipped,
        why_not=why_not,
        why_not_run=missing_right(Permission.BACKTEST),
    )


async def _files(platform: Authorized, _: Sent) -> list[dict[str, Any]]:
    return [_file_of(file) for file in await platform.market_files()]


async def _reports(platform: Authorized, sent: Sent) -> object:
    return json_value(await platform.inspect_files(inspection_of(sent)))


def inspection_of(sent: Sent) -> InspectionOrder:
    """Read what a browser asks to have inspected."""
    names, layouts, own = sent.get("files"), sent.get("layouts"), sent.get("own")
    skip = sent.get("skip")
    return InspectionOrder(
        files=[str(name) for name in names] if isinstance(names, list) else [],
        layouts={str(name): str(layout) for name, layout in layouts.items()} if isinstance(layouts, dict) else {},
        own={str(name): _own_table(one) for name, one in own.items()} if isinstance(own, dict) else {},
        find=str(sent.get("find", "")),
        skip=max(skip, 0) if isinstance(skip, int) else 0,
    )


def _own_table(sent: object) -> OwnTable:
    said = sent if isinstance(sent, dict) else {}
    table = said.get("table")
    return OwnTable(quantity=str(said.get("quantity", "")), table=table if isinstance(table, dict) else {})


async def _spec(platform: Authorized, sent: Sent) -> str:
    return await platform.spec_of(lambda: draft_of(sent.get("draft")))


async def _build(platform: Authorized, publisher: Publisher, sent: Sent) -> None:
    await platform.spec_of(lambda: draft_of(sent.get("draft")))  # which also brings the hashprices that it names
    await platform.build_history(lambda: request_of(sent))
    publisher.look()


async def _end_build(platform: Authorized, publisher: Publisher, _: Sent) -> None:
    await platform.cancel_build()
    publisher.look()


async def _remove(platform: Authorized, publisher: Publisher, sent: Sent) -> None:
    name = str(sent.get("name", ""))
    entry = await platform.remove_file(name)
    platform.undo.offer(f"{name} removed", lambda: platform.bring_back(entry))
    publisher.look()


def request_of(sent: Sent) -> BuildRequest:
    """Read the history that was entered.

    Raises:
        CommandError: a field that cannot be used; the message names it.
    """
    return BuildRequest(
        name=str(sent.get("name", "")).strip(),
        spec=spec_text(draft_of(sent.get("draft"))),
        from_=day_of(sent, "from"),
        to=day_of(sent, "to"),
        fill=str(sent.get("fill", "")),
    )


def day_of(sent: Mapping[str, Any], key: str) -> datetime | None:
    """Read a day as its midnight in UTC; None where none was entered.

    Raises:
        CommandError: not a day.
    """
    given = str(sent.get(key, "")).strip()
    if not given:
        return None
    try:
        return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError as error:
        label = "Up to" if key == "to" else "From"
        raise CommandError(f"{label}: a day should read as 2024-01-31, came {given[:20]!r}: correct it") from error


def _card_of(platform: Authorized, name: str) -> HistoryCard:
    found = next((card for card in platform.histories.histories() if card.name == name), None)
    if found is None:
        raise CommandError(f"there is no history {name[:80]!r} any more: choose another")
    return found


def _row_of(card: HistoryCard, rank: int) -> Any:
    last = card.until - timedelta(minutes=1)
    markets = list(dict.fromkeys(market for market in card.markets if market))
    more = f" and {len(markets) - MOST_MARKETS} more" if len(markets) > MOST_MARKETS else ""
    return history_row(
        rank,
        title=card.title,
        is_shipped=card.is_shipped,
        period=f"{text.utc_day(card.from_)} to {text.utc_day(last)}",
        step=f"steps of {text.duration(card.step_minutes)}",
        prices="real-time and day-ahead prices" if card.has_two_prices else "",
        sites="1 site" if len(card.sites) == 1 else f"{text.number(len(card.sites))} sites",
        markets="; ".join(markets[:MOST_MARKETS]) + more,
        licences=f"Licences: {'; '.join(card.licences)}" if card.licences else "No licence: constants alone",
        how=f"Its last {RUN_DAYS} days, by three policies",
    )


def _gone(deleted: Deleted, rank: int) -> Any:
    name = deleted.names[0].partition("/")[2] or deleted.names[0]
    return {
        "rank": rank,
        "name": name,
        "text": f"{name} was deleted, and goes for good on {text.utc_day(deleted.until)}",
    }


def _file_of(file: MarketFile) -> dict[str, Any]:
    return {"name": file.name, "size_bytes": file.size_bytes, "changed": text.utc_day(file.changed_at)}
