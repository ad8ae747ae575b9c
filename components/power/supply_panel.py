"""Panel of contracted supply: each contract as 24 blocks of the local day."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from nicegui import ui

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, panel, scroll
from components.shared.view_model import Channel, cell
from mara.core.power_snapshot import SupplySnapshot
from mara.core.snapshot import Snapshot

KIND_LABELS: Final = {
    "block": "Block",
    "as_produced": "As produced",
    "take_or_pay": "Take or pay",
    "cfd": "Contract for difference",
    "collar": "Collar",
}
FINANCIAL: Final = ("cfd", "collar")
MOST_CONTRACTS: Final = 60
NO_SUPPLY: Final = "No contracted supply: all power is bought at the market's price."


class SupplyShapes(ui.element, component="supply_shapes.js", esm=BROWSER_MODULES):
    """Table of the channel `supply`: contracts with their 24 local hours as blocks."""

    def __init__(self, first: Channel) -> None:
        super().__init__()
        self.props["rows"] = dict(first)
        self.props["empty"] = NO_SUPPLY
        self.mark("supply-shapes")


def supply_panel(first: Channel) -> None:
    """Draw the contracts that `supply_channel` states."""
    how = (
        "Power of each contract over today's local hours, a block an hour, the higher the more; the present hour is "
        "marked. Contracts for difference and collars are financial: they are settled, and change no plan."
    )
    with panel("Contract shapes", "", how), scroll("Contracted supply and its shape over the day"):
        SupplyShapes(first)


def supply_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each supply contract, in the fleet's order."""
    names = {site.id: (site.name, site.timezone) for site in snapshot.sites}
    rows: Channel = {}
    for site in snapshot.power:
        name, timezone = names.get(site.site_id, (site.site_id, "UTC"))
        for place, contract in enumerate(site.supplies):
            local = snapshot.at.astimezone(ZoneInfo(timezone))
            rows[f"{site.site_id} {place}"] = {
                "rank": -len(rows),
                "site": cell(name, href=f"/sites/{site.site_id}"),
                "kind": cell(
                    KIND_LABELS.get(contract.kind, contract.kind),
                    note="financial" if contract.kind in FINANCIAL else "",
                ),
                "price": _price(contract),
                **_shape(contract, local),
            }
    return dict(list(rows.items())[:MOST_CONTRACTS])


def spoken_shape(hourly_mw: tuple[float, ...]) -> str:
    """Say a shape in words: `0 to 6 h: 0.0 MW; 6 to 22 h: 20.0 MW`."""
    told, begin = [], 0
    for hour in range(1, len(hourly_mw) + 1):
        if hour == len(hourly_mw) or hourly_mw[hour] != hourly_mw[begin]:
            told.append(f"{begin} to {hour} h: {text.mw(hourly_mw[begin])}")
            begin = hour
    return "; ".join(told)


def _price(contract: SupplySnapshot) -> str:
    price = f"{text.number(contract.price_usd_per_mwh, 2)} USD/MWh"
    return f"{text.number(contract.floor_usd_per_mwh, 2)} to {price}" if contract.kind == "collar" else price


def _shape(contract: SupplySnapshot, local: datetime) -> Channel:
    """Return power and blocks of a contract; what was taken where it has no shape."""
    if not contract.hourly_mw:
        share = contract.taken_mwh / contract.due_mwh if contract.due_mwh else 0.0
        taken = f"{text.number(contract.taken_mwh)} of {text.number(contract.due_mwh)} MWh taken this year"
        due = f"{text.number(contract.due_so_far_mwh)} MWh were due by now"
        return {"power": text.NOTHING, "taken": cell(taken, share=share, note=due)}
    most = max(contract.power_mw, *contract.hourly_mw)
    return {
        "power": text.mw(contract.power_mw),
        "blocks": [round(mw / most, 2) if most else 0.0 for mw in contract.hourly_mw],
        "told": spoken_shape(contract.hourly_mw),
        "now": float(local.hour),
    }
