"""Panel of the plan ahead: each site by the hour, and who made the plan when."""

from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.live import live_text
from components.shared.optimizer_labels import STATUS, maker_of
from components.shared.theme import BROWSER_MODULES, element, panel
from components.shared.view_model import Channel, Row, Shown, ViewModel
from mara.core.plan_ahead import PlanAhead, SiteAhead
from mara.core.snapshot import Snapshot

MOST_SITES: Final = 100
HINT: Final = (
    "The plan in force as it was made: mean IT power of each clock hour in UTC. Ticks follow it in whole contracts and "
    "at the price that comes; a new plan is made every hour, and when something important happens. In prices behind it "
    "~ marks a guess; the others are published."
)
NONE_YET: Final = "No plan yet: it comes with the first tick after the start."
PRESENT_ONLY: Final = (
    "{optimizer} plans only the present, so nothing is planned for later hours. The linear program plans a day: "
    "MARA_OPTIMIZER=lp."
)


class PlanTable(ui.element, component="plan_table.js", esm=BROWSER_MODULES):
    """Table of sites by hours for one quantity at a time, sorted by any column.

    It follows the channels `ahead`, a row for each site, and `ahead-hours`: the hours,
    and why there may be none.
    """

    def __init__(self, rows: Channel, hours: Channel) -> None:
        super().__init__()
        self.props["rows"] = dict(rows)
        self.props["hours"] = dict(hours)
        self.mark("plan-table")


def plan_panel(picture: ViewModel) -> None:
    """Draw the panel that `plan_channels` states."""
    with panel("Plan of the next 24 hours, by the hour", "", HINT):
        with element("p", "note"):
            live_text("ahead.made", picture.get("cells", {}))
        PlanTable(picture.get("ahead", {}), picture.get("ahead-hours", {"empty": NONE_YET}))


def plan_channels(snapshot: Snapshot, ahead: PlanAhead | None) -> ViewModel:
    """Return the plan by site and hour, and a sentence on its maker and age.

    Of a large fleet the sites with the most planned power are shown.
    """
    if ahead is None:
        return {"cells": {"ahead.made": NONE_YET}, "ahead": {}, "ahead-hours": {"empty": NONE_YET}}
    label = maker_of(ahead.optimizer)
    empty = "" if ahead.at else PRESENT_ONLY.format(optimizer=label)
    named = dict(zip((site.id for site in snapshot.sites), (site.name for site in snapshot.sites), strict=True))
    shown = sorted(ahead.sites, key=lambda site: -_energy(site))[:MOST_SITES]
    return {
        "cells": {"ahead.made": _made(ahead, label, len(ahead.sites) - len(shown))},
        "ahead": {site.site_id: _row(site, named.get(site.site_id, site.site_id)) for site in shown},
        "ahead-hours": {"at": [at.timestamp() for at in ahead.at], "empty": empty},
    }


def _made(ahead: PlanAhead, label: str, left_out_count: int) -> str:
    """Say who made the plan, when, and how old it is."""
    age = f"{text.duration(ahead.age_minutes)} ago" if ahead.age_minutes else "with this tick"
    note = f" {ahead.note[:1].upper()}{ahead.note[1:]}." if ahead.note else ""
    left_out = f" {left_out_count} sites with less planned power are not shown." if left_out_count else ""
    how = STATUS.get(ahead.status, ahead.status)
    return f"Made by {label} at {text.utc_moment(ahead.made_at)}, {age}: {how}.{note}{left_out}"


def _energy(site: SiteAhead) -> float:
    return sum(site.mining_mw) + sum(site.inference_mw) + sum(site.contracts_mw)


def _row(site: SiteAhead, name: str) -> Row:
    return {
        "name": name,
        "price": _rounded(site.energy_price_usd_per_mwh),
        "published": [float(known) for known in site.is_published],
        "mining": _rounded(site.mining_mw),
        "inference": _rounded(site.inference_mw),
        "contracts": _rounded(site.contracts_mw),
        "battery": _rounded(site.battery_mw),
    }


def _rounded(values: tuple[float, ...]) -> list[Shown]:
    return [round(value, 2) for value in values]
