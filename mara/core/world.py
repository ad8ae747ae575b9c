"""Records of a tick: observation, conditions, forecast and world; run config."""

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import LATER, Floats, Ints, sealed
from mara.core.climate import derate_share, pue_of
from mara.core.contract import ClosedWindow, ContractBook, ContractRequest, Exclusion, SlaAccounts, book_of
from mara.core.day import Day
from mara.core.fleet import MINER_COUNT, Fleet, Workload
from mara.core.market import (
    Terms,
    break_even_usd_per_mwh,
    margin_usd_per_mwh,
    merchant_value_usd_per_mwh,
    mining_value_usd_per_mwh,
)
from mara.core.metering import Metering, up_share
from mara.core.position import DayAheadOrders
from mara.core.power_calendar import adder_usd_per_mwh
from mara.core.power_signals import PowerForecast, PowerObservation
from mara.core.power_state import PowerAllocation, PowerState, first_power_state
from mara.core.timegrid import TimeGrid
from mara.core.units import G_PER_KG, SECONDS_PER_HOUR

MIN_PRICE_USD_PER_MWH: Final = -1_000.0
MAX_PRICE_USD_PER_MWH: Final = 20_000.0


@dataclass(frozen=True, kw_only=True, eq=False)
class RunConfig:
    """Fleet, clock and commercial terms, which are fixed for a run."""

    fleet: Fleet
    grid: TimeGrid
    terms: Terms = field(default_factory=Terms)

    @cached_property
    def miner_min_off_ticks(self) -> int:
        """Minimum time off of miners in ticks: 2 at five minutes, 1 at an hour."""
        return int(-(-self.terms.miner_min_off_minutes // self.grid.tick_minutes))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """Weather, prices, demand and requests that a feed observed in one tick.

    Arrays are read-only float64. Feeds validate them; the core does not check them again.

    Attributes:
        energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, renewable_share, dry_bulb_c, wet_bulb_c: (S,).
        availability_share: share of a site's machines that can run, 0 in a whole-site outage (S,).
        demand_multiplier_share: factor on the token price, by demand region (R,).
        demand_tokens_per_h: merchant tokens asked for, by demand region (R,).
        arrivals: contract requests that arrive in this tick.
        stale_sources: feeds that gave no value, so that their last good one is used.
        day_ahead_usd_per_mwh: price that an auction set for this tick on the day before (S,), NaN at sites without;
            None where no site has one.
        power: the power system beside its price; None where the fleet has no power terms.
        import_limit_mw: most power that the grid's operator lets each site draw, infinite for no order (S,);
            None where no site is limited.
        metering: what meters of real sites tell when the tick begins; None where every site is simulated.
    """

    tick: int
    energy_price_usd_per_mwh: Floats
    carbon_intensity_g_per_kwh: Floats
    renewable_share: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    availability_share: Floats
    hashprice_usd_per_ph_day: float
    token_price_usd_per_mtok: float
    demand_multiplier_share: Floats
    demand_tokens_per_h: Floats
    arrivals: tuple[ContractRequest, ...] = ()
    stale_sources: tuple[str, ...] = ()
    day_ahead_usd_per_mwh: Floats | None = None
    power: PowerObservation | None = None
    import_limit_mw: Floats | None = None
    metering: Metering | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditions:
    """Capacity, efficiency and costs that follow from a tick's weather and prices.

    Attributes (those of T ticks at once have that axis first):
        pue: power usage effectiveness by workload (S, K).
        available_mw: machines that can run (S, K) [MW].
        racks_mw: available inference racks, GPU and ASIC pooled (S,) [MW].
        rack_pue: PUE of contract load, which is that of the site's GPU racks (S,).
        grid_limit_mw: most power that a site can draw: its connection, or less by order of the grid's operator (S,).
        contract_room_mw: contract load that racks and grid can hold (S,).
        carbon_cost_usd_per_mwh: carbon cost of a site megawatt-hour (S,).
        grid_cost_usd_per_mwh: price, carbon cost and adder of a site megawatt-hour (S,).
        mining_value_usd_per_mwh: revenue of an IT megawatt-hour of each miner kind (3,).
        merchant_value_usd_per_mwh: revenue of an IT megawatt-hour of merchant inference, less the cost of serving a
            remote region (R, S, 2).
    """

    pue: Floats
    available_mw: Floats
    racks_mw: Floats
    rack_pue: Floats
    grid_limit_mw: Floats
    contract_room_mw: Floats
    carbon_cost_usd_per_mwh: Floats
    grid_cost_usd_per_mwh: Floats
    mining_value_usd_per_mwh: Floats
    merchant_value_usd_per_mwh: Floats

    @cached_property
    def rack_cost_usd_per_mwh(self) -> Floats:
        """Power and carbon cost of an IT megawatt-hour of contracts (S,)."""
        return sealed(self.rack_pue * self.grid_cost_usd_per_mwh)

    @cached_property
    def miner_margin_usd_per_mwh(self) -> Floats:
        """Profit of an IT megawatt-hour of each miner kind (S, 3).

        Below zero the miners are better switched off.
        """
        value, pue = self.mining_value_usd_per_mwh[..., None, :], self.pue[..., :MINER_COUNT]
        return sealed(margin_usd_per_mwh(value, pue, self.grid_cost_usd_per_mwh[..., None]))

    @cached_property
    def miner_break_even_usd_per_mwh(self) -> Floats:
        """Grid price above which each miner kind loses money (S, 3)."""
        return sealed(
            break_even_usd_per_mwh(
                self.mining_value_usd_per_mwh, self.pue[:, :MINER_COUNT], self.carbon_cost_usd_per_mwh[:, None]
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Auction:
    """Day-ahead auction that closes soon: what is believed of its hours at `tick`.

    Attributes:
        first_epoch_h: hours since 1970 UTC at the first row.
        limit_usd_per_mwh: day-ahead price up to which power is expected to cost more in real time (H, S); NaN where
            nothing is to be bought.
        likely: the tick as it is expected in each hour, with the expected real-time price (H,).
    """

    tick: int
    first_epoch_h: int
    limit_usd_per_mwh: Floats
    likely: tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Forecast of a feed, made without knowledge of later ticks.

    Row 0 is the present, observed but for prices that are not known yet.

    Attributes:
        energy_price_usd_per_mwh, carbon_intensity_g_per_kwh, dry_bulb_c, wet_bulb_c: (H, S).
        hashprice_usd_per_ph_day: (H,).
        demand_multiplier_share, demand_tokens_per_h: (H, R).
        row_minutes: length of each row, of which the first begins with the tick; empty where rows are clock hours, of
            which the first has begun.
        expects_present_price: prices of the present tick are settled when it is over, and expected until then.
        auction: the day-ahead auction to which orders are sent in this tick; None in most ticks.
        risk_usd_per_mwh: part of guessed prices that is there because their source is stale (S,); None for none.
        published_count: number of first rows whose prices are published, by site (S,); 1 is the present alone. None
            where the feed does not tell.
        power: the power system beside its price; None where the fleet has no power terms.
        import_limit_mw: as in the observation, by row (H, S); None where no site is limited.
    """

    tick: int
    energy_price_usd_per_mwh: Floats
    carbon_intensity_g_per_kwh: Floats
    dry_bulb_c: Floats
    wet_bulb_c: Floats
    hashprice_usd_per_ph_day: Floats
    demand_multiplier_share: Floats
    demand_tokens_per_h: Floats
    row_minutes: tuple[int, ...] = ()
    expects_present_price: bool = False
    auction: Auction | None = None
    published_count: Ints | None = None
    power: PowerForecast | None = None
    import_limit_mw: Floats | None = None
    risk_usd_per_mwh: Floats | None = None


def known_in(forecast: Forecast, observation: Observation) -> Observation:
    """Return what is known of a tick when it is planned.

    It is what is observed but for prices that are settled later: there the expected ones stand.
    """
    if not forecast.expects_present_price:
        return observation
    return replace(observation, energy_price_usd_per_mwh=forecast.energy_price_usd_per_mwh[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Counterfactual gains since the run began; negative is a loss.

    The baseline spreads load by capacity; that of `day_ahead_micro_usd` buys nothing day-ahead.
    """

    climate_micro_usd: int = 0
    time_zone_micro_usd: int = 0
    interaction_micro_usd: int = 0
    carbon_avoided_g: int = 0
    day_ahead_micro_usd: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnreadTick:
    """A tick that was settled as planned, whose meters are read when the next begins.

    Attributes:
        observation: of the tick, without requests.
        drawn_mw: power taken from the grid connection as planned (S,).
        set_mw: load that machines were set to, by workload; of miners the least of this tick and the one before, as
            they need time to start (S, K).
        flexibility, power: batteries and products of the tick, and what the power terms remembered before it; None
            without such terms.
    """

    observation: Observation
    drawn_mw: Floats
    set_mw: Floats
    flexibility: PowerAllocation | None = None
    power: PowerState | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """State of a run before `tick` is advanced: all that passes between ticks.

    Attributes:
        miners_mw: miner load of the last tick, air/hydro/immersion (S, 3).
        miner_off_ticks: how long each kind has been off, 0 while it runs (S, 3).
        availability_share: of the last tick (S,).
        outage_until_tick: end of an outage that an operator ordered, 0 for none (S,).
        closed: windows that ended with the last tick; their credits are due.
        book_changes_count: increases whenever a contract starts or ends.
        day: the sums of the present UTC day.
        cash_micro_usd, revenue_micro_usd: sum of all ledger lines, and of the earning ones, since the run began.
        day_ahead: orders in day-ahead auctions for hours to come; None for none.
        power: what the fleet's power terms remember; None without any.
        unread: the last tick, where meters are still to be read; None where every site was simulated.
    """

    tick: int
    book: ContractBook
    accounts: SlaAccounts
    miners_mw: Floats
    miner_off_ticks: Ints
    availability_share: Floats
    outage_until_tick: Ints
    exclusions: tuple[Exclusion, ...] = ()
    closed: tuple[ClosedWindow, ...] = ()
    gains: Gains = Gains()
    cash_micro_usd: int = 0
    revenue_micro_usd: int = 0
    refused_count: int = 0
    book_changes_count: int = 0
    day: Day = field(default_factory=Day)
    day_ahead: DayAheadOrders | None = field(default=None, metadata=LATER)
    power: PowerState | None = field(default=None, metadata=LATER)
    unread: UnreadTick | None = field(default=None, metadata=LATER)


def first_world(config: RunConfig) -> World:
    """Create the state before tick 0: no contracts, miners off and free to start."""
    s = config.fleet.site_count
    none = sealed(np.zeros(0, dtype=np.int64))
    return World(
        tick=0,
        book=book_of((), config.grid.dt_h),
        accounts=SlaAccounts(
            window_start_tick=none,
            window_end_tick=none,
            good_ticks=none,
            bad_ticks=none,
            excluded_ticks=none,
            charge_micro_usd=none,
            site=none,
            served=sealed(np.zeros(0, dtype=np.bool_)),
        ),
        miners_mw=sealed(np.zeros((s, MINER_COUNT))),
        miner_off_ticks=sealed(np.full((s, MINER_COUNT), config.miner_min_off_ticks, dtype=np.int64)),
        availability_share=sealed(np.ones(s)),
        outage_until_tick=sealed(np.zeros(s, dtype=np.int64)),
        power=None if config.fleet.power is None else first_power_state(config.fleet.power),
    )


@lru_cache(maxsize=4)
def conditions_of(observation: Observation, config: RunConfig) -> Conditions:
    """Compute the conditions of one tick, which `Problem` and `Step` then share.

    Observations compare by identity: the one that a tick is planned by is mostly the one that it is settled by.
    """
    fleet, terms = config.fleet, config.terms
    limit = grid_limit_mw(observation, fleet)
    pue, available, racks, contract_room = _machines(
        observation.dry_bulb_c.tobytes(),
        observation.wet_bulb_c.tobytes(),
        observation.availability_share.tobytes(),
        b"" if limit is fleet.grid_limit_mw else limit.tobytes(),
        observation.metering.is_down.tobytes() if observation.metering is not None else b"",
        fleet,
    )
    carbon = observation.carbon_intensity_g_per_kwh * (terms.carbon_price_usd_per_t / G_PER_KG)
    cost = observation.energy_price_usd_per_mwh + carbon
    if fleet.power is not None:
        cost = cost + adder_usd_per_mwh(fleet, config.grid.epoch_s(observation.tick) // SECONDS_PER_HOUR)
    return Conditions(
        pue=pue,
        available_mw=available,
        racks_mw=racks,
        rack_pue=pue[:, Workload.GPU],
        grid_limit_mw=limit,
        contract_room_mw=contract_room,
        carbon_cost_usd_per_mwh=sealed(carbon),
        grid_cost_usd_per_mwh=sealed(cost),
        mining_value_usd_per_mwh=_mining_value(observation.hashprice_usd_per_ph_day, fleet),
        merchant_value_usd_per_mwh=_merchant_value(
            fleet,
            observation.token_price_usd_per_mtok,
            observation.demand_multiplier_share.tobytes(),
            terms.remote_serving_usd_per_mwh,
        ),
    )


def grid_limit_mw(observation: Observation, fleet: Fleet) -> Floats:
    """Return the most power that each site can draw in a tick (S,) [MW].

    The fleet's own array where the grid's operator orders nothing.
    """
    if observation.import_limit_mw is None:
        return fleet.grid_limit_mw
    return sealed(np.minimum(fleet.grid_limit_mw, observation.import_limit_mw))


# All but prices stays the same for many ticks: what follows from it is cached.


@lru_cache(maxsize=8)
def _machines(
    dry_bulb: bytes, wet_bulb: bytes, availability: bytes, limit: bytes, down: bytes, fleet: Fleet
) -> tuple[Floats, ...]:
    """Compute what weather and outages leave of a fleet's machines.

    Returns PUE and available machines (S, K), available racks and room for contracts (S,) [MW]. The arguments are bytes
    of arrays, keys of the cache; no limit is that of the connections.
    """
    pue, derate = _weather(dry_bulb, wet_bulb, fleet)
    is_down = np.frombuffer(down, dtype=np.bool_).reshape(fleet.nameplate_mw.shape) if down else None
    available = fleet.nameplate_mw * up_share(np.frombuffer(availability), is_down, fleet)
    if derate is not None:
        available *= derate
    racks = available[:, Workload.GPU] + available[:, Workload.ASIC]
    limit_mw = np.frombuffer(limit) if limit else fleet.grid_limit_mw
    room = np.minimum(racks, limit_mw / pue[:, Workload.GPU])
    return pue, sealed(available), sealed(racks), sealed(room)


@lru_cache(maxsize=8)
def _weather(dry_bulb: bytes, wet_bulb: bytes, fleet: Fleet) -> tuple[Floats, Floats | None]:
    """Compute PUE, and the share of machines that heat leaves if it takes any (S, K)."""
    dry_bulb_c = np.frombuffer(dry_bulb)
    derate = derate_share(dry_bulb_c)
    return sealed(pue_of(dry_bulb_c, np.frombuffer(wet_bulb), fleet)), None if derate is None else sealed(derate)


@lru_cache(maxsize=8)
def _mining_value(hashprice_usd_per_ph_day: float, fleet: Fleet) -> Floats:
    return sealed(mining_value_usd_per_mwh(hashprice_usd_per_ph_day, fleet.efficiency_j_per_th))


@lru_cache(maxsize=8)
def _merchant_value(
    fleet: Fleet, token_price_usd_per_mtok: float, multiplier: bytes, remote_serving_usd_per_mwh: float
) -> Floats:
    return sealed(
        merchant_value_usd_per_mwh(
            fleet, token_price_usd_per_mtok, np.frombuffer(multiplier), remote_serving_usd_per_mwh
        )
    )
