"""Table of every contract of the run, live and ended, with filters and details."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.live import TableColumn, live_text
from components.shared.theme import BROWSER_MODULES, element
from components.shared.view_model import Channel, Row, Shown, cell
from mara.core.contract import TARGET_PPM, TIER_KEYS
from mara.core.history import ContractRow
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.standing import BEST_EFFORT, DANGER_SHARE, standings_of, state_of
from mara.core.units import MICRO_USD_PER_USD, MINUTES_PER_HOUR, PPM

MOST_LIVE: Final = 400
MOST_ENDED: Final = 400
"""Most rows of each kind: the live in most danger, the newest ended.

The export has all contracts.
"""
CLIFF: Final = 3.0
"""Cost of the next bad tick over its revenue, from which on it stands out."""
ABOVE_ALL: Final = 1e12
"""Rank of waiting contracts; ended ones rank as far below zero, the newest first."""
OWED_LABELS: Final = (
    ("promised-off", "Promised and not served now"),
    ("credits-paid", "Credits of windows that have closed"),
    ("credits-owed", "Credits owed, did all windows close now"),
    ("dearest-fault", "Dearest next bad tick"),
)
STATES: Final = (
    ("live", "Live"),
    ("waiting", "Waiting"),
    ("off", "Off now"),
    ("danger", "In danger"),
    ("broken", "Broken"),
    ("ended", "Ended"),
    ("", "All"),
)
COLUMNS: Final = (
    TableColumn(key="customer", label="Customer", look="grow", clipped=True),
    TableColumn(key="tier_name", label="Tier", look="desk"),
    TableColumn(key="power", label="MW", look="number desk"),
    TableColumn(key="life", label="Life", look="desk", hint="What is left of it, or when it ended; simulated time."),
    TableColumn(key="now", label="Now", hint="The site that serves it."),
    TableColumn(
        key="availability",
        label="Availability",
        look="number",
        hint="Good ticks over counted ones of its window, rounded down.",
    ),
    TableColumn(key="target", label="Target", look="number desk roomy"),
    TableColumn(
        key="bad_ticks", label="Bad ticks", look="number", hint="Of those that its promise tolerates in the window."
    ),
    TableColumn(
        key="burn",
        label="Burn",
        look="number desk roomy",
        hint="1 uses up the budget exactly at the window's end; above 1 it will break.",
    ),
    TableColumn(
        key="credits",
        label="Credits",
        look="number desk",
        hint="Of closed windows, and what the present one would owe, did it close as it stands.",
    ),
    TableColumn(
        key="next_bad_tick",
        label="Next bad tick",
        look="number desk",
        hint="What it costs: the tick's own charge, and the credit it adds if all other ticks of the window are good.",
    ),
)


class ContractTable(ui.element, component="contract_table.js", esm=BROWSER_MODULES):
    """Table of all power contracts, filled from the channel `promises`.

    Filters and order are kept in the page's address. A click on a row calls `opened` with the id of its contract.

    Args:
        csv_path: path on this server that sends what the filters find as a file.
    """

    def __init__(self, first: Channel, opened: Callable[[str], Awaitable[object]], csv_path: str) -> None:
        super().__init__()
        self.props["columns"] = [asdict(column) for column in COLUMNS]
        self.props["rows"] = dict(first)
        self.props["tiers"] = [{"key": tier, "label": tier.capitalize()} for tier in TIER_KEYS]
        self.props["states"] = [{"key": key, "label": label} for key, label in STATES]
        self.props["csv"] = csv_path
        self._opened = opened
        self.on("show-contract", self._open)
        self.mark("contract-table")

    async def _open(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        await self._opened(str(given.get("id", "")))


def promise_channel(snapshot: Snapshot, stored: Iterable[ContractRow]) -> Channel:
    """Return a row for each contract: those in most danger first, ended ones last."""
    known = {row.id: row for row in stored}
    live = sorted(snapshot.contracts, key=lambda contract: -_rank(contract))[:MOST_LIVE]
    names = {site.id: site.name for site in snapshot.sites}
    rows: Channel = {}
    for contract in live:
        before = known.get(contract.id)
        credits_usd = contract.credit_usd + (_credit_usd(before) if before else 0.0)
        rows[contract.id] = _live_row(contract, snapshot, names, credits_usd)
    for row in known.values():
        if row.state == "waiting" and row.id not in rows:
            rows[row.id] = _waiting_row(row)
    gone = [row for row in known.values() if row.state == "ended" and row.id not in rows]
    for row in sorted(gone, key=lambda row: row.ends_at, reverse=True)[:MOST_ENDED]:
        rows[row.id] = _ended_row(row, snapshot)
    return rows


def owed_cells(snapshot: Snapshot, stored: Iterable[ContractRow]) -> Channel:
    """Return the cells of credits owed so far, and of the next bad tick's cost."""
    paid_usd = sum(_credit_usd(row) for row in stored)
    owed_usd = sum(contract.credit_usd for contract in snapshot.contracts)
    off_mw = sum(c.power_mw for c in snapshot.contracts if not c.served and c.tier != BEST_EFFORT)
    dearest = max(snapshot.contracts, key=lambda contract: contract.next_bad_tick_cost_usd, default=None)
    named = text.NOTHING
    if dearest is not None:
        cost = text.usd_in_short(dearest.next_bad_tick_cost_usd)
        named = f"{cost}: {dearest.customer or dearest.id} ({dearest.tier.capitalize()}, {dearest.id})"
    return {
        "promised-off": cell(text.mw(off_mw), "warn" if off_mw > 0.0 else ""),
        "credits-paid": text.usd(paid_usd),
        "credits-owed": cell(text.usd(owed_usd), "bad" if owed_usd else ""),
        "dearest-fault": named,
    }


