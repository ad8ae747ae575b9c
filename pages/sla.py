"""Promises: every contract against its target, what it owes and what its next fault costs; quote, book, exclude."""

from math import ceil
from typing import Final

from nicegui import ui

from components.contract_sheet import ContractSheet, Notice, SheetActions
from components.contract_table import ContractTable, owed_cells, owed_figures, promise_channel
from components.live import LiveTable
from components.past import Past
from components.picture import Picture
from components.request_form import RequestActions, request_form
from components.sla_panel import TIER_COLUMNS, tier_channel
from components.theme import element, panel
from mara.core.history import ContractRow
from mara.errors import CommandError
from mara.runtime.evidence import evidence_csv, evidence_name
from mara.runtime.exclusions import Announcement
from mara.runtime.latest import Published
from pages.frame import actions_of, frame
from pages.live import Platform, Publisher
from pages.stored import Stored

PATH: Final = "/sla"
MOST_STORED: Final = 500
SECONDS_PER_HOUR: Final = 3_600
QUOTE_HINT: Final = "A price holds for four simulated hours and is looked at again when it is booked."
TIERS_HINT: Final = "Live contracts only. A tick is good when the whole promise was delivered in it, else bad."


class SlaScreen:
    """The picture of the promises for all who look at them; lives as long as the app."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stored: Stored[tuple[ContractRow, ...]] = Stored("contracts", self._read, ())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        published = self._platform.latest.read()
        if published.snapshot is not None:
            await self._stored.renew((published.snapshot.tick, published.waiting_count))

    def picture(self, published: Published, _: Past) -> Picture:
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


def register(platform: Platform, publisher: Publisher) -> None:
    """Serve the page of promises."""
    screen = SlaScreen(platform)

    @ui.page(PATH, title="Mara: service levels", dark=None)
    async def sla() -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(picture["cells"], actions_of(platform, publisher), PATH):
            _draw(picture, platform)


def _draw(picture: Picture, platform: Platform) -> None:
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
                request_form(RequestActions(quote=platform.quote, book=platform.book))
        with panel("Contracts"):
            sheet = ContractSheet(sheet_actions(platform))
            ContractTable(picture.get("promises", {}), sheet.show)


def sheet_actions(platform: Platform) -> SheetActions:
    """What can be asked and ordered about one contract."""

    async def exclude(contract_id: str, notice: Notice) -> object:
        return await platform.exclude(announcement_of(contract_id, notice, platform))

    async def evidence(contract_id: str) -> None:
        life = await platform.archive.contract(contract_id)
        ticks = await platform.archive.evidence(contract_id)
        ui.download.content(evidence_csv(life.row, ticks), evidence_name(contract_id), "text/csv")

    return SheetActions(
        read=platform.archive.contract,
        exclude=exclude,
        cancel=platform.cancel,
        evidence=evidence,
        now=lambda: platform.latest.read().snapshot,
    )


def announcement_of(contract_id: str, notice: Notice, platform: Platform) -> Announcement:
    """A notice in ticks: whole ones, from the tick in which it begins.

    Raises:
        CommandError: nothing has been settled yet.
    """
    snapshot = platform.latest.read().snapshot
    if snapshot is None:
        raise CommandError("nothing has been settled yet: announce after the first tick")
    tick_s = snapshot.tick_minutes * 60
    first = snapshot.tick + int((notice.begins_at - snapshot.at).total_seconds() // tick_s)
    return Announcement(
        kind=notice.kind,
        contract_id=contract_id,
        from_tick=first,
        to_tick=first + ceil(notice.duration_h * SECONDS_PER_HOUR / tick_s),
        reason=notice.reason,
        author=notice.author,
    )
