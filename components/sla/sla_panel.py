"""Panel of tiers against their targets, and of the live contracts in most danger."""

from collections.abc import Callable, Mapping
from typing import Final

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import address, element, panel, scroll
from components.shared.view_model import Channel, Row, Shown, cell
from mara.core.contract import TIER_KEYS
from mara.core.snapshot import ContractSnapshot, Snapshot, TierSnapshot

MOST_CONTRACTS_SHOWN: Final = 20  # the page of promises has them all
BUDGET_NEARLY_USED_SHARE: Final = 0.25  # of the budget left
BEST_EFFORT = "spot"

TIER_COLUMNS = (
    TableColumn(key="tier", label="Tier", hint="With the share of ticks that is promised to be good."),
    TableColumn(
        key="on_target",
        label="On target",
        look="number",
        hint="Contracts whose availability so far meets the target, of all live ones.",
    ),
    TableColumn(key="served", label="MW served", look="number", hint="Delivered now, of what is promised."),
    TableColumn(
        key="availability",
        label="Availability",
        look="number",
        hint="Good over counted ticks of the live windows, rounded down.",
    ),
    TableColumn(
        key="budget",
        label="Budget left",
        look="number",
        hint="Bad ticks that the promises still leave room for, of all.",
    ),
)
CONTRACT_COLUMNS = (
    TableColumn(key="contract", label="Most in danger", look="grow", clipped=True),
    TableColumn(key="site", label="Site", look="site-name", clipped=True),
    TableColumn(key="power", label="MW", look="number"),
    TableColumn(
        key="availability",
        label="Availability",
        look="number",
        hint="Good ticks over counted ticks of its window, rounded down.",
    ),
    TableColumn(
        key="budget",
        label="Budget left",
        look="number",
        hint="Bad ticks that its promise still leaves room for, of all.",
    ),
)


def sla_panel(tiers: Channel, contracts: Channel, form: Callable[[], object] | None = None) -> None:
    """Draw the tables of tiers and of contracts, and `form` below them if given.

    `tier_channel` and `contract_channel` state what they show.
    """
    with panel("Service levels", "sla-panel") as top:
        with top:
            element("a", "panel-link", "All contracts").props(f'href="{address("/sla")}"')
        with element("div", "tiers"):
            LiveTable("tiers", columns=TIER_COLUMNS, caption="Promises by tier", empty="No promises yet.", first=tiers)
        with scroll("Live contracts, most in danger first"):
            LiveTable(
                "contracts",
                columns=CONTRACT_COLUMNS,
                caption="Live contracts, most in danger first",
                empty="No live contracts. They appear here as soon as the first request is booked.",
                first=contracts,
            )
        if form is not None:
            form()


def tier_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each tier, the most binding first."""
    return {tier.tier: _tier_row(tier) for tier in snapshot.tiers}


def contract_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each live contract, ranked by how fast it uses up its budget."""
    in_danger = sorted(snapshot.contracts, key=lambda contract: -_danger(contract))
    names = {site.id: site.name for site in snapshot.sites}
    return {contract.id: _contract_row(contract, names) for contract in in_danger[:MOST_CONTRACTS_SHOWN]}


def _tier_row(tier: TierSnapshot) -> Row:
    rank = -TIER_KEYS.index(tier.tier) if tier.tier in TIER_KEYS else -len(TIER_KEYS)
    promise = text.target(tier.target_share) if tier.target_share > 0 else "best effort"
    short = tier.delivered_mw < tier.promised_mw * (1 - 1e-6) and tier.target_share > 0
    served = f"{text.number(tier.delivered_mw, 1)} of {text.number(tier.promised_mw, 1)}"
    return {
        "rank": rank,
        "tier": f"{tier.tier.capitalize()} {promise}",
        "on_target": _on_target(tier),
        "served": cell(served, "warn" if short else ""),
        "availability": cell(text.availability(tier.availability_share), _availability_state(tier)),
        "budget": _budget(tier.budget_used_ticks, tier.budget_ticks, best_effort=tier.target_share <= 0),
    }


def _on_target(tier: TierSnapshot) -> Shown:
    """Return the cell of contracts on target; Spot has no target and so no number."""
    if tier.on_target_count is None:
        return text.NOTHING
    below = tier.on_target_count < tier.contracts_count
    state = "bad" if tier.broken_count else "warn" if below else ""
    return cell(text.count_of(tier.on_target_count, tier.contracts_count), state)


def _availability_state(tier: TierSnapshot) -> str:
    """Return the state of an availability.

    Below target early in a window is no breach yet, because the budget is for the whole window.
    """
    if not tier.contracts_count or tier.availability_share >= tier.target_share:
        return ""
    return "bad" if tier.broken_count else "warn"


def _contract_row(contract: ContractSnapshot, names: Mapping[str, str]) -> Row:
    best_effort = contract.tier == BEST_EFFORT
    over = contract.bad_ticks > contract.budget_ticks and not best_effort
    state = "bad" if over else "" if contract.is_on_target else "warn"
    return {
        "rank": round(_danger(contract), 4),
        "contract": cell(contract.customer or contract.id, note=f"{contract.tier.capitalize()} {contract.id}"),
        "site": _site(contract, names, best_effort=best_effort),
        "power": text.number(contract.power_mw, 1),
        "availability": cell(text.availability(contract.availability_share), state),
        "budget": _budget(contract.bad_ticks, contract.budget_ticks, best_effort=best_effort),
    }


def _site(contract: ContractSnapshot, names: Mapping[str, str], *, best_effort: bool) -> Shown:
    if not contract.served:
        return cell("off now", "" if best_effort else "bad")
    return cell(names.get(contract.site_id, contract.site_id), href=f"/sites/{contract.site_id}")


def _danger(contract: ContractSnapshot) -> float:
    """Return how near a contract is to a breach: its budget used, breaches highest."""
    if contract.tier == BEST_EFFORT:
        return -1.0
    if contract.bad_ticks > contract.budget_ticks:
        return 2.0 + contract.bad_ticks - contract.budget_ticks
    return contract.bad_ticks / (contract.budget_ticks + 1)


def _budget(used_ticks: int, budget_ticks: int, *, best_effort: bool) -> Shown:
    if best_effort:
        return text.NOTHING
    if used_ticks > budget_ticks:
        return cell(f"{text.number(used_ticks - budget_ticks)} over", "bad", 1.0)
    left_share = 1.0 - used_ticks / budget_ticks if budget_ticks else 0.0
    state = "warn" if budget_ticks and left_share <= BUDGET_NEARLY_USED_SHARE else "good"
    return cell(text.count_of(budget_ticks - used_ticks, budget_ticks), state, left_share)
