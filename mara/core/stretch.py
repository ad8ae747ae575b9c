"""Many ticks in a row, settled at once in arrays.

The steps are those of `advance`, bit for bit. Tick by tick only contracts are placed and judged, because the next plan
depends on them. Whether everything else of a plan runs as it is, and what it earns, is found for all ticks together;
even the miners may be planned for all of them at the end. A tick with an event, or whose plan dispatch has to change,
ends the stretch: `advance` takes it.
"""

from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, row_sums, row_sums_of_all, sealed, stacked
from mara.core.dispatch import Allocation, reserve_within, traded
from mara.core.fleet import MINERS, RACKS, Fleet
from mara.core.outlook import Outlook
from mara.core.own_load import ROUNDED_UP, crowded_share, fit_miners, held_back
from mara.core.placement import place
from mara.core.plan import DraftStep
from mara.core.settled_stretch import LOADS, FollowedTick, PlannedMiners, SettledStretch, places_of
from mara.core.sla import judge
from mara.core.step import off_ticks, off_ticks_of_all
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig, World

MOST_LESS_MW: Final = TOLERANCE_MW / 2
MOST_DEMAND_RATIO: Final = 1.0 + (ROUNDED_UP - 1.0) / 2
"""Load, and tokens over demand, that count as rounding.

`advance` judges what is nearer to the tolerances.
"""


class Stretch:
    """Ticks from a world on, until one that has to be advanced by itself.

    Attributes:
        world: the world after the ticks followed so far. Its money, gains and sums of the day are those of the first,
            and so are its miners while drafts leave them out.
    """

    def __init__(self, world: World, config: RunConfig) -> None:
        self.world = world
        self._first, self._config = world, config
        self._ticks: list[FollowedTick] = []
        self._fell = np.zeros(config.fleet.site_count, dtype=np.bool_)
        self._end_tick = int(world.accounts.window_end_tick.min(initial=np.iinfo(np.int64).max)) - 1
        self._is_quiet = (
            world.power is None
            and not (world.closed or world.exclusions or world.day_ahead)
            and bool((world.outage_until_tick <= world.tick).all())
        )

    def may_go_on(self, outlook: Outlook) -> bool:
        """Say whether nothing but a plan happens in the next tick."""
        seen, available = outlook.observation, self.world.availability_share
        return (
            self._is_quiet
            and self.world.tick < self._end_tick
            and not seen.arrivals
            and seen.import_limit_mw is None
            and (seen.availability_share is available or bool((seen.availability_share == available).all()))
        )

    def follow(self, outlook: Outlook, draft: DraftStep) -> bool:
        """Follow a draft in the next tick; refuse where a contract or a miner cannot."""
        world, seen, conditions = self.world, outlook.observation, outlook.conditions
        is_named = draft.book_changes_count == world.book_changes_count
        if not is_named and (len(draft.broken_contract) or not world.accounts.served.all()):
            return False
        placed = place(draft, world, conditions.contract_room_mw, self._fell)
        if placed.stranded_mw is not None or placed.rescued_mw is not None:
            return False
        if not is_named and placed.site is not world.accounts.site:  # placed one by one, as dispatch alone may
            return False
        miners, off = world.miners_mw, world.miner_off_ticks
        if draft.miners_mw is not None:
            miners = fit_miners(draft.miners_mw, world, conditions, self._config)
            if miners is not draft.miners_mw and _are_less(draft.miners_mw, miners).any():
                return False
            off = off_ticks(miners, world)
        report = judge(placed, world)
        self.world = World(
            tick=world.tick + 1,
            book=world.book,
            accounts=report.accounts,
            miners_mw=sealed(miners),
            miner_off_ticks=off,
            availability_share=seen.availability_share,
            outage_until_tick=world.outage_until_tick,
            gains=world.gains,
            cash_micro_usd=world.cash_micro_usd,
            revenue_micro_usd=world.revenue_micro_usd,
            refused_count=world.refused_count,
            book_changes_count=world.book_changes_count,
            day=world.day,
        )
        self._ticks.append(FollowedTick(outlook=outlook, draft=draft, placed=placed, report=report, world=self.world))
        return True

    def settled(self, miners_mw: Floats | None = None) -> SettledStretch | None:
        """Settle the ticks followed, up to the first whose plan does not run as it is.

        None where no tick is left.

        Args:
            miners_mw: miners planned for each tick (T, S, 3); None where the drafts name them.
        """
        if not self._ticks:
            return None
        ticks, first, config = self._ticks, self._first, self._config
        if miners_mw is None:
            miners_mw = stacked([tick.draft.miners_mw for tick in ticks if tick.draft.miners_mw is not None])
            miners = stacked([tick.world.miners_mw for tick in ticks])
        else:
            miners = _fitted_miners(miners_mw, ticks, first, config)
        done, fits = _loads_of(ticks, miners, first, config)
        fits &= ~_are_less(miners_mw, miners).any(axis=1)
        count = int(fits.argmin()) if not fits.all() else len(fits)
        if not count:
            return None
        kept = {name: sealed(getattr(done, name)[:count]) for name in LOADS}
        planned = PlannedMiners(
            planned_mw=sealed(miners_mw[:count]),
            off_ticks=off_ticks_of_all(kept["miners_mw"] > 0.0, first.miner_off_ticks),
        )
        return SettledStretch(ticks[:count], first, planned, Allocation(**kept), config)


