"""Panels of the power bill: the month so far and at its end, by part and by site."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import element, panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.ledger_words import line_label
from mara.core.power_snapshot import SitePowerSnapshot
from mara.core.snapshot import Snapshot

PARTS: Final = (
    "energy",
    "adder",
    "demand_charge",
    "coincident_peak",
    "supply",
    "cfd",
    "take_or_pay",
    "battery_wear",
    "export_revenue",
    "reserve_revenue",
    "deployment_revenue",
    "reserve_penalty",
)
"""Parts of a bill, in the order in which they are shown."""
GROUPS: Final = {
    "energy": ("energy",),
    "adders": ("adder",),
    "demand": ("demand_charge",),
    "supply": ("supply", "cfd", "take_or_pay"),
    "battery": ("battery_wear", "export_revenue"),
    "products": ("reserve_revenue", "deployment_revenue", "reserve_penalty"),
}
"""Columns of the sites' bills, and the parts in each."""
MOST_SITES: Final = 50
"""Most rows of a table; sites with the largest bills come first."""
PART_COLUMNS: Final = (
    TableColumn(key="part", label="Part", look="grow"),
    TableColumn(key="spent", label="So far", look="number"),
    TableColumn(key="end", label="Month's end", look="number", hint="Expected at the end of the calendar month."),
)
SITE_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="spent", label="So far", look="number"),
    TableColumn(key="end", label="Month's end", look="number", hint="Expected at the end of the calendar month."),
    TableColumn(key="energy", label="Energy", look="number"),
    TableColumn(key="adders", label=line_label("adder"), look="number"),
    TableColumn(key="demand", label="Demand", look="number", hint="Charges on the month's highest counted power."),
    TableColumn(
        key="accrued", label="Accrued", look="number", hint="Transmission: this month's coincident peaks as they stand."
    ),
    TableColumn(key="supply", label="Supply", look="number", hint="Blocks, financial contracts and take-or-pay."),
    TableColumn(key="battery", label="Battery", look="number", hint="Wear, and what is fed into the grid."),
    TableColumn(key="products", label="Products", look="number", hint="Held ready, called, and penalties."),
)
HOW: Final = (
    "All in the calendar month of each site, as the ledger has it: a cost is negative, what is earned positive. What "
    "grows with the hours is expected to go on as in the month so far; a demand charge stands, or rises to the peak "
    "that the plan pays for. Transmission by coincident peaks is known when the month is over and due in the next "
    "year: until then it accrues, beside the total."
)


def bill_panel(first: Channel) -> None:
    """Draw the fleet's bill by part; `part_channel` states it."""
    with panel("Power bill of the month", "", HOW), scroll("Power bill of the month, by part"):
        LiveTable(
            "bill",
            columns=PART_COLUMNS,
            caption="Power bill of the month, by part",
            empty="Nothing is billed yet: the bill begins with the first tick.",
            first=first,
        )


def site_bill_panel(first: Channel, sites_count: int = 0) -> None:
    """Draw each site's bill; `site_channel` states it, for the largest of many."""
    with panel("By site"):
        with scroll("Power bills by site"):
            LiveTable(
                "bill-sites",
                columns=SITE_COLUMNS,
                caption="Power bills by site, the largest first",
                empty="Nothing is billed yet: the bill begins with the first tick.",
                first=first,
            )
        if sites_count > MOST_SITES:
            element("p", "note", f"The {MOST_SITES} largest bills of {sites_count} sites; the total is the fleet's.")


def part_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each part of the fleet's bill, their total, and what accrues."""
    sites, rows = snapshot.power, _labelled(snapshot.power)
    parts: list[tuple[str, str, float, float | None]] = [
        (kind, label, spent_usd(sites, (kind,)), month_end_usd(sites, (kind,))) for kind, label in rows.items()
    ]
    shown: Channel = {
        kind: {"rank": -place, "part": label, "spent": _money(spent), "end": _money(end)}
        for place, (kind, label, spent, end) in enumerate(parts)
    }
    shown["total"] = {
        "rank": -len(PARTS),
        "part": cell("Total", "total"),
        "spent": _money(spent_usd(sites), "total"),
        "end": _money(month_end_usd(sites), "total"),
    }
    if any(site.coincident_mw_usd is not None for site in sites):
        shown["accrued"] = {
            "rank": -len(PARTS) - 1,
            "part": "Transmission accrued, due next year",
            "spent": _money(-sum(site.accrued_peak_usd for site in sites)),
            "end": "",
        }
    return shown


def site_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each site, the largest bill first."""
    names = {site.id: site.name for site in snapshot.sites}
    largest = sorted(snapshot.power, key=lambda site: (spent_usd([site]), site.site_id))[:MOST_SITES]
    return {
        site.site_id: {
            "rank": -place,
            "site": cell(names.get(site.site_id, site.site_id), href=f"/sites/{site.site_id}"),
            "spent": _money(spent_usd([site])),
            "end": _money(month_end_usd([site])),
            "accrued": _money(-site.accrued_peak_usd),
            **{key: _money(spent_usd([site], kinds)) for key, kinds in GROUPS.items()},
        }
        for place, site in enumerate(largest)
    }


def spent_usd(sites: Sequence[SitePowerSnapshot] | SitePowerSnapshot, kinds: Iterable[str] = PARTS) -> float:
    """Sum some parts of sites' bills so far."""
    of = [sites] if isinstance(sites, SitePowerSnapshot) else sites
    wanted = frozenset(kinds)
    return sum(part.amount_usd for site in of for part in site.bill if part.kind in wanted)


def month_end_usd(sites: Sequence[SitePowerSnapshot], kinds: Iterable[str] = PARTS) -> float | None:
    """Sum some parts of sites' bills at the month's end.

    None while one of the sites tells none: a part that it does not have so far may still come.
    """
    wanted = frozenset(kinds)
    if any(part.month_end_usd is None for site in sites for part in site.bill):
        return None
    return sum(part.month_end_usd or 0.0 for site in sites for part in site.bill if part.kind in wanted)


def _labelled(sites: Sequence[SitePowerSnapshot]) -> Mapping[str, str]:
    """Labels of the parts that any site's bill has."""
    present = {part.kind for site in sites for part in site.bill}
    return {kind: line_label(kind) for kind in PARTS if kind in present}


def _money(amount_usd: float | None, state: str = "") -> Shown:
    """Format an amount with three digits; coloured where it is earned."""
    if amount_usd is None:
        return text.NOTHING
    return cell(text.usd_in_short(amount_usd), state or ("gain" if amount_usd > 0.0 else ""))
