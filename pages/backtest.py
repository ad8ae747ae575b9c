"""Page of backtests and studies: policies over past hours or possible months."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi import Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from nicegui import app, run, ui

from components.backtest.backtest_panels import (
    PolicyResult,
    empty_panel,
    form_fields,
    legend_cells,
    order_panel,
    progress_panel,
    result_channels,
    result_panels,
)
from components.backtest.study_panels import study_cells, study_channels, study_order_panel, study_result_panels
from components.shared import format as text
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import Channel, ViewModel, cell
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.assembly.backtest import BacktestOrder
from mara.assembly.imports.catalogue import HistoryCard
from mara.assembly.imports.folder import ImportFolder
from mara.assembly.worlds import is_shipped_history, without_place
from mara.backtest_page import html_of, source_lines
from mara.backtests import BacktestResult
from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import CommandError, MaraError
from mara.optimizer_names import LABELS, POLICIES
from mara.runtime.published_state import PublishedState
from mara.settings import read_settings
from mara.studies import StudyOrder, portable
from pages.actions import imports
from pages.authorization import Authorized, Histories
from pages.frame import frame, notify_outcome
from pages.serving.current_user import acting_user, missing_right
from pages.serving.job_runner import BacktestTask, Report, StudyTask, Task
from pages.serving.publisher import Publisher
from pages.serving.readable_files import ANYWHERE, ReadableFiles, readable_by

NOT_FOUND: Final = 404
DEFAULT_HORIZON_HOURS: Final = 24
MOST_PATH_LENGTH: Final = 1_024
MOST_MIGRATION_FACTOR: Final = 1_000.0
PERCENT: Final = 100.0
MOST_SCENARIOS: Final = 10_000
MOST_DAYS: Final = 366
MOST_WORKERS: Final = 64
MOST_SEED: Final = 2**53
WORKING: Final = {"bound": "The bound", "scenarios": "Scenarios"}


class BacktestScreen:
    """View model of the job runner's state, shared by all viewers."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._version = -1
        self._results: ViewModel = {}
        self._histories_version = -1
        self._histories: ViewModel = {}

    def picture(self, _: PublishedState, __: KeyFigureHistory) -> ViewModel:
        """Return the page's channels; results are converted once for each report."""
        report = self._platform.report()
        if report.version != self._version:
            self._version = report.version
            self._results = {**result_channels(results_of(report)), **study_channels(report.study)}
        if self._platform.histories.version != self._histories_version:
            self._histories_version = self._platform.histories.version
            self._histories = imports.history_channels(self._platform.histories)
        report = replace(report, reason=reason_of(report, self._platform.histories.folder))
        cells = progress_cells(report, self._platform.seconds_left(report))
        return {
            **self._results,
            **self._histories,
            "cells": {**cells, **result_cells(report), **study_cells(report.study)},
        }


def register(platform: Authorized, publisher: Publisher, history: Path | None) -> None:
    """Serve the page and the report.

    Args:
        history: folder that the live run replays, which the form proposes.
    """
    screen = BacktestScreen(platform)
    proposed = form_fields(str(history) if history is not None else "", DEFAULT_HORIZON_HOURS)

    async def order(task_in: Callable[[Mapping[str, Any], ReadableFiles], Task], entered: Mapping[str, Any]) -> str:
        try:
            readable = readable_by(acting_user(), read_settings(), history, platform.histories.histories_folder)
            await platform.start_work(lambda: task_in(_with_folder(entered, platform.histories), readable))
        except MaraError as error:
            return str(error)
        publisher.look()
        return ""

    async def run_card(card: HistoryCard) -> None:
        """Begin a backtest over the end of a history, as the form stands at first."""
        from_, to = imports.last_days(card)
        entered = {field.key: field.value for field in proposed}
        chosen = {"history": platform.histories.place_of(card), "from_": from_, "to": to}
        await platform.start_work(lambda: task_of({**entered, **chosen}, ANYWHERE))  # it is one of the list

    async def cancel() -> None:
        if await notify_outcome(platform.end_work()):
            publisher.look()

    @ui.page(paths.BACKTEST, title="Mara: backtest", dark=None)
    def backtest() -> None:
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.BACKTEST), element("div", "leaf"):
            with element("div", "leaf-head"):
                element("h1", "", "Backtest")
                element("span", "place", "What each way of planning would have earned on real hours")
            refusal = missing_right(Permission.BACKTEST)
            imports.draw(platform, publisher, run_card)
            order_panel(proposed, partial(order, task_of), partial(unusable_fields, platform.histories), refusal)
            study_order_panel(partial(order, study_task_of), refusal)
            progress_panel(picture["cells"], None if refusal else cancel)
            empty_panel()
            result_panels(picture)
            study_result_panels(picture)
            imports.draw_import(platform, publisher, run_card)

    @app.get(paths.BACKTEST_REPORT, include_in_schema=False)
    async def report() -> Response:
        results = platform.report().results
        if not results:
            return PlainTextResponse("There is no result yet: run a backtest first.", NOT_FOUND)
        page = await run.io_bound(html_of, _named(results))
        return HTMLResponse(
            page,
            headers={"Content-Disposition": 'attachment; filename="mara-backtest.html"', "Cache-Control": "no-store"},
        )


