"""Earnings of loads and a battery below a peak, beside a linear program of the same chain."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from mara.optimizers.flexibility.below_peaks import Blocks, LoadsAndBattery, earned_usd

LENGTH_H = 4


def drawn_site(seed: int) -> LoadsAndBattery:
    draw = np.random.default_rng(seed)
    energy_mwh = float(draw.uniform(1.0, 12.0))
    return LoadsAndBattery(
        worth_usd_per_mwh=np.sort(draw.uniform(5.0, 120.0, 3))[::-1],
        load_mw=draw.uniform(0.0, 4.0, 3),
        firm_mw=float(draw.uniform(0.0, 2.0)),
        limit_mw=8.0,
        export_mw=float(draw.choice([0.0, 3.0])),
        fee_usd_per_mwh=float(draw.choice([0.0, 4.0])),
        power_mw=float(draw.uniform(0.2, 4.0)),
        energy_mwh=energy_mwh,
        into_share=0.92,
        out_share=0.9,
        wear_usd_per_mwh=3.0,
        end_mwh=energy_mwh * float(draw.uniform(0.0, 1.0)),
    )


def drawn_blocks(seed: int, count: int = 18) -> Blocks:
    draw = np.random.default_rng(seed)
    price = draw.gamma(1.5, 30.0, count)
    return Blocks(
        length_h=LENGTH_H,
        price_usd_per_mwh=price,
        cost_usd_per_mwh=price + draw.choice([0.0, 10.0], count),
        counts=draw.random(count) < 0.8,
        weight_share=np.linspace(0.5, 1.0, count),
    )


def solved_usd(site: LoadsAndBattery, blocks: Blocks, peak_mw: float) -> float:
    """Solve the chain as a linear program: drawn, fed in, charged, delivered, stored, and each load, by block."""
    count = len(blocks.counts)
    one, none = np.eye(count), np.zeros((count, count))
    weights = LENGTH_H * blocks.weight_share
    free = 0.0 * weights
    worth = [weights * -usd for usd in site.worth_usd_per_mwh]
    fed_in = weights * (site.fee_usd_per_mwh - blocks.price_usd_per_mwh)
    cost = np.concatenate(
        [weights * blocks.cost_usd_per_mwh, fed_in, free, weights * site.wear_usd_per_mwh, free, *worth]
    )
    meets = np.hstack([one, -one, -one, one, none, *[-one] * len(worth)])
    kept = np.hstack(
        [
            none,
            none,
            -LENGTH_H * site.into_share * one,
            LENGTH_H / site.out_share * one,
            one - np.eye(count, k=-1),
            *[none] * len(worth),
        ]
    )
    start = np.zeros(count)
    start[0] = site.end_mwh
    most_mw = np.where(blocks.counts, peak_mw, site.limit_mw)
    least = np.zeros(count)
    least[-1] = site.end_mwh
    bounds = [(0.0, most) for most in most_mw]
    bounds += [(0.0, site.export_mw)] * count + [(0.0, site.power_mw)] * (2 * count)
    bounds += [(low, site.energy_mwh) for low in least]
    bounds += [(0.0, mw) for mw in site.load_mw for _ in range(count)]
    found = linprog(
        cost,
        A_eq=np.vstack([meets, kept]),
        b_eq=np.concatenate([np.full(count, site.firm_mw), start]),
        bounds=bounds,
        method="highs",
    )
    assert found.status == 0, found.message
    return -float(found.fun)


@pytest.mark.parametrize("seed", range(12))
def test_a_chain_of_blocks_earns_what_a_linear_program_earns(seed: int) -> None:
    site, blocks = drawn_site(seed), drawn_blocks(seed)
    peaks_mw = site.firm_mw + np.array([0.0, 0.1, 0.7, 2.0, 5.0])
    expected = [solved_usd(site, blocks, peak_mw) for peak_mw in peaks_mw.tolist()]
    assert earned_usd(site, blocks, peaks_mw) == pytest.approx(expected, abs=1e-3)


def test_loads_alone_run_in_the_order_of_their_worth() -> None:
    site = replace(drawn_site(1), power_mw=0.0)
    blocks = drawn_blocks(1)
    assert earned_usd(site, blocks, np.array([3.0]))[0] == pytest.approx(solved_usd(site, blocks, 3.0), abs=1e-3)


def test_energy_is_kept_from_one_day_for_another() -> None:
    """Little power charges a battery for two days: 22 MWh in eleven blocks, sold in the twelfth."""
    site = replace(
        drawn_site(0),
        load_mw=np.zeros(3),
        firm_mw=0.0,
        export_mw=10.0,
        fee_usd_per_mwh=0.0,
        power_mw=10.0,
        energy_mwh=24.0,
        into_share=1.0,
        out_share=1.0,
        wear_usd_per_mwh=0.0,
        end_mwh=0.0,
    )
    price = np.array([0.0] * 11 + [100.0])
    blocks = replace(
        drawn_blocks(0, 12), price_usd_per_mwh=price, cost_usd_per_mwh=price, counts=np.ones(12, dtype=np.bool_)
    )
    alike = replace(blocks, weight_share=np.ones(12))
    assert earned_usd(site, alike, np.array([0.5]))[0] == pytest.approx(2_200.0)
