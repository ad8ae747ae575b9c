"""Greedy rules on the coefficients of a linear program, without looking ahead.

This is the counterpart of `rules` for an `LpCase` without a world. It places megawatts of tiers, because a case has
no contracts. In each step, promised tiers are placed in order, first where they ran and then where power is cheapest,
within racks, grid and the N+1 reserve. Load that costs more than it brings is scheduled off while its budget lasts.
Merchant inference and Spot follow by margin, then miners above break-even in the power left. A hedged block is valued
at the price of buying, which differs from selling by the spread. Of a power contract the rules use the adder: they
leave batteries as they are, pay for peaks and pledge nothing.

Model: docs/model.md#15-baselines
"""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.core.units import TOLERANCE_MW
from mara.errors import PlanRejected
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.power_contract import PowerContract
from mara.optimizers.lp.rows import rack_room_mw
from mara.optimizers.lp.schedule import PowerSchedule, Schedule


def greedy(case: LpCase) -> Schedule:
    """Make a schedule that keeps every row of the program.

    The schedule comes without a bound on the optimum.

    Raises:
        PlanRejected: a battery is to end at another energy than it starts with.
    """
    room, cost = rack_room_mw(case), case.grid_usd_per_mwh
    steps: list[_Step] = []
    before, mined, budget = case.served_now_mw, case.miners_now_mw, case.budget_mwh.copy()
    for t in range(case.steps):
        step = _Step(
            case=case,
            t=t,
            cost_usd_per_mwh=cost[t],
            room_mw=room[t],
            contracts_mw=np.zeros((case.sites, TIER_COUNT)),
            merchant_mw=np.zeros((case.regions, case.sites, RACK_KIND_COUNT)),
            miners_mw=np.zeros((case.sites, MINER_COUNT)),
            shed_mw=np.zeros(PROMISED_TIER_COUNT),
        )
        for g in range(PROMISED_TIER_COUNT):
            step.promise(g, before[:, g], float(budget[g] / case.dt_h[t]))
        step.sell_tokens()
        step.place_spot()
        step.mine(mined)
        budget = np.maximum(budget - step.shed_mw * case.dt_h[t], 0.0)
        before, mined = step.contracts_mw[:, :PROMISED_TIER_COUNT], step.miners_mw.sum(axis=1)
        steps.append(step)
    return Schedule(
        miners_mw=np.stack([step.miners_mw for step in steps]),
        merchant_mw=np.stack([step.merchant_mw for step in steps]),
        contracts_mw=np.stack([step.contracts_mw for step in steps]),
        shed_mw=np.stack([step.shed_mw for step in steps]),
        rested_mw=np.zeros((case.steps, case.sites, PROMISED_TIER_COUNT)),
        power=None if case.power_contract is None else _idle(case, case.power_contract),
    )


