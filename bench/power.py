"""Benchmark of the power contract: ten sites, a battery's year, and random cases."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.battery_referee import FILES, days_of, planned, referee_usd
from bench.lp_cases import cases_of
from bench.report import Figure
from bench.timing import Work, alternately, ready
from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT
from mara.optimizers.flexibility.demand_charges import DemandCharges
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.power_contract import Batteries, GridProduct, PowerContract
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.problem_answer import schedule_of
from tests.optimizers.power_cases import power_case
from tests.optimizers.power_rules import broken_rules

PRICES: Final = Path(__file__).parents[2] / "shared" / "data" / "ercot_hub_2024"
MS_PER_S: Final = 1e3
SITES: Final = 10
QUARTERS: Final = 24
HOURS: Final = 18
"""Steps of the horizon: quarters of an hour first, then hours."""
SERIES: Final = (
    "carbon_t_per_mwh",
    "pue",
    "available_mw",
    "mining_value_usd_per_mwh",
    "token_value_usd_per_mwh",
    "demand_tokens_per_h",
    "demand_mw",
    "shed_limit_mw",
    "breakable_mw",
    "unbacked_mw",
)
"""Coefficients by step that a quarter has from its hour."""
TARGET_MS: Final = {"cold_ms": 250.0, "warm_ms": 80.0}
MAX_OFF_USD: Final = 1e-6
DRAWN_COUNT: Final = 1_000
FEW_DRAWN_COUNT: Final = 100
EVERY_DAY: Final = 1
FEW_DAYS: Final = 12
"""Interval of the days that are solved without `--full`."""


def figures(*, full: bool) -> Iterator[Figure]:
    """Time a horizon of 42 steps, compare the battery's days, count broken rules.

    Rules are checked on random cases.
    """
    yield from _times()
    if PRICES.is_dir():
        for market in FILES:
            yield from _year(market, EVERY_DAY if full else FEW_DAYS)
    count = DRAWN_COUNT if full else FEW_DRAWN_COUNT
    broken = sum(len(_broken(seed)) for seed in range(count))
    yield Figure(name=f"power.drawn_{count}.broken_rules", value=broken, target=0.0, better="less")


def _times() -> Iterator[Figure]:
    """Solve with the whole power contract and without it, in turns.

    The machine is shared, so that other load on it is the same for both.
    """
    first = _in_quarters(cases_of(SITES, QUARTERS)[0], 0)
    second = _in_quarters(cases_of(SITES, QUARTERS)[0], 1)
    contract = _contract_for(first)
    works: dict[str, Work] = {}
    for name, terms in (("contract", contract), ("plain", None)):
        before_case = replace(first, power_contract=terms)
        check(before_case)
        before_model = model_of(before_case)
        before = solve_one_way(before_model, before_case, swift=True)
        case = _following(replace(second, power_contract=terms), before_model, before.primal_mw)
        model = model_of(case)
        works[f"{name}.cold_ms"] = partial(solve_one_way, model, case, swift=True)
        works[f"{name}.warm_ms"] = partial(solve_one_way, model, case, basis=before.basis, by_dual=True, swift=True)
    took = alternately({name: ready(work) for name, work in works.items()})
    for name, timed in took.items():
        target = TARGET_MS[name.split(".")[1]] if name.startswith("contract") else None
        yield Figure(name=f"power.{SITES}x42.{name}", value=MS_PER_S * timed.best_s, target=target, better="less")
    for kind in TARGET_MS:
        ratio = took[f"contract.{kind}"].best_s / took[f"plain.{kind}"].best_s
        yield Figure(name=f"power.{SITES}x42.ratio_to_plain.{kind.removesuffix('_ms')}", value=ratio, better="less")


def _year(market: str, stride: int) -> Iterator[Figure]:
    dt_h, off_usd, gaps, spent_s = FILES[market][1], 0.0, 0, 0.0
    days = list(days_of(PRICES, market).values())[::stride]
    for price_usd_per_mwh in days:
        begun_s = time.process_time()
        found = planned(price_usd_per_mwh, dt_h)
        spent_s += time.process_time() - begun_s
        off_usd = max(off_usd, abs(found["objective_usd"] - referee_usd(price_usd_per_mwh, dt_h)))
        gaps += found["status"] != "optimal"
    name = f"power.battery_2024.{market}"
    yield Figure(name=f"{name}.off_usd", value=off_usd, target=MAX_OFF_USD, better="less", note=f"{len(days)} days")
    yield Figure(name=f"{name}.cpu_s", value=spent_s, better="less", note=f"{gaps} days with a gap shown")


def _broken(seed: int) -> list[str]:
    case = power_case(seed)
    model = model_of(case)
    return broken_rules(schedule_of(solve_one_way(model, case).primal_mw, model.columns, case), case)


def _in_quarters(case: LpCase, later: int) -> LpCase:
    """Cut the first hours into quarters with prices of their own.

    The case begins `later` quarters after the first.
    """
    hours = np.repeat(np.arange(case.steps), 4)[later : QUARTERS + later]
    hours = np.concatenate([hours, np.arange(QUARTERS // 4, QUARTERS // 4 + HOURS)])
    wave = np.random.default_rng(5).normal(0.0, 3.0, (QUARTERS + HOURS + later, case.sites))[later:]
    cut: dict[str, Floats] = {name: getattr(case, name)[hours] for name in SERIES}
    return replace(
        case,
        **cut,  # type: ignore[arg-type]
        dt_h=np.repeat([0.25, 1.0], [QUARTERS, HOURS]),
        price_usd_per_mwh=case.price_usd_per_mwh[hours] + wave,
    )


def _contract_for(case: LpCase) -> PowerContract:
    h, s = case.steps, case.sites
    every, draw = np.ones(s), np.random.default_rng(1)
    return PowerContract(
        export_limit_mw=5.0 * every,
        export_fee_usd_per_mwh=2.0 * every,
        adder_usd_per_mwh=np.full((h, s), 3.0),
        demand_charge=DemandCharges(
            site=np.arange(s),
            usd_per_mw=4_000.0 * every,
            peak_so_far_mw=0.6 * case.grid_limit_mw,
            counts=np.ones((h, s), dtype=np.bool_),
        ),
        battery=Batteries(
            power_mw=10.0 * every,
            energy_mwh=20.0 * every,
            efficiency_in_share=0.92 * every,
            efficiency_out_share=0.92 * every,
            wear_usd_per_mwh=5.0 * every,
            start_mwh=10.0 * every,
            end_mwh=10.0 * every,
        ),
        products=tuple(
            GridProduct(
                id=name,
                price_usd_per_mw_h=draw.gamma(1.0, 6.0, (h, 1)) * np.ones((h, s)),
                duration_h=duration_h,
                expected_deployment_share=share,
                deployment_usd_per_mwh=80.0,
            )
            for name, duration_h, share in (("fast", 1.0, 0.02), ("slow", 2.0, 0.04))
        ),
    )


def _following(case: LpCase, before: LpModel, primal_mw: Floats) -> LpCase:
    """Make the next step's case, after a step that went as planned."""
    columns = before.columns
    now = primal_mw[: columns.width]
    placed_mw = now[columns.contracts[:, :PROMISED_TIER_COUNT]]
    placed_mw[:, columns.resting] += now[columns.rested]
    contract = case.power_contract
    if contract is not None and contract.battery is not None:
        contract = replace(contract, battery=replace(contract.battery, start_mwh=now[columns.stored]))
    return replace(
        case, served_now_mw=placed_mw, miners_now_mw=now[columns.miners].sum(axis=1), power_contract=contract
    )