def task_of(entered: Mapping[str, Any], readable: ReadableFiles) -> BacktestTask:
    """Read the backtest that was entered in the form.

    Raises:
        ConfigError: a setting cannot be used.
        CommandError: another field cannot be used, or the user may not read a file.
    """
    settings = read_settings(
        options={
            "history": _folder(entered, readable),
            "fleet": _fleet(entered, readable),
            "horizon_hours": _text(entered, "horizon_hours"),
            "tick_minutes": _text(entered, "tick_minutes") or None,
            "day_ahead_position": _text(entered, "day_ahead") or "none",  # a field that has no use is not sent
        }
    )
    order = BacktestOrder(
        from_=imports.day_of(entered, "from_"),
        to=imports.day_of(entered, "to"),
        load_share=_number(entered, "load", (0.0, PERCENT)) / PERCENT,
        migration_factor=_number(entered, "migration", (0.0, MOST_MIGRATION_FACTOR)),
        forecast=_text(entered, "forecast"),
        follows_steps=not _text(entered, "tick_minutes"),
    )
    with_bound = "bound" in (entered.get("extras") or ())
    return BacktestTask(settings=settings, order=order, policies=_policies(entered), with_bound=with_bound)


def study_task_of(entered: Mapping[str, Any], readable: ReadableFiles) -> StudyTask:
    """Read the study that was entered in the form; without a history it is synthetic.

    Raises:
        ConfigError: a setting cannot be used.
        CommandError: another field cannot be used, or the user may not read a file.
    """
    folder = _folder(entered, readable) if _text(entered, "history") else None
    seed = int(_number(entered, "seed", (0, MOST_SEED)))
    options = {
        "history": folder,
        "seed": seed,
        "tick_minutes": _text(entered, "tick_minutes"),
        "day_ahead_position": "none",  # synthetic worlds have no second price
    }
    settings = portable(read_settings(options=options))
    if folder is None:
        settings = settings.model_copy(update={"history": None})
    order = StudyOrder(
        scenarios=int(_number(entered, "scenarios", (1, MOST_SCENARIOS))),
        days=int(_number(entered, "days", (1, MOST_DAYS))),
        policies=_policies(entered),
    )
    return StudyTask(settings=settings, order=order, workers=int(_number(entered, "workers", (1, MOST_WORKERS))))


def unusable_fields(histories: Histories, entered: Mapping[str, Any]) -> dict[str, str]:
    """Tell why power cannot be bought ahead over the entered history.

    The reason is "" where it can, and where only the run will know: for a folder that is not listed.
    """
    name = _text(entered, "history")
    card = _card_named(histories, name)
    if not name:
        return {"day_ahead": "For a history with a day-ahead price beside the real-time one: choose one first."}
    if card is None or card.has_two_prices:
        return {"day_ahead": ""}
    return {"day_ahead": f"{card.name} has one price at each site, so there is nothing to settle twice."}


def reason_of(report: Report, folder: ImportFolder) -> str:
    """Tell why work failed, without places on the server."""
    history = report.task.settings.history if report.task is not None else None
    return folder.told(without_place(report.reason, history))


def progress_cells(report: Report, left_s: float | None) -> Channel:
    """Return the state of the job runner, in words and as a bar."""
    took = _real(report.ended_s - report.began_s)
    match report.state:
        case "idle":
            return {"bt.state": cell("Nothing runs.", "idle"), "bt.bar": cell("", "", 0.0), "bt.note": ""}
        case "running":
            left = "too early to say how long it takes" if left_s is None else f"about {_real(left_s)} left"
            what = WORKING.get(report.what) or LABELS.get(report.what, "Starting")
            return {
                "bt.state": cell(f"{what}: {text.percent(report.share, 0)} of the whole", "running"),
                "bt.bar": cell("", "", report.share),
                "bt.note": left,
            }
        case "failed":
            return {"bt.state": cell(report.reason, "failed"), "bt.note": "Nothing was written.", "bt.bar": ""}
        case "cancelled":
            return {
                "bt.state": cell(f"Cancelled after {took}.", "cancelled"),
                "bt.note": "Nothing was written.",
                "bt.bar": "",
            }
        case _:
            return {"bt.state": cell(f"Done in {took}.", "done"), "bt.note": "", "bt.bar": ""}


