"""Fields and types that the JSON report of a run must have."""

from collections.abc import Iterator
from typing import Any

TIERS = ("premium", "standard", "flexible", "spot")
TIER_FIELDS = {
    "promised_mwh": float,
    "delivered_mwh": float,
    "availability_share": float,
    "bad_ticks": int,
    "credits_usd": float,
    "stops_per_contract_day": float,
    "median_rest_minutes": float,
}
REVENUES = dict.fromkeys(("mining", "inference", "contracts", "sellback"), float)
COSTS = dict.fromkeys(("energy", "carbon", "migration", "restart", "credits"), float)
BACKTEST = {
    "optimizer": str,
    "fleet": str,
    "history": str,
    "from": str,
    "to": str,
    "ticks": int,
    "sites": int,
    "profit_usd": float,
    "revenue_usd": REVENUES,
    "cost_usd": COSTS,
    "energy_mwh": float,
    "emissions_t": float,
    "renewable_share": float,
    "sla": dict.fromkeys(TIERS, TIER_FIELDS),
    "bound_usd": None,
    "share_of_bound": None,
    "wall_s": float,
    "site_steps_per_s": float,
    "seed": int,
    "version": str,
    "plays": str,
}
SIMULATION = BACKTEST | {
    "history": None,
    "budget_ticks_spent": dict.fromkeys(TIERS, int),
    "credits": dict.fromkeys(TIERS, float),
    "outages": int,
    "refusals": int,
    "gains": dict.fromkeys(
        (
            "climate",
            "time_zone",
            "interaction",
            "sla_flexibility",
            "optimizer_vs_rules",
            "optimizer_vs_rules_same_budgets",
            "optimizer_vs_rules_by_resting",
        ),
        float,
    ),
}
OF_THE_MACHINE = ("wall_s", "site_steps_per_s")
"""Fields in which equal runs may differ."""


def faults_of(report: dict[str, Any], fields: dict[str, Any], path: str = "") -> Iterator[str]:
    """Dotted names of fields that are missing or of another type; more may be there."""
    for name, kind in fields.items():
        where = path + name
        if name not in report:
            yield f"{where} is missing"
        elif isinstance(kind, dict):
            yield from faults_of(report[name], kind, f"{where}.")
        elif kind is None:
            if report[name] is not None:
                yield f"{where} should be null"
        elif type(report[name]) is not kind:
            yield f"{where} should be {kind.__name__}, is {report[name]!r}"


def same_run(report: dict[str, Any]) -> dict[str, Any]:
    """The report without the fields that depend on the machine."""
    return {name: value for name, value in report.items() if name not in OF_THE_MACHINE}


def imbalance_usd(report: dict[str, Any]) -> float:
    """Profit less revenue plus cost."""
    return float(report["profit_usd"] - sum(report["revenue_usd"].values()) + sum(report["cost_usd"].values()))
