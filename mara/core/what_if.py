"""Questions about changed conditions: the best plans without and with them.

They are plain values for screens and the API, as in a snapshot. Nothing of a run depends on them.
"""

from dataclasses import dataclass
from datetime import datetime

from mara.core.quote import QuoteRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfRequest:
    """Changes that are asked about, from the next tick to the end of the horizon.

    Attributes:
        price_change_share: part of each price's size that is added to it: 0.2 makes power a fifth dearer, also where
            its price is negative.
        price_change_usd_per_mwh: added to each price after that.
        price_site_id: site, by id or name, whose power changes; empty for all sites.
        hashprice_change_share, token_price_change_share: part of them that is added.
        off_site_ids: sites, by id or name, whose machines all stand still.
        contract: one more contract, from the next tick on; None for none.
    """

    price_change_share: float = 0.0
    price_change_usd_per_mwh: float = 0.0
    price_site_id: str = ""
    hashprice_change_share: float = 0.0
    token_price_change_share: float = 0.0
    off_site_ids: tuple[str, ...] = ()
    contract: QuoteRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCase:
    """A site in a plan: means over its horizon.

    Attributes:
        mining_mw, inference_mw, contracts_mw: IT power of own mining, of tokens sold to anyone, and of contracts.
        battery_mw: discharging less charging, at the meter.
        power_usd_per_mwh: value of one more megawatt-hour of site power, price and carbon included.
        racks_usd_per_mwh: value of a megawatt-hour on one more megawatt of racks.
    """

    mining_mw: float
    inference_mw: float
    contracts_mw: float
    battery_mw: float
    power_usd_per_mwh: float
    racks_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TierCase:
    """A tier in a plan: energy of its contracts over the horizon.

    Attributes:
        rested_mwh: scheduled off inside error budgets.
        unserved_mwh: promised and neither delivered nor inside a budget.
        cost_usd_per_mwh: mean cost of one more megawatt-hour, before the rate that it pays.
    """

    served_mwh: float
    rested_mwh: float
    unserved_mwh: float
    cost_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWhatIf:
    """A site in the best plan without the change, and in the one with it."""

    site_id: str
    name: str
    now: SiteCase
    changed: SiteCase


@dataclass(frozen=True, slots=True, kw_only=True)
class TierWhatIf:
    """A tier in the best plan without the change, and in the one with it."""

    tier: str
    now: TierCase
    changed: TierCase


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedContract:
    """A contract that the next tick would place elsewhere; an empty site is none."""

    contract_id: str
    customer: str
    tier: str
    power_mw: float
    from_site_id: str
    to_site_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Answer to a what-if question: two plans of the linear program for one tick.

    Profits are those of the program: penalties for broken promises, moves and restarts are deducted, power bought ahead
    is sunk.

    Attributes:
        tick, at: the tick that both plans begin with.
        horizon_h: span of both plans.
        profit_now_usd, profit_changed_usd: of the best plan without and with the change.
        bound_now_usd, bound_changed_usd: profit that no plan can exceed. Plans of large fleets are made in blocks and
            may lie below it by a thousandth, so that the true difference lies between ``changed - bound_now`` and
            ``bound_changed - now``.
        in_force_optimizer, in_force_tick, in_force_usd: maker of the plan in force, its tick, and the profit that it
            expected from then on; no profit where its maker gives none.
        moves: contracts whose site differs between the two plans in their first step.
    """

    tick: int
    at: datetime
    horizon_h: float
    profit_now_usd: float
    profit_changed_usd: float
    bound_now_usd: float
    bound_changed_usd: float
    in_force_optimizer: str
    in_force_tick: int | None
    in_force_usd: float | None
    sites: tuple[SiteWhatIf, ...]
    tiers: tuple[TierWhatIf, ...]
    moves: tuple[MovedContract, ...]

    @property
    def gain_usd(self) -> float:
        """Profit that the change adds between the two plans."""
        return self.profit_changed_usd - self.profit_now_usd

    @property
    def least_gain_usd(self) -> float:
        """Least that the change adds, whatever better plans there are."""
        return self.profit_changed_usd - self.bound_now_usd

    @property
    def most_gain_usd(self) -> float:
        """Most that the change adds, whatever better plans there are."""
        return self.bound_changed_usd - self.profit_now_usd