def result_cells(report: Report) -> Channel:
    """Return the period of the backtest's results, and whether there are any."""
    named = legend_cells(results_of(report))
    if not report.results:
        return {"bt.shown": cell("", "no"), "bt.period": "", "bt.sources": "", **named}
    sources = "\n".join(f"\u2022 {line}" for line in source_lines(report.results))
    return {"bt.shown": cell("", "yes"), "bt.period": _period(report), "bt.sources": sources, **named}


def results_of(report: Report) -> tuple[PolicyResult, ...]:
    """Convert the results to the records that components draw."""
    task = report.compared
    if task is None:
        return ()
    return tuple(
        PolicyResult(
            policy=policy,
            starts_at=datetime.fromisoformat(result.figures["from"]),
            figures=result.figures,
            daily_profit_usd=result.daily_profit_usd,
        )
        for policy, result in zip(task.policies, report.results, strict=False)
    )


def _named(results: Sequence[BacktestResult]) -> list[BacktestResult]:
    """Name the history of results without its place on the server."""
    return [
        replace(result, figures={**result.figures, "history": Path(result.figures["history"]).name})
        for result in results
    ]


def _period(report: Report) -> str:
    figures = report.results[0].figures
    first, end = (datetime.fromisoformat(figures[key]) for key in ("from", "to"))
    sites = "1 site" if figures["sites"] == 1 else f"{text.number(figures['sites'])} sites"
    tick_minutes = (end - first).total_seconds() / SECONDS_PER_MINUTE / figures["ticks"]
    size = f"{sites}, {text.ticks(figures['ticks'])} of {text.duration(tick_minutes)}"
    period = f"{Path(figures['history']).name}: {text.utc_moment(first)} to {text.utc_moment(end)}, {size}"
    return ". ".join((period, *(f"Note: {note}" for note in figures["notes"])))


def _real(span_s: float) -> str:
    """Write a real time: `12 s`, `3 min`."""
    if span_s < 2 * SECONDS_PER_MINUTE:
        return f"{text.number(max(1, round(span_s)))} s"
    return text.duration(span_s / SECONDS_PER_MINUTE)


def _card_named(histories: Histories, name: str) -> HistoryCard | None:
    """Find a listed history by its name or its folder."""
    return next((card for card in histories.histories() if name in {card.name, histories.place_of(card)}), None)


def _with_folder(entered: Mapping[str, Any], histories: Histories) -> Mapping[str, Any]:
    """Replace the name of a listed history by what it is read from."""
    card = _card_named(histories, _text(entered, "history"))
    return entered if card is None else {**entered, "history": histories.place_of(card)}


def _folder(entered: Mapping[str, Any], readable: ReadableFiles) -> str:
    folder = _text(entered, "history")
    if is_shipped_history(folder):  # every user may read the histories that come with Mara
        return folder
    readable.require(Path(folder))
    if not folder or len(folder) > MOST_PATH_LENGTH or not Path(folder).is_dir():
        raise CommandError(
            f"the history should be a folder on the server or a shipped history, came {folder[:80]!r}: correct the path"
        )
    return folder


def _fleet(entered: Mapping[str, Any], readable: ReadableFiles) -> str | None:
    fleet = _text(entered, "fleet")[:MOST_PATH_LENGTH]
    if fleet and not fleet.isidentifier():  # a path: names of shipped fleets are identifiers
        readable.require(Path(fleet))
    return fleet or None


def _policies(entered: Mapping[str, Any]) -> tuple[str, ...]:
    policies = tuple(policy for policy in POLICIES if policy in (entered.get("policies") or ()))
    if not policies:
        raise CommandError("at least one policy is needed, came none: tick one")
    return policies


def _text(entered: Mapping[str, Any], key: str) -> str:
    return str(entered.get(key, "")).strip()


def _number(entered: Mapping[str, Any], key: str, bounds: tuple[float, float]) -> float:
    low, high = bounds
    given = _text(entered, key)
    try:
        number = float(given)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise CommandError(f"{key} should be a number from {low:g} to {high:g}, came {given[:20]!r}: correct it")
    return number
