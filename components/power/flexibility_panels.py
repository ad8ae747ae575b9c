"""Panels of flexibility: what is sold to grid products, and what batteries do."""

from datetime import timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from components.power.peak_panels import hour_rows
from components.power.power_figures import battery_now, call_end
from components.shared import format as text
from components.shared.bar_chart import Bar, BarChart, bar_legend
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.power_snapshot import AwardSnapshot, SitePowerSnapshot
from mara.core.snapshot import Snapshot
from mara.core.units import TOLERANCE_MW

AWARD_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="product", label="Product"),
    TableColumn(key="sold", label="Sold", look="number", hint="Held ready at the meter; no megawatt is sold twice."),
    TableColumn(key="price", label="Pays", look="number", hint="For a megawatt held ready for an hour, now."),
    TableColumn(key="now", label="Now", hint="Held ready, or called: what must stay away, and what does."),
    TableColumn(key="headroom", label="Headroom", look="number", hint="What the site could sell beyond all of it."),
)
BATTERY_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="stored", label="Stored", look="number"),
    TableColumn(key="now", label="Now", hint="At the meter."),
    TableColumn(key="next", label="Next", look="grow", hint="The next change that the plan has for it, local time."),
)
BATTERY_BARS: Final = (
    Bar(key="mw", name="Delivered by all batteries, MW; charging below zero", look="bar-2", is_loss=False),
)


def award_panel(first: Channel) -> None:
    """Draw awards, headroom and calls under way; `award_channel` states them."""
    how = (
        "Products pay for power that can go when the grid calls. Only what runs and may stop is sold: miners, merchant "
        "inference, Spot, and batteries with the energy for it; never what Premium, Standard or the reserve need."
    )
    with panel("Grid products", "", how), scroll("Power sold to grid products"):
        LiveTable(
            "awards",
            columns=AWARD_COLUMNS,
            caption="Power sold to grid products, by site",
            empty="No products: name a file of them with MARA_PRODUCTS, such as ercot.",
            first=first,
        )


def battery_panel(first: Channel, hours: Channel) -> None:
    """Draw batteries and their plan; `battery_channel` and `plan_channel` state them."""
    with panel("Batteries", "", "Energy stored, what flows now, and the plan in force by the hour.") as top:
        with top:
            bar_legend(BATTERY_BARS)
        with scroll("Batteries, by site"):
            LiveTable(
                "batteries",
                columns=BATTERY_COLUMNS,
                caption="Batteries, by site",
                empty="No site has one.",
                first=first,
            )
        with scroll("Plan of all batteries, by hour"):
            BarChart(
                "battery-hours",
                unit="MW",
                caption="Plan of all batteries, by hour",
                series=BATTERY_BARS,
                empty="The plan in force looks no hour ahead, or there is no battery.",
                first=hours,
                decimals=1,
            )


def award_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each site and product; one for a site that sold nothing."""
    names = {site.id: site.name for site in snapshot.sites}
    rows: Channel = {}
    rank = 0
    for site in snapshot.power:
        link = cell(names.get(site.site_id, site.site_id), href=f"/sites/{site.site_id}")
        headroom: Shown = text.mw(site.headroom_mw)
        if not site.awards and (site.headroom_mw > TOLERANCE_MW or site.flexible_mw > TOLERANCE_MW):
            rows[site.site_id] = {"rank": rank, "site": link, "product": "none sold", "headroom": headroom}
            rank -= 1
        for place, award in enumerate(site.awards):
            rows[f"{site.site_id} {award.product}"] = {
                "rank": rank,
                "site": link,
                "product": award.product,
                "sold": text.mw(award.award_mw),
                "price": f"{text.number(award.price_usd_per_mw_h, 2)} USD/MW/h",
                "now": _called(award, snapshot),
                "headroom": "" if place else headroom,
            }
            rank -= 1
    return rows if any(site.awards for site in snapshot.power) or _sells(snapshot) else {}


def battery_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each battery, in the fleet's order."""
    places = {site.id: (site.name, ZoneInfo(site.timezone)) for site in snapshot.sites}
    return {
        site.site_id: {
            "rank": -place,
            "site": cell(places[site.site_id][0], href=f"/sites/{site.site_id}"),
            "stored": cell(
                f"{text.number(site.stored_mwh, 1)} of {text.number(site.energy_mwh, 1)} MWh",
                share=site.stored_mwh / site.energy_mwh,
            ),
            "now": battery_now(site.battery_mw),
            "next": _next_change(site, places[site.site_id][1], snapshot),
        }
        for place, site in enumerate(snapshot.power)
        if site.energy_mwh > 0.0
    }


def plan_channel(snapshot: Snapshot) -> Channel:
    """Return what the plan in force has for all batteries, by the hour."""
    plans = [site.planned_battery_mw for site in snapshot.power if site.planned_battery_mw]
    if not plans:
        return {}
    return hour_rows(snapshot, [{"mw": round(sum(hour), 1)} for hour in zip(*plans, strict=True)])


def _sells(snapshot: Snapshot) -> bool:
    """Say whether the fleet has sold products in the month."""
    return any(part.kind == "reserve_revenue" for site in snapshot.power for part in site.bill)


def _called(award: AwardSnapshot, snapshot: Snapshot) -> Shown:
    if award.called_mw <= 0.0:
        return "held ready"
    is_short = award.delivered_mw < award.called_mw - TOLERANCE_MW
    return cell(
        f"{text.mw(award.called_mw)} called until {call_end(award, snapshot)} UTC",
        "bad" if is_short else "warn",
        note=f"{text.mw(award.delivered_mw)} stay away",
    )


def _next_change(site: SitePowerSnapshot, clock: tzinfo, snapshot: Snapshot) -> str:
    """Say when the plan next has a battery do something else, in local time."""
    does = [battery_now(round(planned_mw, 1)) for planned_mw in site.planned_battery_mw]
    if not does:
        return text.NOTHING
    now = does[0].split()[0]
    for hour, then in enumerate(does):
        if then.split()[0] != now:
            at = snapshot.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour)
            return f"{then} from {at.astimezone(clock):%H:%M %Z}"
    return f"{now} for {text.number(len(does))} h"
