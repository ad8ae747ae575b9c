"""Panel of what-if questions: changes are entered, and two plans are compared."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.optimizer_labels import maker_of
from components.shared.theme import BROWSER_MODULES, panel
from components.shared.view_model import Row, Shown
from mara.core.contract import TIER_KEYS, contract_label
from mara.core.quote import QuoteRequest
from mara.core.snapshot import SiteSnapshot
from mara.core.what_if import MovedContract, SiteWhatIf, WhatIf, WhatIfRequest
from mara.errors import CommandError, MaraError

Column: TypeAlias = tuple[str, str, int]
"""Field of a case, label of its column, and decimals."""
PERCENT: Final = 100.0
MOST_NAME_CHARACTERS: Final = 200
MOST_OFFERED_SITES: Final = 2_000
LEAST_SLACK_USD: Final = 10.0
LEAST_SLACK_SHARE: Final = 0.002
"""Uncertainty of a difference that is told, in money and as a share of it. Chosen."""
HINT: Final = (
    "Two answers of the linear program to the next tick: as it is, and with the changes from then to the end of the "
    "horizon. Nothing of the run is touched. Profit is the program's: penalties for broken promises, moves and "
    "restarts are deducted, power bought ahead is sunk. What one more megawatt-hour is worth is the program's shadow "
    "price, not the market's: where the connection or the racks are full, it follows what the load there earns, and "
    "hardly the price of power."
)
SITE_COLUMNS: Final[tuple[Column, ...]] = (
    ("mining_mw", "Mining, MW", 1),
    ("inference_mw", "Tokens, MW", 1),
    ("contracts_mw", "Contracts, MW", 1),
    ("battery_mw", "Battery, MW", 1),
    ("power_usd_per_mwh", "One more MWh of power is worth, USD", 1),
    ("racks_usd_per_mwh", "One more MWh on racks is worth, USD", 1),
)
TIER_COLUMNS: Final[tuple[Column, ...]] = (
    ("served_mwh", "Delivered, MWh", 1),
    ("rested_mwh", "Off in budgets, MWh", 1),
    ("unserved_mwh", "Not delivered, MWh", 1),
    ("cost_usd_per_mwh", "One more MWh costs, USD", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """Sizes of fleets up to which questions are answered exactly, and at all."""

    exact_sites: int
    most_sites: int


class WhatIfForm(ui.element, component="what_if_panel.js", esm=BROWSER_MODULES):
    """Form for changes, and the comparison that answers it.

    Args:
        ask: answers a question; a MaraError is shown.
    """

    def __init__(
        self, ask: Callable[[WhatIfRequest], Awaitable[WhatIf]], sites: Sequence[SiteSnapshot], limits: SizeLimits
    ) -> None:
        super().__init__()
        self._ask = ask
        self._names = {site.id: site.name for site in sites}
        self.props["sites"] = [{"id": site.id, "name": site.name} for site in sites[:MOST_OFFERED_SITES]]
        self.props["tiers"] = list(TIER_KEYS)
        self.props["answer"] = {}
        self.props["size"] = size_note(len(sites), limits)
        self.props["isOpen"] = len(sites) <= limits.most_sites
        self.on("ask-what-if", self._answer)
        self.mark("what-if")

    async def _answer(self, event: GenericEventArguments) -> None:
        try:
            found = await self._ask(question_of(event.args))
        except MaraError as error:
            self.props["answer"] = {"error": str(error)}
        else:
            self.props["answer"] = answer_of(found, self._names)
        self.update()


def what_if_panel(
    ask: Callable[[WhatIfRequest], Awaitable[WhatIf]], sites: Sequence[SiteSnapshot], limits: SizeLimits
) -> None:
    """Draw the form and, once it is asked, the answer."""
    with panel("What if", "", HINT):
        WhatIfForm(ask, sites, limits)


def size_note(sites_count: int, limits: SizeLimits) -> str:
    """Say before anything is asked what the fleet's size does to the answer."""
    if sites_count > limits.most_sites:
        return (
            f"This fleet has {text.number(sites_count)} sites, and questions are answered for up to "
            f"{text.number(limits.most_sites)}: two plans of more take too long beside the run. Ask about a part of "
            "the fleet, in a run of its own."
        )
    if sites_count > limits.exact_sites:
        return (
            f"This fleet has {text.number(sites_count)} sites. Above {text.number(limits.exact_sites)} both plans are "
            "made in blocks, which takes minutes; the answer then says between which figures the difference lies."
        )
    return ""