def _are_less(planned_mw: Floats, fitted_mw: Floats) -> Bools:
    """Find sites where fewer miners run than planned, rounding aside (..., S)."""
    return np.asarray((planned_mw - fitted_mw).sum(axis=-1) > MOST_LESS_MW)


def _fitted_miners(planned_mw: Floats, ticks: list[FollowedTick], first: World, config: RunConfig) -> Floats:
    """Fit the miners of many ticks, each as `fit_miners` does (T, S, 3).

    After a tick in which they have to wait it is not exact: the stretch ends there.
    """
    fitted = np.minimum(planned_mw, ticks[0].outlook.together.conditions.available_mw[places_of(ticks), :, MINERS])
    off = off_ticks_of_all(fitted[:-1] > 0.0, first.miner_off_ticks)
    waits = held_back(np.concatenate([first.miner_off_ticks[None], off]), config)
    return fitted if waits is None else np.where(waits, 0.0, fitted)


def _loads_of(ticks: list[FollowedTick], miners: Floats, first: World, config: RunConfig) -> tuple[Allocation, Bools]:
    """Find the loads of all ticks, and the ticks in which they run as planned.

    Returns arrays of ticks (T, ...), and True for each tick that does (T,).
    The steps are those of `dispatch`; what they change is rounding.
    """
    fleet, conditions = config.fleet, ticks[0].outlook.together.conditions
    here = places_of(ticks)
    pue, available = conditions.pue[here], conditions.available_mw[here]
    contracts = stacked([tick.placed.contracts_mw for tick in ticks])
    contracts_it, mining_it = row_sums_of_all(contracts), row_sums_of_all(miners)
    merchant, by_kind, fits = _merchant_of(ticks, here, contracts_it, config.fleet)
    own = row_sums_of_all(miners * pue[:, :, MINERS]) + row_sums(by_kind * pue[:, :, RACKS])
    power = own + contracts_it * conditions.rack_pue[here]
    fits &= (power - fleet.grid_limit_mw <= TOLERANCE_MW).all(axis=1)
    power = np.minimum(power, fleet.grid_limit_mw)
    bought, sold = (power, np.zeros(power.shape)) if fleet.is_unhedged else traded(power, fleet.hedge_mw)
    reserve = stacked([tick.draft.reserve_mw for tick in ticks])
    ramp = mining_it - np.concatenate([row_sums(first.miners_mw)[None], mining_it[:-1]])
    done = Allocation(
        miners_mw=miners,
        merchant_mw=merchant,
        contracts_mw=contracts,
        reserve_mw=reserve_within(reserve, contracts, conditions.contract_room_mw[here]),
        site_mining_it_mw=mining_it,
        site_merchant_it_mw=row_sums(by_kind),
        site_contracts_it_mw=contracts_it,
        site=stacked([tick.placed.site for tick in ticks]),
        served=stacked([tick.placed.served for tick in ticks]),
        scheduled=stacked([tick.placed.scheduled for tick in ticks]),
        pue=pue,
        available_mw=available,
        site_power_mw=power,
        bought_mw=bought,
        sold_mw=sold,
        moved_mw=stacked([tick.placed.moved_mw for tick in ticks]),
        ramp_mw=np.maximum(ramp, 0.0),
    )
    return done, fits


def _merchant_of(
    ticks: list[FollowedTick], here: slice, contracts_mw: Floats, fleet: Fleet
) -> tuple[Floats, Floats, Bools]:
    """Fit merchant inference to machines and to the racks that contracts leave.

    Returns the load (T, R, S, 2), its sum over regions (T, S, 2), and ticks in which it is what was planned (T,).
    """
    conditions = ticks[0].outlook.together.conditions
    wanted_mw = stacked([tick.draft.merchant_mw for tick in ticks])
    kinds_mw, racks = conditions.available_mw[here, :, RACKS], conditions.racks_mw[here]
    tokens = (wanted_mw @ fleet.tokens_per_mwh).sum(axis=2)
    demand = stacked([tick.outlook.observation.demand_tokens_per_h for tick in ticks])
    by_kind = wanted_mw.sum(axis=1)
    merchant = wanted_mw * np.where(by_kind > kinds_mw, kinds_mw / np.maximum(by_kind, TOLERANCE_MW), 1.0)[:, None]
    by_kind = np.minimum(by_kind, kinds_mw)
    total = row_sums(by_kind)
    short = total + contracts_mw - racks
    is_crowded = (short > 0.0).any(axis=1, keepdims=True)
    fit = np.where(is_crowded, crowded_share(total, contracts_mw, racks), 1.0)[:, :, None]
    merchant = merchant * fit[:, None]
    less = (wanted_mw - merchant).sum(axis=(1, 3))
    fits = (tokens <= demand * MOST_DEMAND_RATIO).all(axis=1) & (np.maximum(less, short) <= MOST_LESS_MW).all(axis=1)
    return merchant, by_kind * fit, fits