def owed_figures(first: Channel) -> None:
    """Draw the figures of `owed_cells`."""
    with element("dl", "sla-figures"):
        for name, label in OWED_LABELS:
            with element("div"):
                element("dt", "", label)
                with element("dd"):
                    live_text(name, first)


def bad_ticks_cell(bad_ticks: int, budget_ticks: int, tier: str) -> Shown:
    """Return the cell of bad ticks used of the budget, with a bar."""
    if tier == BEST_EFFORT:
        return text.number(bad_ticks)
    share = bad_ticks / budget_ticks if budget_ticks else float(bad_ticks > 0)
    state = "bad" if bad_ticks > budget_ticks else "warn" if share >= DANGER_SHARE else "good"
    return cell(text.count_of(bad_ticks, budget_ticks), state, share)


def target_text(tier: str) -> str:
    """Format the availability target of a tier."""
    share = TARGET_PPM[TIER_KEYS.index(tier)] / PPM
    return text.target(share) if share else "best effort"


def next_fault_cell(contract: ContractSnapshot, snapshot: Snapshot) -> Shown:
    """Return the cell of the next bad tick's cost; a high one stands out."""
    own_usd = contract.rate_usd_per_mwh * contract.power_mw * snapshot.tick_minutes / MINUTES_PER_HOUR
    is_cliff = contract.next_bad_tick_cost_usd > CLIFF * own_usd
    return cell(text.usd_in_short(contract.next_bad_tick_cost_usd), "warn" if is_cliff else "")


def _live_row(contract: ContractSnapshot, snapshot: Snapshot, names: dict[str, str], credits_usd: float) -> Row:
    best_effort = contract.tier == BEST_EFFORT
    state = state_of(contract)
    left_minutes = (contract.ends_at - snapshot.at).total_seconds() / MINUTES_PER_HOUR
    off = cell("off", "" if best_effort else "bad")
    return _row(
        contract,
        rank=round(_rank(contract), 4),
        state=" ".join(standings_of(contract)),
        by={
            "life": contract.ends_at.timestamp(),
            "now": names.get(contract.site_id, contract.site_id) if contract.served else "",
            "availability": round(contract.availability_share, 4),
            "bad_ticks": contract.bad_ticks,
            "burn": None if best_effort else round(contract.burn_rate_share, 2),
            "credits": round(credits_usd),
            "next_bad_tick": float(f"{contract.next_bad_tick_cost_usd:.3g}"),
        },
        life=f"{text.duration(_coarse(left_minutes))} left",
        now=names.get(contract.site_id, contract.site_id) if contract.served else off,
        availability=cell(text.availability(contract.availability_share), _availability_state(contract, state)),
        bad_ticks=bad_ticks_cell(contract.bad_ticks, contract.budget_ticks, contract.tier),
        burn=text.NOTHING if best_effort else cell(_burn(contract), "warn" if contract.burn_rate_share > 1.0 else ""),
        credits=cell(text.usd(credits_usd), "bad" if credits_usd else ""),
        next_bad_tick=next_fault_cell(contract, snapshot),
    )