def _idle(case: LpCase, contract: PowerContract) -> PowerSchedule:
    """Leave batteries as they are and pledge nothing."""
    battery = contract.battery
    stored = np.zeros(case.sites) if battery is None else battery.start_mwh
    if battery is not None and battery.end_mwh is not None and np.abs(stored - battery.end_mwh).max() > TOLERANCE_MW:
        raise PlanRejected("rules leave batteries as they are, got end_mwh other than start_mwh: ask for optimizer lp")
    places = (len(contract.products), case.steps, case.sites)
    return PowerSchedule(
        charge_mw=np.zeros(places[1:]),
        discharge_mw=np.zeros(places[1:]),
        energy_mwh=np.tile(stored, (case.steps, 1)),
        pledged_miners_mw=np.zeros((*places, MINER_COUNT)),
        pledged_merchant_mw=np.zeros((*places, RACK_KIND_COUNT)),
        pledged_spot_mw=np.zeros(places),
        pledged_battery_mw=np.zeros(places),
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Step:
    """State of one step while it is being filled [MW].

    Shapes: contracts (S, G), merchant (R, S, 2), miners (S, 3), shed (3,).
    """

    case: LpCase
    t: int
    cost_usd_per_mwh: Floats
    room_mw: Floats
    contracts_mw: Floats
    merchant_mw: Floats
    miners_mw: Floats
    shed_mw: Floats

    def promise(self, g: int, ran_mw: Floats, budget_mw: float) -> None:
        """Serve a promised tier, or schedule it off where serving costs too much.

        It is scheduled off while serving costs more than the rate and the goodwill.
        """
        case, want = self.case, float(self.case.demand_mw[self.t, g])
        unit_cost = case.pue[self.t, :, Workload.GPU] * self.cost_usd_per_mwh
        worth = case.rate_usd_per_mwh[g] + case.goodwill_usd_per_mwh[g]
        most_shed = min(budget_mw, float(case.shed_limit_mw[self.t, g]), want)
        order = np.argsort(unit_cost, kind="stable").tolist()
        for first_those_that_run in (True, False):
            for s in order:
                must = max(want - most_shed, 0.0) if unit_cost[s] > worth else want
                ceiling = float(ran_mw[s]) if first_those_that_run else np.inf
                put = max(min(must, ceiling, self._free_for(g, s)), 0.0)
                self.contracts_mw[s, g] += put
                want -= put
        self.shed_mw[g] = min(want, most_shed)

    def sell_tokens(self) -> None:
        """Sell merchant inference, best margin first, while racks, power and demand last."""
        case, t = self.case, self.t
        left = case.demand_tokens_per_h[t].copy()
        margin = case.token_value_usd_per_mwh[t] - case.pue[t, :, RACKS] * self.cost_usd_per_mwh[:, None]
        for place in np.argsort(-margin, axis=None, kind="stable").tolist():
            r, s, k = (int(i) for i in np.unravel_index(place, margin.shape))
            if margin[r, s, k] <= 0.0:
                return
            kind_left = case.available_mw[t, s, RACKS][k] - self.merchant_mw[:, s, k].sum()
            power = self._power_left(s) / case.pue[t, s, RACKS][k]
            sold = max(min(left[r] / max(case.tokens_per_mwh[k], 1e-12), kind_left, self._racks_left(s), power), 0.0)
            self.merchant_mw[r, s, k] += sold
            left[r] = max(left[r] - sold * case.tokens_per_mwh[k], 0.0)

    def place_spot(self) -> None:
        """Run Spot where it earns more than its power costs."""
        want = float(self.case.demand_mw[self.t, Tier.SPOT])
        margin = self.case.rate_usd_per_mwh[Tier.SPOT] - self.case.pue[self.t, :, Workload.GPU] * self.cost_usd_per_mwh
        for s in np.argsort(-margin, kind="stable").tolist():
            if margin[s] > 0.0:
                put = max(min(want, self._free_for(Tier.SPOT, s)), 0.0)
                self.contracts_mw[s, Tier.SPOT] = put
                want -= put

    def mine(self, mined_mw: Floats) -> None:
        """Run miners above break-even, best margin per site megawatt-hour first.

        A start must pay for itself in a step.
        """
        case, t = self.case, self.t
        start = case.restart_usd_per_mw / case.dt_h[t]
        pue = case.pue[t, :, MINERS]
        margin = case.mining_value_usd_per_mwh[t] - pue * self.cost_usd_per_mwh[:, None]
        for s in range(case.sites):
            running = float(mined_mw[s])
            for k in np.argsort(-margin[s] / pue[s], kind="stable").tolist():
                if margin[s, k] <= 0.0:
                    break
                most = min(float(case.available_mw[t, s, k]), max(self._power_left(s), 0.0) / pue[s, k])
                if margin[s, k] <= start:
                    most = min(most, running)
                self.miners_mw[s, k] = most
                running = max(running - most, 0.0)

    def _free_for(self, g: int, s: int) -> float:
        """Return how much of a tier a site can still take [MW].

        Racks and power limit it, and for Premium and Standard the N+1 reserve.
        """
        power = self._power_left(s) / float(self.case.pue[self.t, s, Workload.GPU])
        free = min(self._racks_left(s), power)
        if g > Tier.STANDARD:
            return free
        premium = self.contracts_mw[:, Tier.PREMIUM]
        reserve = self.room_mw - premium - self.contracts_mw[:, Tier.STANDARD]
        slack = reserve.sum() - reserve - premium
        # Load of either tier takes the reserve of its site away from all others; Premium also needs some for itself.
        if g == Tier.STANDARD:
            slack = np.delete(slack, s)
        return min(free, float(reserve[s]), float(slack.min(initial=np.inf)))

    def _racks_left(self, s: int) -> float:
        used = self.contracts_mw[s].sum() + self.merchant_mw[:, s].sum()
        return float(self.case.available_mw[self.t, s, RACKS].sum() - used)

    def _power_left(self, s: int) -> float:
        pue = self.case.pue[self.t, s]
        used = self.contracts_mw[s].sum() * pue[Workload.GPU] + self.merchant_mw[:, s].sum(axis=0) @ pue[RACKS]
        return float(self.case.drawn_limit_mw[self.t, s] - used - self.miners_mw[s] @ pue[MINERS])
