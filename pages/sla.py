"""Promises: every contract against its target, what it owes and what its next fault costs; quote, book, exclude."""

from math import ceil
from typing import Final

from nicegui import ui

from components.shared.key_figure_history import KeyFigureHistory
from components.shared.live import LiveTable
from components.shared.theme import element, panel
from components.shared.view_model import ViewModel
from components.sla.contract_sheet import ContractSheet, Notice, SheetActions
from components.sla.contract_table import ContractTable, owed_cells, owed_figures, promise_channel
from components.sla.sla_panel import TIER_COLUMNS, tier_channel
from mara.api.security.permissions import Permission
from mara.core.history import ContractRow
from mara.errors import CommandError
from mara.runtime.explain.evidence import evidence_csv, evidence_name
from mara.runtime.published_state import PublishedState
from mara.runtime.tick.exclusions import ExclusionRequest
from pages.authorization import Authorized
from pages.booking import request_panel
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.callers import why_not_here
from pages.serving.publisher import Publisher

PATH: Final = "/sla"
MOST_STORED: Final = 500
SECONDS_PER_HOUR: Final = 3_600
QUOTE_HINT: Final = "A price holds for four simulated hours and is looked at again when it is booked."
TIERS_HINT: Final = "Live contracts only. A tick is good when the whole promise was delivered in it, else bad."


class SlaScreen:
    """The picture of the promises for all who look at them; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._stored: CachedQuery[tuple[ContractRow, ...]] = CachedQuery("contracts", self._read, ())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        published = self._platform.latest.read()
        if published.snapshot is not None:
            await self._stored.renew((published.snapshot.tick, published.waiting_count))

    def picture(self, published: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """All that the page shows; nothing before the first tick."""
        snapshot = published.snapshot
        if snapshot is None:
            return {}
        stored = self._stored.newest((snapshot.tick, published.waiting_count))
        return {
            "cells": owed_cells(snapshot, stored),
            "tiers": tier_channel(snapshot),
            "promises": promise_channel(snapshot, stored),
        }

    async def _read(self) -> tuple[ContractRow, ...]:
        return await self._platform.archive.contracts("all", MOST_STORED)


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the page of promises."""
    screen = SlaScreen(platform)

    @ui.page(PATH, title="Mara: service levels", dark=None)
    async def sla() -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], PATH):
            _draw(picture, platform)


def _draw(picture: ViewModel, platform: Authorized) -> None:
    with element("div", "leaf"):
        with element("div", "leaf-head"):
            element("h1", "", "Service levels")
        with element("div", "sla-top"):
            with panel("Promises by tier", "", TIERS_HINT):
                with element("div", "tiers overflow"):
                    LiveTable(
                        "tiers",
                        columns=TIER_COLUMNS,
                        caption="Promises by tier",
                        empty="No promises yet.",
                        first=picture.get("tiers", {}),
                    )
                owed_figures(picture["cells"])
            with panel("Quote and book", "", QUOTE_HINT):
                request_panel(platform)
        with panel("Contracts"):
            sheet = ContractSheet(sheet_actions(platform))
            ContractTable(picture.get("promises", {}), sheet.show)


def sheet_actions(platform: Authorized) -> SheetActions:
    """What can be asked and ordered about one contract. Neither order can be taken back, so both are held a moment."""

    async def exclude(contract_id: str, notice: Notice) -> None:
        asked = announcement_of(contract_id, notice, platform)
        await platform.exclude(asked, only_look=True)
        said = f"Announced for {contract_id}: it is stored with the next tick, with reason and author."
        what = f"{notice.kind.capitalize()} of {contract_id}"
        platform.undo.hold(what, lambda: platform.exclude(asked), said)

    async def cancel(contract_id: str) -> None:
        await platform.cancel(contract_id, only_look=True)
        said = f"Ordered: {contract_id} ends with the next tick, and its window is settled."
        platform.undo.hold(f"Cancel {contract_id}", lambda: platform.cancel(contract_id), said)

    async def evidence(contract_id: str) -> None:
        life = await platform.archive.contract(contract_id)
        ticks = await platform.archive.evidence(contract_id)
        ui.download.content(evidence_csv(life.row, ticks), evidence_name(contract_id), "text/csv")

    return SheetActions(
        read=platform.archive.contract,
        exclude=exclude,
        cancel=cancel,
        evidence=evidence,
        now=lambda: platform.latest.read().snapshot,
        why_not=why_not_here(Permission.CANCEL) or why_not_here(Permission.EXCLUDE),
    )


def announcement_of(contract_id: str, notice: Notice, platform: Authorized) -> ExclusionRequest:
    """A notice in ticks: whole ones, from the tick in which it begins.

    Raises:
        CommandError: nothing has been settled yet.
    """
    snapshot = platform.latest.read().snapshot
    if snapshot is None:
        raise CommandError("nothing has been settled yet: announce after the first tick")
    tick_s = snapshot.tick_minutes * 60
    first = snapshot.tick + int((notice.begins_at - snapshot.at).total_seconds() // tick_s)
    return ExclusionRequest(
        kind=notice.kind,
        contract_id=contract_id,
        from_tick=first,
        to_tick=first + ceil(notice.duration_h * SECONDS_PER_HOUR / tick_s),
        reason=notice.reason,
    )
