"""Names of ledger lines in words, the same on screens, in answers and in bills."""

from collections.abc import Mapping
from typing import Final

from mara.core.contract import TIER_KEYS

LINE_LABELS: Final[Mapping[str, str]] = {
    "mining": "Mining",
    "inference": "Merchant inference",
    "contract": "Contracts",
    "sellback": "Power sold back",
    "energy": "Power bought",
    "hedge": "Power bought ahead",
    "day_ahead": "Saved by buying day-ahead",
    "carbon": "Carbon",
    "migration": "Moves",
    "restart": "Miner restarts",
    "credit": "Service credits",
    "adder": "Charge on energy",
    "demand_charge": "Demand charges",
    "coincident_peak": "Transmission, peaks of the month before",
    "battery_wear": "Battery wear",
    "export_revenue": "Fed into the grid",
    "reserve_revenue": "Products, held ready",
    "deployment_revenue": "Products, called",
    "reserve_penalty": "Products, fell short",
    "supply": "Contracted supply, against the market",
    "cfd": "Contracts for difference, collars",
    "take_or_pay": "Take-or-pay, not taken",
    "meter": "Corrected by the meter",
}
"""Labels of ledger lines by their stored name; a tier may follow it."""


def line_label(kind: str) -> str:
    """Label a ledger line: `contract_premium` becomes `Contracts, Premium`."""
    first, _, tier = kind.rpartition("_")
    if tier in TIER_KEYS and first in LINE_LABELS:
        return f"{LINE_LABELS[first]}, {tier.capitalize()}"
    return LINE_LABELS[kind]
