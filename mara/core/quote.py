"""Quotes: cost, site and risk of one more contract, and what would fit instead.

They are plain values for screens and the API, as in a snapshot.
"""

from dataclasses import dataclass
from datetime import datetime

from mara.core.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """Request for a price of a contract; `tier` and `region` are keys.

    Availability is measured by calendar months of the region's time zone, without a region by those of UTC.
    """

    tier: str
    power_mw: float
    duration_h: float
    customer: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Site that a contract would run at, whole, and the reason for it."""

    site_id: str
    site_name: str
    cost_usd_per_mwh: float
    """Cost of a contract MWh there: power at its PUE, and scarce racks' earnings."""
    free_mw: float
    """Room of the site for contracts, beside the promises that run there."""
    moved_mw: float
    """Contracts that would have to leave it first; there is room for them elsewhere."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Bad ticks to expect over the life of a contract, and those that it tolerates."""

    planned_bad_ticks: float
    """Ticks scheduled off inside budgets, at the planned rate of its tier."""
    outage_bad_ticks: float
    budget_ticks: int
    cover_share: float
    """Share of its power that reserve or other sites take over when its site fails."""
    miss_share: float
    """Probability of more bad ticks than the budget."""
    seen_ticks: int
    """Ticks over which outages of the site were counted."""

    @property
    def bad_ticks(self) -> float:
        """Bad ticks expected in all."""
        return self.planned_bad_ticks + self.outage_bad_ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Alternative that would fit, now or later.

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
    """Offer that holds until `expires_tick`, or the reason why there is none.

    Prices are per IT megawatt-hour.

    Attributes:
        starts_tick, ends_tick: the life of the contract when it is booked at once.
        price_usd_per_mwh: price offered: the larger of list price and marginal cost plus margin.
        marginal_cost_usd_per_mwh: what serving it costs the fleet: the exact cost where known, else the dual cost.
        dual_cost_usd_per_mwh: marginal cost of the first megawatt by dual prices, a lower bound.
        exact_cost_usd_per_mwh: the difference of two solves; None where the fleet is too large to wait for them.
        priced_h: hours of its life inside the plan's horizon; later hours are priced like the same hours of the day.
        refusal: reason why it cannot be booked; empty when it can.
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
    """Charge of the whole life at the offered price, if every tick is delivered."""
    served_share: float
    """Share of its tier's energy that a plan with it delivers over the hours seen.

    For Spot, how often it would run.
    """
    landing: Assignment | None
    risk: Risk | None
    """Risk of bad ticks; None for Spot, which has no promise."""
    made_tick: int
    expires_tick: int
    expires_at: datetime
    alternatives: tuple[Alternative, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutageRecord:
    """Counts of past outages of each site, as far back as they are stored.

    Attributes:
        lost_ticks: sum over ticks of the share of the site's machines that was out (S,).
        fall_count: how often machines were lost from one tick to the next (S,).
    """

    seen_ticks: int
    lost_ticks: Floats
    fall_count: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Booked quote, stored as an order.

    The contract joins the book in the tick that obeys the order.

    Attributes:
        ordered_tick: the tick that obeys the order.
        state: state of the contract when this was made; `GET /api/commitments/{contract_id}` has the present one.
    """

    contract_id: str
    customer: str
    ordered_tick: int
    starts_at: datetime
    quote: Quote
    state: str = "waiting"
