"""Page of the optimizer: the plan in force, its bound and gain, and earlier plans."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from components.optimizer.comparison_panel import against_cells, against_channel, against_panel
from components.optimizer.dual_panel import shadow_channel, shadow_panel, worth_channel, worth_panel
from components.optimizer.optimizer_now import optimizer_cells, optimizer_figures, optimizer_head
from components.optimizer.plan_history import MOST_RUNS, history_panel, lines_of, run_channel
from components.overview.gains_panel import gain_cells, gains_panel
from components.overview.reasoning_panel import advice_channel, reasoning_cells, reasoning_panel
from components.shared.fold_table import Inside
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.question_box import why_panel
from components.shared.theme import element
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.history import OptimizationSnapshot
from mara.errors import MaraError
from mara.runtime.published_state import PublishedState
from pages.actions.panel_actions import advice_action, explanation_action
from pages.authorization import Authorized
from pages.frame import frame, notify_outcome
from pages.serving.cached_query import CachedQuery
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerReading:
    """Plans as the archive holds them, the newest first."""

    runs: tuple[OptimizationSnapshot, ...] = ()


class OptimizerScreen:
    """View model of the optimizer's page, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query = CachedQuery("optimizer", self._read, OptimizerReading())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        snapshot = self._platform.publisher.read().snapshot
        if snapshot is not None:
            await self._query.renew(snapshot.tick)

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the contents of the page's channels; empty before the first tick."""
        snapshot = current.snapshot
        if snapshot is None:
            return {}
        reading = self._query.newest(snapshot.tick)
        return {
            "cells": {
                **optimizer_cells(snapshot),
                **reasoning_cells(snapshot, current.advisor),
                **gain_cells(snapshot),
                **against_cells(snapshot),
            },
            "advice": advice_channel(current.advisor),
            "against": against_channel(snapshot),
            "shadow": shadow_channel(snapshot),
            "worth": worth_channel(snapshot),
            "runs": run_channel(reading.runs),
        }

    async def _read(self) -> OptimizerReading:
        snapshot = self._platform.publisher.read().snapshot
        assert snapshot is not None
        archive = self._platform.archive
        return OptimizerReading(runs=await archive.optimizations(MOST_RUNS))


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the optimizer's page."""
    screen = OptimizerScreen(platform)

    @ui.page(paths.OPTIMIZER, title="Mara: optimizer", dark=None)
    async def optimizer(ask: str = "") -> None:
        await screen.renew()
        can_ask = await _can_ask(platform)
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.OPTIMIZER):
            _draw(picture, platform, can_ask, ask)


async def _can_ask(platform: Authorized) -> tuple[str, ...]:
    try:
        return await platform.archive.can_be_asked()
    except MaraError:
        return ()


def _draw(picture: ViewModel, platform: Authorized, can_ask: tuple[str, ...], asked: str) -> None:
    """Draw the page; `asked` is a question that is answered at once, empty for none."""
    cells = picture["cells"]
    with element("div", "leaf"):
        said = "Asked: the new plan comes into force when it is ready."
        optimizer_head(lambda: notify_outcome(platform.optimize_now(), said), missing_right(Permission.OPTIMIZE))
        optimizer_figures(cells)
        with element("div", "lane halves"):
            reasoning_panel(
                cells, picture.get("advice", {}), advice_action(platform), missing_right(Permission.ASK_CLAUDE)
            )
            with element("div", "stack"):
                against_panel(picture.get("against", {}), cells)
                gains_panel(cells)
        with element("div", "lane wide-left"):
            shadow_panel(picture.get("shadow", {}))
            worth_panel(picture.get("worth", {}))
        why_panel(platform.archive.why, can_ask, explanation_action(platform), asked)
        history_panel(picture.get("runs", {}), _inside(platform))


def _inside(platform: Authorized) -> Inside:
    async def lines(key: str) -> Sequence[str]:
        if not key.isdecimal():
            return ["No such plan."]
        try:
            return lines_of(await platform.archive.optimization(int(key)))
        except MaraError as error:
            return [str(error)]

    return lines
