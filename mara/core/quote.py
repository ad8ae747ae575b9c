"""A quote: what one more contract would cost, where it would run, what may befall it, and what would fit instead.

Plain values for the outside, as in a snapshot.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Final

from mara.core.arrays import Floats, Ints

REGION_KEYS: Final = ("americas", "europe", "asia-pacific")
"""Where a customer is, in the order of `Region`: whose calendar months its availability is measured by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """What somebody wants a price for. `tier` and `region` are keys; without a region months are those of UTC."""

    tier: str
    power_mw: float
    duration_h: float
    customer: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The site that a contract would run at, whole, and why there."""

    site_id: str
    site_name: str
    cost_usd_per_mwh: float
    """What a contract megawatt-hour costs there: power at its PUE, and what scarce racks would have earned."""
    free_mw: float
    """Contract power that the site has room for, beside the promises that run there."""
    moved_mw: float
    """Contracts that would have to leave it first; there is room for them elsewhere."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Bad ticks that a contract must expect over its life, and those that its promise tolerates."""

    planned_bad_ticks: float
    """Shed on purpose inside budgets, at the rate that its tier is planned to be."""
    outage_bad_ticks: float
    budget_ticks: int
    cover_share: float
    """Of its power, what reserve or room elsewhere takes over when its site fails."""
    miss_share: float
    """Probability of more bad ticks than the budget."""
    seen_ticks: int
    """Over which outages of the site were counted."""

    @property
    def bad_ticks(self) -> float:
        """Expected in all."""
        return self.planned_bad_ticks + self.outage_bad_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Something that would fit now, or when.

    Attributes:
        kind: smaller | split (`count` contracts of `power_mw`) | tier | shorter | later (ask again at `starts_at`).
        text: the same in words.
    """

    kind: str
    tier: str
    power_mw: float
    count: int
    duration_h: float
    starts_at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An offer that holds until `expires_tick`, or the reason why there is none. Prices are per IT megawatt-hour.

    Attributes:
        starts_tick, ends_tick: the life of the contract when it is booked at once.
        price_usd_per_mwh: offered: the larger of list price and marginal cost with a margin on it.
        marginal_cost_usd_per_mwh: what serving it costs the rest of the fleet: by the two solves where they were made.
        dual_cost_usd_per_mwh: the same by shadow prices, of the first megawatt: a floor.
        exact_cost_usd_per_mwh: the difference of two solves; None where the fleet is too large to wait for them.
        priced_h: hours of its life that a plan can see; the rest costs what the same hours of the day cost in it.
        refusal: why it cannot be booked; empty when it can.
    """

    id: str
    tier: str
    customer: str
    region: str
    power_mw: float
    duration_h: float
    starts_tick: int
    ends_tick: int
    starts_at: datetime
    ends_at: datetime
    price_usd_per_mwh: float
    list_price_usd_per_mwh: float
    marginal_cost_usd_per_mwh: float
    dual_cost_usd_per_mwh: float
    exact_cost_usd_per_mwh: float | None
    priced_h: float
    charge_usd: float
    """The whole life at the offered price, if every tick is delivered."""
    served_share: float
    """Of its tier's energy over the hours seen, what the plan with it delivers: for Spot, how often it would run."""
    landing: Assignment | None
    risk: Risk | None
    """None for Spot: it is promised nothing."""
    made_tick: int
    expires_tick: int
    expires_at: datetime
    alternatives: tuple[Alternative, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutageRecord:
    """How often and how long each site failed, as far as it is remembered.

    Attributes:
        lost_ticks: sum over ticks of the share of the site's machines that was out (S,).
        fall_count: how often machines were lost from one tick to the next (S,).
    """

    seen_ticks: int
    lost_ticks: Floats
    fall_count: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A quote that was taken and is on disk as an order; the contract is in the book with the tick that obeys it.

    Attributes:
        ordered_tick: the tick that obeys it.
        state: where it stood when this was said; `GET /api/commitments/{contract_id}` says where it stands.
    """

    contract_id: str
    customer: str
    ordered_tick: int
    starts_at: datetime
    quote: Quote
    state: str = "waiting"


def plain_of(quote: Quote) -> dict[str, Any]:
    """A quote as JSON has it: fields by name, times as ISO 8601 UTC, `is_offered` beside them."""
    plain = json_value(asdict(quote))
    assert isinstance(plain, dict)
    if quote.risk is not None:
        plain["risk"]["bad_ticks"] = quote.risk.bad_ticks
    return {**plain, "is_offered": not quote.refusal}


def json_value(value: Any) -> Any:
    """Plain values as JSON has them: times as ISO 8601, tuples as lists, no number that is none."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: json_value(held) for key, held in value.items()}
        case tuple() | list():
            return [json_value(held) for held in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value
