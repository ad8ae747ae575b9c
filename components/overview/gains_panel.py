"""Panel of the gains of placement and planning since the run began."""

from collections.abc import Callable
from dataclasses import dataclass

from components.shared import format as text
from components.shared.live import live_text
from components.shared.theme import element, explained, panel
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import GainsSnapshot, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One line of the panel: a part of a gain."""

    key: str
    label: str
    how: str
    value_usd: Callable[[GainsSnapshot], float | None]


PLACEMENT_GAINS = (
    Gain(
        key="climate",
        label="Climate",
        how="Cooling energy saved by running the same load where it is cooler, at the baseline's mean price.",
        value_usd=lambda gains: gains.climate_usd,
    ),
    Gain(
        key="time_zone",
        label="Time zones",
        how="Saved by running the same load where power is cheap at that hour, at the baseline's mean PUE.",
        value_usd=lambda gains: gains.time_zone_usd,
    ),
    Gain(
        key="interaction",
        label="Interaction",
        how="What is left of the difference when both happen at once. The three add up to the whole of it.",
        value_usd=lambda gains: gains.interaction_usd,
    ),
)
PLANNING_GAINS = (
    Gain(
        key="same_budgets",
        label="Nobody resting",
        how="Profit over the rules where neither may let a contract rest inside its error budget: two runs beside it.",
        value_usd=lambda gains: gains.optimizer_vs_rules_same_budgets_usd,
    ),
    Gain(
        key="by_resting",
        label="By resting",
        how="What letting contracts rest inside their error budgets earns this run more than it earns the rules.",
        value_usd=lambda gains: gains.optimizer_vs_rules_by_resting_usd,
    ),
)


def gains_panel(first: Channel) -> None:
    """Draw the panel that `gain_cells` states."""
    how = "For every tick the same served load is priced at the plan's sites and at the baseline's. Losses count too."
    with panel("Gains since start", "gains-panel", how):
        live_text("gain.placement", first, "gain-total figure", "p")
        live_text("gain.baseline", first, "gain-note", "p")
        _lines(PLACEMENT_GAINS, first)
        live_text("gain.carbon", first, "gain-note", "p")
        live_text("gain.day_ahead", {"gain.day_ahead": "", **first}, "gain-note gain-day-ahead", "p")
        live_text("gain.planning", first, "gain-total figure", "p")
        live_text("gain.policy", first, "gain-note", "p")
        _lines(PLANNING_GAINS, first)


def _lines(gains: tuple[Gain, ...], first: Channel) -> None:
    with element("ul", "gains"):
        for gain in gains:
            with element("li", "gain"):
                explained(element("span", "gain-label", gain.label), gain.how)
                live_text(f"gain.{gain.key}", first, "gain-value")


def gain_cells(snapshot: Snapshot) -> Channel:
    """Return the gains of placement and of planning over the rules, part by part.

    The last part of each is the remainder of the whole dollars shown, so that the parts add up on the screen.
    """
    gains = snapshot.gains
    placement_usd = gains.climate_usd + gains.time_zone_usd + gains.interaction_usd
    planning_usd = gains.optimizer_vs_rules_usd
    values_usd = _adding_up(PLACEMENT_GAINS, gains, placement_usd) | _adding_up(PLANNING_GAINS, gains, planning_usd)
    largest_usd = max(1.0, *(abs(value) for value in values_usd.values() if value is not None))
    avoided = "avoided" if gains.carbon_avoided_t >= 0 else "added"
    return {
        "gain.placement": cell(text.usd(placement_usd, signed=True), _sign_of(placement_usd)),
        "gain.baseline": f"by placement, against {gains.baseline}" if gains.baseline else "no baseline yet",
        "gain.planning": text.NOTHING
        if planning_usd is None
        else cell(text.usd(planning_usd, signed=True), _sign_of(planning_usd)),
        "gain.policy": "by planning, over the rules" if planning_usd is not None else "no rules run beside it",
        "gain.carbon": f"{text.number(abs(gains.carbon_avoided_t), 1)} t CO2 {avoided} by placement",
        "gain.day_ahead": _day_ahead(snapshot),
        **{
            f"gain.{key}": "–"
            if value is None
            else cell(text.usd(value, signed=True), _sign_of(value), abs(value) / largest_usd)
            for key, value in values_usd.items()
        },
    }


def _day_ahead(snapshot: Snapshot) -> Shown:
    """Return the gain of power bought day-ahead; nothing for a run that buys none."""
    gain_usd = snapshot.gains.day_ahead_usd
    if not gain_usd and not any(site.position_mw for site in snapshot.sites):
        return ""
    return cell(f"{text.usd(gain_usd, signed=True)} by buying power day-ahead", _sign_of(gain_usd))


def _adding_up(parts: tuple[Gain, ...], gains: GainsSnapshot, whole_usd: float | None) -> dict[str, float | None]:
    values_usd = {gain.key: gain.value_usd(gains) for gain in parts}
    if whole_usd is None or None in values_usd.values():
        return values_usd
    *first, last = parts
    shown_usd = {gain.key: float(round(values_usd[gain.key] or 0.0)) for gain in first}
    return {**shown_usd, last.key: round(whole_usd) - sum(shown_usd.values())}


def _sign_of(value_usd: float) -> str:
    return "loss" if value_usd <= -0.5 else "gain"
