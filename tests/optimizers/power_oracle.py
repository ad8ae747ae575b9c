"""A second model of the power contract, solved by scipy with whole numbers.

It extends the second model of the linear program. Every battery has a direction in every step, whatever the price,
and every load a pledge for every product.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from mara.optimizers.flexibility.contracted_supply import SupplyVolumes
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.power_contract import Batteries, GridProduct, PowerContract
from tests.optimizers.lp_oracle import GPU, KINDS, MINERS, PREMIUM, SPOT, STANDARD, Name, Program, Terms, program_of

Pledges = list[tuple[Name, float]]
"""Pledged columns with what each megawatt of them is at the meter."""


def optimum_usd(case: LpCase) -> float:
    """Optimum over plans in which a battery charges or discharges at a time [USD]."""
    program = contract_program_of(case)
    names = {name for terms, _ in (*program.at_most, *program.equal) for name in terms} | set(program.gain)
    column = {name: i for i, name in enumerate(sorted(names, key=str))}
    whole = np.array([name[0] == "charges" for name in sorted(names, key=str)], dtype=np.int64)
    cost = np.zeros(len(column))
    for name, value in program.gain.items():
        cost[column[name]] -= value
    rows = np.zeros((len(program.at_most) + len(program.equal), len(column)))
    upper = np.array([limit for _, limit in (*program.at_most, *program.equal)])
    lower = upper.copy()
    lower[: len(program.at_most)] = -np.inf
    for i, (terms, _) in enumerate((*program.at_most, *program.equal)):
        for name, value in terms.items():
            rows[i, column[name]] = value
    found = milp(
        cost,
        constraints=LinearConstraint(rows, lower, upper),
        bounds=Bounds(0.0, np.where(whole == 1, 1.0, np.inf)),
        integrality=whole,
        options={"mip_rel_gap": 1e-11},
    )
    assert found.status == 0, found.message
    return float(program.constant_usd - found.fun)


def contract_program_of(case: LpCase) -> Program:
    """All rows and gains of a case, those of its power contract included."""
    program, contract = program_of(case), case.power_contract
    assert contract is not None
    for t in range(case.steps):
        for s in range(case.sites):
            _energy(program, case, contract, t, s)
            if contract.battery is not None and contract.battery.power_mw[s] > 0.0 < contract.battery.energy_mwh[s]:
                _battery(program, case, contract, contract.battery, t, s)
            _products(program, case, contract, t, s)
    if contract.demand_charge is not None:
        _peaks(program, case, contract)
    if contract.supply is not None:
        _unused(program, case, contract.supply)
    return program


def _energy(program: Program, case: LpCase, contract: PowerContract, t: int, s: int) -> None:
    adder = float(case.dt_h[t] * contract.adder_usd_per_mwh[t, s])
    program.gain["b", t, s] -= adder
    program.gain["w", t, s] += adder
    program.constant_usd -= adder * float(case.hedge_mw[s])


def _battery(program: Program, case: LpCase, contract: PowerContract, battery: Batteries, t: int, s: int) -> None:
    dt, power = float(case.dt_h[t]), float(battery.power_mw[s])
    into, out = float(battery.efficiency_in_share[s]), float(battery.efficiency_out_share[s])
    balance = next(terms for terms, _ in program.equal if ("b", t, s) in terms)
    balance |= {("c", t, s): 1.0, ("d", t, s): -1.0, ("fed", t, s): 1.0}
    stored: Terms = {("E", t, s): 1.0, ("c", t, s): -into * dt, ("d", t, s): dt / out}
    if t:
        stored["E", t - 1, s] = -1.0
    program.equal.append((stored, 0.0 if t else float(battery.start_mwh[s])))
    program.at_most.append(({("E", t, s): 1.0}, float(battery.energy_mwh[s])))
    program.at_most.append(({("c", t, s): 1.0, ("charges", t, s): -power}, 0.0))
    program.at_most.append(({("d", t, s): 1.0, ("charges", t, s): power}, power))
    program.at_most.append(({("fed", t, s): 1.0}, float(contract.export_limit_mw[s])))
    if t == case.steps - 1 and battery.end_mwh is not None:
        program.equal.append(({("E", t, s): 1.0}, float(battery.end_mwh[s])))
    program.gain["d", t, s] = -dt * float(battery.wear_usd_per_mwh[s])
    program.gain["fed", t, s] = dt * float(case.price_usd_per_mwh[t, s] - contract.export_fee_usd_per_mwh[s])


def _peaks(program: Program, case: LpCase, contract: PowerContract) -> None:
    charge = contract.demand_charge
    assert charge is not None
    for d, s in enumerate(charge.site.tolist()):
        rate, so_far = float(charge.usd_per_mw[d]), float(charge.peak_so_far_mw[d])
        program.gain["P", d] = -rate
        program.constant_usd += rate * so_far
        program.at_most.append(({("P", d): -1.0}, -so_far))
        for t in range(case.steps):
            if charge.counts[t, d]:
                drawn: Terms = {("b", t, s): 1.0, ("w", t, s): -1.0, ("P", d): -1.0}
                program.at_most.append((drawn, -float(case.hedge_mw[s])))


def _unused(program: Program, case: LpCase, supply: SupplyVolumes) -> None:
    for n, s in enumerate(supply.site.tolist()):
        for t in range(case.steps):
            program.gain["U", t, n] = -float(case.dt_h[t] * supply.unused_usd_per_mwh[t, n])
            program.at_most.append(({("U", t, n): -1.0, ("b", t, s): -1.0}, -float(supply.volume_mw[t, n])))


def _products(program: Program, case: LpCase, contract: PowerContract, t: int, s: int) -> None:
    if not contract.products:
        return
    battery, pue = contract.battery, case.pue[t, s].tolist()
    works = battery is not None and battery.power_mw[s] > 0.0 < battery.energy_mwh[s]
    loads: Pledges = [(("a", t, s, p, k), pue[k]) for p in range(len(contract.products)) for k in KINDS]
    loads += [(("a", t, s, p, "spot"), pue[GPU]) for p in range(len(contract.products))]
    from_battery: list[Name] = [("a", t, s, p, "battery") for p in range(len(contract.products))] if works else []
    for p, product in enumerate(contract.products):
        _gain_of_pledges(program, case, product, t, s, p)
    for k in (*KINDS, "spot"):
        row: Terms = {name: 1.0 for name, _ in loads if name[4] == k}
        row[("y", t, s, SPOT) if k == "spot" else ("x", t, s, k)] = -1.0
        program.at_most.append((row, 0.0))
    kept: Terms = {("y", t, s, PREMIUM): 1.0, ("y", t, s, STANDARD): 1.0, ("h", t, s): 1.0}
    racks: Terms = {name: 1.0 for name, _ in loads if name[4] not in MINERS}
    program.at_most.append((kept | racks, float(case.available_mw[t, s, 3:].sum())))
    held: Terms = dict.fromkeys(kept, pue[GPU])
    program.at_most.append((held | dict(loads), float(case.grid_limit_mw[s])))
    if battery is None or not works:
        return
    ready: Terms = dict.fromkeys(from_battery, 1.0)
    program.at_most.append((ready | {("d", t, s): 1.0}, float(battery.power_mw[s])))
    needed: Terms = {
        name: product.duration_h / float(battery.efficiency_out_share[s])
        for name, product in zip(from_battery, contract.products, strict=True)
    }
    program.at_most.append((needed | {("E", t, s): -1.0}, 0.0))
    if t:
        program.at_most.append((needed | {("E", t - 1, s): -1.0}, 0.0))
    else:
        program.at_most.append((dict(needed), float(battery.start_mwh[s])))
    net: Terms = {("b", t, s): -1.0, ("w", t, s): 1.0, ("fed", t, s): 1.0}
    program.at_most.append((net | dict(loads) | ready, float(case.hedge_mw[s] + contract.export_limit_mw[s])))
    for p, product in enumerate(contract.products):
        share, cost = product.expected_deployment_share, _cost(case, t, s)
        again = 1.0 / float(battery.efficiency_in_share[s] * battery.efficiency_out_share[s]) - 1.0
        lost = float(battery.wear_usd_per_mwh[s]) + max(cost, 0.0) * again
        paid = float(product.price_usd_per_mw_h[t, s]) + share * product.deployment_usd_per_mwh
        program.gain["a", t, s, p, "battery"] = float(case.dt_h[t]) * (paid - share * lost)


def _gain_of_pledges(program: Program, case: LpCase, product: GridProduct, t: int, s: int, p: int) -> None:
    dt, share, cost = float(case.dt_h[t]), product.expected_deployment_share, _cost(case, t, s)
    paid = float(product.price_usd_per_mw_h[t, s]) + share * product.deployment_usd_per_mwh
    for k in KINDS:
        pue = float(case.pue[t, s, k])
        value = (
            case.mining_value_usd_per_mwh[t, k] if k in MINERS else case.token_value_usd_per_mwh[t, :, s, k - 3].max()
        )
        program.gain["a", t, s, p, k] = dt * (pue * paid - share * (float(value) - pue * cost))
    pue = float(case.pue[t, s, GPU])
    program.gain["a", t, s, p, "spot"] = dt * (pue * paid - share * (float(case.rate_usd_per_mwh[SPOT]) - pue * cost))


def _cost(case: LpCase, t: int, s: int) -> float:
    assert case.power_contract is not None
    carbon = case.carbon_price_usd_per_t * case.carbon_t_per_mwh[t, s]
    return float(case.price_usd_per_mwh[t, s] + carbon + case.power_contract.adder_usd_per_mwh[t, s])
