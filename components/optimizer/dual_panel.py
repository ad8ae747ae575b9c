"""Panels of the plan's shadow prices: by site as bars, and in words."""

from components.shared import format as text
from components.shared.bar_chart import Bar, BarChart, bar_legend
from components.shared.charts import csv_button
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel
from mara.core.contract import TIER_KEYS
from mara.core.snapshot import ShadowSnapshot, Snapshot

MOST_SITES = 30
LEAST_TOLD_USD = 0.01
TIERS = tuple(tier.capitalize() for tier in TIER_KEYS)
SHADOW_BARS = (
    Bar(key="racks", name="Racks", look="bar-1"),
    Bar(key="grid", name="Grid connection", look="bar-4"),
)
NO_PRICES = "The plan in force knows no shadow prices: rules and static plans have none. Start with --optimizer lp."
WORD_COLUMNS = (
    TableColumn(key="what", label="One more …", look="grow"),
    TableColumn(key="worth", label="is worth", look="number"),
)


def shadow_panel(first: Channel) -> None:
    """Draw the bars that `shadow_channel` states."""
    how = "What one more megawatt would add to the plan's profit in an hour of the present step. Zero: there is enough."
    with panel("Shadow prices by site, USD/MWh", "", how) as top:
        bar_legend(SHADOW_BARS)
        with scroll("Shadow prices by site, the dearest first"):
            chart = BarChart(
                "shadow",
                unit="USD/MWh",
                caption="Shadow prices by site",
                series=SHADOW_BARS,
                empty=NO_PRICES,
                first=first,
                decimals=2,
            )
        with top:
            csv_button(chart, "Shadow prices")


def worth_panel(first: Channel) -> None:
    """Draw the worth of more demand and budget in words; `worth_channel` states it."""
    how = "From the multipliers of the plan's constraints. A quote takes the difference of two plans instead."
    with panel("What more would be worth", "", how):
        LiveTable("worth", columns=WORD_COLUMNS, caption="What more would be worth", empty=NO_PRICES, first=first)


def shadow_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each site, the dearest first."""
    shadow = snapshot.plan.shadow
    if shadow is None:
        return {}
    prices = zip(snapshot.sites, shadow.racks_usd_per_mwh, shadow.grid_usd_per_mwh, strict=True)
    rows = [(max(racks, grid), site, racks, grid) for site, racks, grid in prices]
    dearest = sorted(rows, key=lambda row: -row[0])[:MOST_SITES]
    return {
        site.id: {"rank": round(rank, 4), "label": site.name, "racks": round(racks, 2), "grid": round(grid, 2)}
        for rank, site, racks, grid in dearest
    }


def worth_channel(snapshot: Snapshot) -> Channel:
    """Return contracts by tier, error budgets, and the two dearest sites, in words."""
    shadow = snapshot.plan.shadow
    if shadow is None:
        return {}
    lines = [*_sites(shadow, snapshot), *_demand(shadow), *_budgets(shadow)]
    return {str(i): {"rank": -i, "what": what, "worth": worth} for i, (what, worth) in enumerate(lines)}


def _sites(shadow: ShadowSnapshot, snapshot: Snapshot) -> list[tuple[str, str]]:
    parts = (("MW of racks at", shadow.racks_usd_per_mwh), ("MW of grid connection at", shadow.grid_usd_per_mwh))
    lines = []
    for what, prices in parts:
        place = max(range(len(prices)), key=prices.__getitem__, default=None)
        if place is not None and prices[place] >= LEAST_TOLD_USD:
            lines.append((f"{what} {snapshot.sites[place].name}", f"{text.number(prices[place], 2)} USD/h"))
    return lines or [("MW of racks or grid anywhere", "nothing: no site is full")]


def _demand(shadow: ShadowSnapshot) -> list[tuple[str, str]]:
    """Return the marginal value of contracts by tier: the negative of the multiplier."""
    return [
        (f"MWh of {tier} contracts", f"{text.number(-cost, 2, signed=True)} USD")
        for tier, cost in zip(TIERS, shadow.demand_usd_per_mwh, strict=True)
    ]


def _budgets(shadow: ShadowSnapshot) -> list[tuple[str, str]]:
    return [
        (f"MWh of {tier}'s error budget", f"{text.number(worth, 2)} USD")
        for tier, worth in zip(TIERS, shadow.budget_usd_per_mwh, strict=False)
    ]