def question_of(given: object) -> WhatIfRequest:
    """Parse the changes that were entered; percents become shares.

    Raises:
        CommandError: an entry is no number, or the contract is incomplete.
    """
    entered: Mapping[str, Any] = given if isinstance(given, dict) else {}
    off = entered.get("off")
    tier = str(entered.get("tier", ""))
    return WhatIfRequest(
        price_change_share=_number(entered, "price", "the price of power in percent") / PERCENT,
        price_change_usd_per_mwh=_number(entered, "usd", "the price of power in USD/MWh"),
        price_site_id=str(entered.get("site", ""))[:MOST_NAME_CHARACTERS],
        hashprice_change_share=_number(entered, "hashprice", "the hashprice in percent") / PERCENT,
        token_price_change_share=_number(entered, "tokens", "the token price in percent") / PERCENT,
        off_site_ids=tuple(str(site)[:MOST_NAME_CHARACTERS] for site in off) if isinstance(off, list) else (),
        contract=None
        if not tier
        else QuoteRequest(
            tier=tier[:MOST_NAME_CHARACTERS],
            power_mw=_number(entered, "mw", "the contract's power in MW"),
            duration_h=_number(entered, "hours", "the contract's hours"),
        ),
    )


def answer_of(found: WhatIf, names: Mapping[str, str]) -> Row:
    """Return the texts of an answer, sites that change most first."""
    gain_usd = found.gain_usd
    sites = sorted(found.sites, key=lambda site: -_difference(site))
    has_batteries = any(site.now.battery_mw or site.changed.battery_mw for site in found.sites)
    columns = [column for column in SITE_COLUMNS if has_batteries or column[0] != "battery_mw"]
    by_site = [(site.name, site.now, site.changed) for site in sites]
    by_tier = [(tier.tier.capitalize(), tier.now, tier.changed) for tier in found.tiers]
    return {
        "gain": text.usd(gain_usd, signed=True),
        "state": "gain" if gain_usd > 0 else "loss" if gain_usd < 0 else "",
        "profits": f"{text.usd(found.profit_now_usd)} as it is, {text.usd(found.profit_changed_usd)} with the change",
        "within": _within(found),
        "span": f"Profit of the next {found.horizon_h:g} h from {text.utc_moment(found.at)}",
        "in_force": _in_force(found),
        "moves": [_move(move, names) for move in found.moves],
        "tables": [
            _table("By site, mean over the horizon", "Site", columns, by_site),
            _table("By tier, over the horizon", "Tier", TIER_COLUMNS, by_tier),
        ],
    }


def _within(found: WhatIf) -> str:
    """Say between which figures the difference of near-optimal plans lies."""
    slack_usd = found.most_gain_usd - found.least_gain_usd
    if slack_usd < max(LEAST_SLACK_USD, LEAST_SLACK_SHARE * abs(found.gain_usd)):
        return ""
    least, most = (text.usd(gain, signed=True) for gain in (found.least_gain_usd, found.most_gain_usd))
    return f"A fleet of this size is planned in blocks: the true difference lies between {least} and {most}."


def _in_force(found: WhatIf) -> str:
    """Say what the plan in force expected when it was made."""
    if found.in_force_tick is None:
        return "No plan is in force yet."
    maker = maker_of(found.in_force_optimizer)
    if found.in_force_usd is None:
        return f"The plan in force was made by {maker} at tick {found.in_force_tick}, without an expected profit."
    expected = text.usd(found.in_force_usd)
    return f"The plan in force, made by {maker} at tick {found.in_force_tick}, expected {expected} from then on."


def _difference(site: SiteWhatIf) -> float:
    fields = (field for field, _, _ in SITE_COLUMNS if field.endswith("_mw"))
    return float(sum(abs(getattr(site.changed, field) - getattr(site.now, field)) for field in fields))


def _table(label: str, head: str, columns: Sequence[Column], rows: Sequence[tuple[str, object, object]]) -> Row:
    """Return a table of two plans; its rows are a name and both cases."""
    return {
        "label": label,
        "head": head,
        "columns": [column for _, column, _ in columns],
        "rows": [
            [name, *(_cell(getattr(now, field), getattr(changed, field), digits) for field, _, digits in columns)]
            for name, now, changed in rows
        ],
    }


def _cell(now: float, changed: float, decimals: int) -> Shown:
    before, after = text.number(now, decimals), text.number(changed, decimals)
    return {"text": before} if before == after else {"text": f"{before} \u2192 {after}", "state": "changed"}


def _move(move: MovedContract, names: Mapping[str, str]) -> str:
    start, end = (names.get(site, site) or "off" for site in (move.from_site_id, move.to_site_id))
    name = contract_label(move.contract_id, move.customer)
    return f"{name}, {move.tier}, {text.mw(move.power_mw)}: {start} \u2192 {end}"


def _number(entered: Mapping[str, Any], key: str, what: str) -> float:
    """Parse one entry; an empty one is zero."""
    given = str(entered.get(key, "")).strip().replace(text.MINUS, "-")
    try:
        found = float(given or 0.0)
    except ValueError as error:
        raise CommandError(f"{what} should be a number, {given[:40]!r} came: correct it") from error
    if not isfinite(found):
        raise CommandError(f"{what} should be a finite number, {given[:40]!r} came: correct it")
    return found
