"""A second model of the linear program, from its formulas, solved by scipy.

Every variable of the formulas is a column of its own (x, y, m, h, b, w, r, u, e, z), and rows are written one by one
by name: slow, and sharing nothing with the model that it checks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.schedule import Schedule

Name = tuple[str | int, ...]
Terms = dict[Name, float]
MINERS, KINDS, TIERS, PROMISED = range(3), range(5), range(4), range(3)
PREMIUM, STANDARD, SPOT, GPU = 0, 1, 3, 3


@dataclass(slots=True)
class Program:
    """Maximize `gain` subject to rows `terms <= limit` and `terms == value`.

    All variables are at least zero.
    """

    gain: Terms = field(default_factory=dict)
    at_most: list[tuple[Terms, float]] = field(default_factory=list)
    equal: list[tuple[Terms, float]] = field(default_factory=list)
    constant_usd: float = 0.0

    def optimum_usd(self) -> float:
        """The optimum [USD]; fails the test when there is none."""
        names = {name for terms, _ in (*self.at_most, *self.equal) for name in terms} | set(self.gain)
        column = {name: i for i, name in enumerate(sorted(names, key=str))}
        cost = np.zeros(len(column))
        for name, value in self.gain.items():
            cost[column[name]] -= value
        sides = [_side(rows, column) for rows in (self.at_most, self.equal)]
        found = linprog(cost, A_ub=sides[0][0], b_ub=sides[0][1], A_eq=sides[1][0], b_eq=sides[1][1], method="highs")
        assert found.status == 0, found.message
        return float(self.constant_usd - found.fun)

    def gain_usd(self, point: Terms) -> float:
        """Value of the objective at a point [USD]."""
        return self.constant_usd + sum(value * point[name] for name, value in self.gain.items())

    def worst_mw(self, point: Terms) -> float:
        """Largest violation of a row or sign by a point [MW]."""
        over = [_sum(terms, point) - limit for terms, limit in self.at_most]
        off = [abs(_sum(terms, point) - value) for terms, value in self.equal]
        return max(*over, *off, *(-value for value in point.values()), 0.0)


def optimum_usd(case: LpCase) -> float:
    """The optimum of the formulas [USD]."""
    return program_of(case).optimum_usd()


def program_of(case: LpCase) -> Program:
    """All rows and gains of a case."""
    program = Program()
    for t in range(case.steps):
        for s in range(case.sites):
            _gain_of_site(program, case, t, s)
            _limits_of_site(program, case, t, s)
            _changes_of_site(program, case, t, s)
        _fleet(program, case, t)
    for g in PROMISED:
        spent: Terms = {("u", t, g): float(case.dt_h[t]) for t in range(case.steps)}
        program.at_most.append((spent, float(case.budget_mwh[g])))
    return program


def _gain_of_site(program: Program, case: LpCase, t: int, s: int) -> None:
    dt, price = float(case.dt_h[t]), float(case.price_usd_per_mwh[t, s])
    carbon = case.carbon_price_usd_per_t * float(case.carbon_t_per_mwh[t, s])
    gain = program.gain
    for k in MINERS:
        gain["x", t, s, k] = dt * float(case.mining_value_usd_per_mwh[t, k])
    for r in range(case.regions):
        for k in (3, 4):
            gain["z", t, s, k, r] = dt * float(case.token_value_usd_per_mwh[t, r, s, k - 3])
    for g in TIERS:
        gain["y", t, s, g] = dt * float(case.rate_usd_per_mwh[g])
    gain["b", t, s] = -dt * (price + carbon)
    gain["w", t, s] = dt * (price - case.sellback_spread_share * abs(price) + carbon)
    program.constant_usd -= dt * carbon * float(case.hedge_mw[s])
    for g in PROMISED:
        gain["m", t, s, g] = -float(case.migration_usd_per_mw[g])
    gain["r", t, s] = -case.restart_usd_per_mw


def _limits_of_site(program: Program, case: LpCase, t: int, s: int) -> None:
    hedge, limit = float(case.hedge_mw[s]), float(case.grid_limit_mw[s])
    pue, available = case.pue[t, s].tolist(), case.available_mw[t, s].tolist()
    racks = available[3] + available[4]
    power: Terms = {("x", t, s, k): pue[k] for k in KINDS}
    power |= {("y", t, s, g): pue[GPU] for g in TIERS}
    program.equal.append((power | {("b", t, s): -1.0, ("w", t, s): 1.0}, hedge))
    program.at_most.append(({("b", t, s): 1.0}, limit - hedge))
    program.at_most.append(({("w", t, s): 1.0}, hedge))
    for k in KINDS:
        program.at_most.append(({("x", t, s, k): 1.0}, available[k]))
    for k in (3, 4):
        origins: Terms = {("z", t, s, k, r): 1.0 for r in range(case.regions)}
        program.equal.append((origins | {("x", t, s, k): -1.0}, 0.0))
    served: Terms = {("y", t, s, g): 1.0 for g in TIERS}
    program.at_most.append((served | {("x", t, s, 3): 1.0, ("x", t, s, 4): 1.0}, racks))
    kept: Terms = {("y", t, s, PREMIUM): 1.0, ("y", t, s, STANDARD): 1.0, ("h", t, s): 1.0}
    program.at_most.append((kept, min(racks, limit / pue[GPU])))
    elsewhere: Terms = {("h", t, other): -1.0 for other in range(case.sites) if other != s}
    program.at_most.append(({("y", t, s, PREMIUM): 1.0} | elsewhere, float(case.unbacked_mw[t])))


def _changes_of_site(program: Program, case: LpCase, t: int, s: int) -> None:
    for g in PROMISED:
        move: Terms = {("y", t, s, g): 1.0, ("m", t, s, g): -1.0}
        if t:
            move["y", t - 1, s, g] = -1.0
        if case.rests_in_place[g]:
            move["q", t, s, g] = 1.0
            if t:
                move["q", t - 1, s, g] = -1.0
        program.at_most.append((move, 0.0 if t else float(case.served_now_mw[s, g])))
    start: Terms = {("x", t, s, k): 1.0 for k in MINERS} | {("r", t, s): -1.0}
    if t:
        start |= {("x", t - 1, s, k): -1.0 for k in MINERS}
    program.at_most.append((start, 0.0 if t else float(case.miners_now_mw[s])))


def _fleet(program: Program, case: LpCase, t: int) -> None:
    dt = float(case.dt_h[t])
    for g in TIERS:
        served: Terms = {("y", t, s, g): 1.0 for s in range(case.sites)}
        if g == SPOT:
            program.at_most.append((served, float(case.demand_mw[t, g])))
            continue
        unserved: Terms = {("u", t, g): 1.0, ("e", t, g): 1.0, ("f", t, g): 1.0}
        program.equal.append((served | unserved, float(case.demand_mw[t, g])))
        program.at_most.append(({("f", t, g): 1.0}, float(case.breakable_mw[t, g])))
        if case.rests_in_place[g]:
            resting: Terms = {("q", t, s, g): 1.0 for s in range(case.sites)}
            program.at_most.append((resting | dict.fromkeys(unserved, -1.0), 0.0))
        program.at_most.append(({("u", t, g): 1.0}, float(case.shed_limit_mw[t, g])))
        program.gain["u", t, g] = -dt * float(case.goodwill_usd_per_mwh[g])
        program.gain["f", t, g] = -dt * float(case.breaking_usd_per_mwh[g])
        program.gain["e", t, g] = -dt * float(case.credit_usd_per_mwh[g])
    for r in range(case.regions):
        tokens: Terms = {
            ("z", t, s, k, r): float(case.tokens_per_mwh[k - 3]) for s in range(case.sites) for k in (3, 4)
        }
        program.at_most.append((tokens, float(case.demand_tokens_per_h[t, r])))


def point_of(schedule: Schedule, case: LpCase) -> Terms:
    """Every variable of the formulas at a schedule.

    Variables that follow from the decisions are computed here again.
    """
    point: Terms = {}
    for t in range(case.steps):
        for g in PROMISED:
            served = float(schedule.contracts_mw[t, :, g].sum())
            point["u", t, g] = float(schedule.shed_mw[t, g])
            short = max(float(case.demand_mw[t, g]) - served - point["u", t, g], 0.0)
            point["f", t, g] = min(short, float(case.breakable_mw[t, g]))
            point["e", t, g] = short - point["f", t, g]
        for s in range(case.sites):
            _point_of_site(point, schedule, case, t, s)
    return point


def _point_of_site(point: Terms, schedule: Schedule, case: LpCase, t: int, s: int) -> None:
    pue, available = case.pue[t, s].tolist(), case.available_mw[t, s].tolist()
    x = [*schedule.miners_mw[t, s].tolist(), *schedule.merchant_mw[t, :, s].sum(axis=0).tolist()]
    y = schedule.contracts_mw[t, s].tolist()
    draw = sum(pue[k] * x[k] for k in KINDS) + pue[GPU] * sum(y)
    room = min(available[3] + available[4], float(case.grid_limit_mw[s]) / pue[GPU])
    point["b", t, s] = max(draw - float(case.hedge_mw[s]), 0.0)
    point["w", t, s] = max(float(case.hedge_mw[s]) - draw, 0.0)
    point["h", t, s] = max(room - y[PREMIUM] - y[STANDARD], 0.0)
    mined = schedule.miners_mw[t - 1, s].sum() if t else case.miners_now_mw[s]
    point["r", t, s] = max(sum(x[:3]) - float(mined), 0.0)
    for k in KINDS:
        point["x", t, s, k] = x[k]
    for k in (3, 4):
        for r in range(case.regions):
            point["z", t, s, k, r] = float(schedule.merchant_mw[t, r, s, k - 3])
    for g in TIERS:
        point["y", t, s, g] = y[g]
    for g in PROMISED:
        rests = schedule.rested_mw[:, s, g]
        before = schedule.contracts_mw[t - 1, s, g] + rests[t - 1] if t else case.served_now_mw[s, g]
        point["m", t, s, g] = max(y[g] + float(rests[t]) - float(before), 0.0)
        if case.rests_in_place[g]:
            point["q", t, s, g] = float(rests[t])


def _sum(terms: Terms, point: Terms) -> float:
    return sum(value * point[name] for name, value in terms.items())


def _side(rows: list[tuple[Terms, float]], column: dict[Name, int]) -> tuple[coo_array, list[float]]:
    entries = list(_entries(rows, column))
    values = ([v for _, _, v in entries], ([i for i, _, _ in entries], [j for _, j, _ in entries]))
    return coo_array(values, shape=(len(rows), len(column))), [limit for _, limit in rows]


def _entries(rows: list[tuple[Terms, float]], column: dict[Name, int]) -> Iterator[tuple[int, int, float]]:
    for i, (terms, _) in enumerate(rows):
        for name, value in terms.items():
            yield i, column[name], value
