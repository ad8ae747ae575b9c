"""Panel of profit over simpler policies, which run beside the live one."""

from datetime import timedelta

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.theme import panel
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import GainsSnapshot, Snapshot
from mara.optimizer_names import LABELS, RULES, STATIC, STATIC_BREAKEVEN

COLUMNS = (
    TableColumn(key="policy", label="Profit over", look="grow"),
    TableColumn(key="today", label="Today", look="number", hint="Since 00:00 UTC."),
    TableColumn(key="since", label="Since start", look="number"),
)


def against_panel(first: Channel, cells: Channel) -> None:
    """Draw the table that `against_channel` and `against_cells` state."""
    how = (
        "The other policy runs a shadow of the fleet: same prices, weather, outages and requests, other decisions. "
        "Credits owed so far are taken off on both sides, as if all windows closed now. The gain over the rules is the "
        "gain where neither may let a contract rest, and what resting contracts earns more than it earns the rules."
    )
    with panel("Against simpler policies", "", how):
        live_text("against.note", {"against.note": "", **cells}, "note", "p")
        LiveTable(
            "against",
            columns=COLUMNS,
            caption="Profit over simpler policies",
            empty="No other policy runs beside this one, so that nothing can be compared.",
            first=first,
        )


def against_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each policy that runs beside the live one."""
    gains = snapshot.gains
    rows = {
        RULES: (LABELS[RULES], gains.optimizer_vs_rules_today_usd, gains.optimizer_vs_rules_usd),
        "same-budgets": (
            "– nobody resting",
            gains.optimizer_vs_rules_same_budgets_today_usd,
            gains.optimizer_vs_rules_same_budgets_usd,
        ),
        "by-resting": (
            "– by resting",
            _left_over(gains.optimizer_vs_rules_today_usd, gains.optimizer_vs_rules_same_budgets_today_usd),
            _left_over(gains.optimizer_vs_rules_usd, gains.optimizer_vs_rules_same_budgets_usd),
        ),
        STATIC_BREAKEVEN: (
            LABELS[STATIC_BREAKEVEN],
            gains.optimizer_vs_static_breakeven_today_usd,
            gains.optimizer_vs_static_breakeven_usd,
        ),
        STATIC: (LABELS[STATIC], gains.optimizer_vs_static_today_usd, gains.optimizer_vs_static_usd),
        "flexibility": ("Never resting contracts", gains.sla_flexibility_today_usd, gains.sla_flexibility_usd),
    }
    return {
        key: {"rank": -i, "policy": label, "today": _amount(today), "since": _amount(since)}
        for i, (key, (label, today, since)) in enumerate(rows.items())
        if today is not None or since is not None
    }


def against_cells(snapshot: Snapshot) -> Channel:
    """Return the cell that says since when the comparison counts."""
    return {"against.note": _since(snapshot.gains, snapshot)}


def _since(gains: GainsSnapshot, snapshot: Snapshot) -> str:
    since_tick = gains.shadows_since_tick
    if since_tick is None:
        return ""
    if since_tick > snapshot.tick:
        return "The comparison begins with the first plan in force."
    minutes = (snapshot.tick - since_tick) * snapshot.tick_minutes
    side_by_side = f"Side by side for {text.duration(minutes + snapshot.tick_minutes)}"
    if since_tick == 0:
        return f"{side_by_side}."
    since = text.utc_moment(snapshot.at - timedelta(minutes=minutes))
    return f"{side_by_side}, from the first plan in force on ({since})."


def _left_over(whole_usd: float | None, part_usd: float | None) -> float | None:
    """Return the rest of a gain in whole dollars, so that both parts add up as shown."""
    return None if whole_usd is None or part_usd is None else float(round(whole_usd) - round(part_usd))


def _amount(gain_usd: float | None) -> Shown:
    if gain_usd is None:
        return text.NOTHING
    return cell(text.usd(gain_usd, signed=True), "loss" if gain_usd <= -0.5 else "gain")
