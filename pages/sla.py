"""Page of service levels: contracts against their targets, with credits owed."""

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
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.contract import contract_label
from mara.core.history import ContractRow
from mara.core.units import SECONDS_PER_HOUR
from mara.errors import CommandError
from mara.runtime.explain.evidence import evidence_csv, evidence_name
from mara.runtime.published_state import PublishedState
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.signals.meters.telemetry_json import MAX_NAMED_LENGTH
from pages.actions.panel_actions import request_panel
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher

MOST_STORED: Final = 500
QUOTE_HINT: Final = "A price holds for four hours of the fleet's clock and is looked at again when it is booked."
TIERS_HINT: Final = "Live contracts only. A tick is good when the whole promise was delivered in it, else bad."


class SlaScreen:
    """View model of the contracts, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query: CachedQuery[tuple[ContractRow, ...]] = CachedQuery("contracts", self._read, ())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        current = self._platform.publisher.read()
        if current.snapshot is not None:
            await self._query.renew((current.snapshot.tick, current.waiting_count))

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the page's channels; empty before the first tick."""
        snapshot = current.snapshot
        if snapshot is None:
            return {}
        contracts = self._query.newest((snapshot.tick, current.waiting_count))
        return {
            "cells": owed_cells(snapshot, contracts),
            "tiers": tier_channel(snapshot),
            "promises": promise_channel(snapshot, contracts),
        }

    async def _read(self) -> tuple[ContractRow, ...]:
        return await self._platform.archive.contracts("all", MOST_STORED)


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the page of service levels."""
    screen = SlaScreen(platform)

    @ui.page(paths.SLA, title="Mara: service levels", dark=None)
    async def sla(contract: str = "") -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.SLA):
            _draw(picture, platform, contract)


def _draw(picture: ViewModel, platform: Authorized, contract: str) -> None:
    """Draw the page; `contract` is the id of one whose sheet opens, empty for none."""
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
            ContractTable(picture.get("promises", {}), sheet.show, paths.CONTRACTS_CSV)
    if contract:
        ui.context.client.on_connect(lambda: sheet.show(contract[:MAX_NAMED_LENGTH]))


def sheet_actions(platform: Authorized) -> SheetActions:
    """Make the actions on one contract: read it, cancel it, announce an exclusion.

    Neither order has an inverse, so both are held for a few seconds in which they can be undone.
    """

    async def exclude(contract_id: str, notice: Notice) -> None:
        asked = announcement_of(contract_id, notice, platform)
        await platform.exclude(asked, only_look=True)
        named = name_of(contract_id, platform)
        said = f"Announced for {named}: it is stored with the next tick, with reason and author."
        what = f"{notice.kind.capitalize()} of {named}"
        platform.undo.hold(what, lambda: platform.exclude(asked), said)

    async def cancel(contract_id: str) -> None:
        await platform.cancel(contract_id, only_look=True)
        named = name_of(contract_id, platform)
        said = f"Ordered: {named} ends with the next tick, and its window is settled."
        platform.undo.hold(f"Cancel {named}", lambda: platform.cancel(contract_id), said)

    async def evidence(contract_id: str) -> None:
        life = await platform.archive.contract(contract_id)
        ticks = await platform.archive.evidence(contract_id)
        ui.download.content(evidence_csv(life.row, ticks), evidence_name(contract_id), "text/csv")

    return SheetActions(
        read=platform.archive.contract,
        exclude=exclude,
        cancel=cancel,
        evidence=evidence,
        now=lambda: platform.publisher.read().snapshot,
        why_not=missing_right(Permission.CANCEL) or missing_right(Permission.EXCLUDE),
    )


def name_of(contract_id: str, platform: Authorized) -> str:
    """Name a contract by its customer and id; one that is not live by its id."""
    snapshot = platform.publisher.read().snapshot
    live = () if snapshot is None else snapshot.contracts
    return next((contract_label(one.id, one.customer) for one in live if one.id == contract_id), contract_id)


def announcement_of(contract_id: str, notice: Notice, platform: Authorized) -> ExclusionRequest:
    """Convert a notice to whole ticks, from the one in which it begins.

    Raises:
        CommandError: no tick has been settled yet.
    """
    snapshot = platform.publisher.read().snapshot
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