def _row(
    contract: ContractSnapshot | ContractRow, *, rank: float, state: str, by: dict[str, Shown], **cells: Shown
) -> Row:
    """Return a row of cells: the given ones, and those that all contracts have.

    Args:
        by: values that columns are sorted by, no finer than their texts, so that no more is sent than is seen.
    """
    tier = TIER_KEYS.index(contract.tier)
    return {
        **dict.fromkeys((column.key for column in COLUMNS), text.NOTHING),
        "rank": rank,
        "by": {"tier_name": tier, "target": TARGET_PPM[tier], "power": contract.power_mw, **by},
        "state": state,
        "id": contract.id,
        "tier": contract.tier,
        "customer": contract.customer or contract.id,
        "tier_name": contract.tier.capitalize(),
        "power": text.number(contract.power_mw, 1),
        "target": target_text(contract.tier),
        **cells,
    }


def _availability_state(contract: ContractSnapshot, state: str) -> str:
    if state == "broken":
        return "bad"
    return "" if contract.is_on_target else "warn"


def _coarse(minutes: float) -> float:
    """Round minutes to whole hours from two hours on, so that fewer changes are sent."""
    whole = max(minutes, 0.0)
    return whole if whole < 2 * MINUTES_PER_HOUR else whole - whole % MINUTES_PER_HOUR


def _burn(contract: ContractSnapshot) -> str:
    return text.number(contract.burn_rate_share, 2 if contract.burn_rate_share < 9.995 else 0)


def _waiting_row(row: ContractRow) -> Row:
    """Return the row of a booked contract, which is first until its first tick."""
    return _row(
        row,
        rank=ABOVE_ALL,
        state=" ".join(standings_of(row)),
        by={"life": row.ends_at.timestamp(), "now": ""},
        life=f"from {text.utc_short_moment(row.starts_at)}",
        now=cell("waiting", "warn"),
    )


def _ended_row(row: ContractRow, snapshot: Snapshot) -> Row:
    is_cancelled = row.ends_at > snapshot.at
    share = row.availability_share
    broken = share is not None and share < TARGET_PPM[TIER_KEYS.index(row.tier)] / PPM
    credit_usd = _credit_usd(row)
    return _row(
        row,
        rank=row.ends_at.timestamp() - ABOVE_ALL,
        state="ended",
        by={
            "life": row.ends_at.timestamp(),
            "now": "",
            "availability": None if share is None else round(share, 4),
            "bad_ticks": row.bad_ticks,
            "credits": round(credit_usd),
        },
        life=f"to {text.utc_short_moment(row.ends_at)}",
        now="cancelled" if is_cancelled else "ended",
        availability=text.NOTHING if share is None else cell(text.availability(share), "bad" if broken else ""),
        bad_ticks=text.number(row.bad_ticks),
        credits=cell(text.usd(credit_usd), "bad" if credit_usd else ""),
    )


def _credit_usd(row: ContractRow) -> float:
    return row.credit_micro_usd / MICRO_USD_PER_USD


def _rank(contract: ContractSnapshot) -> float:
    """Return the rank: broken first, then by budget used, best effort last."""
    if contract.tier == BEST_EFFORT:
        return -1.0
    if contract.bad_ticks > contract.budget_ticks:
        return 2.0 + contract.bad_ticks - contract.budget_ticks
    return contract.bad_ticks / (contract.budget_ticks + 1)
