"""Whole contracts placed nearest to a plan, by moves that bring both sites nearer."""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.placement import Placement, held_mw
from mara.core.world import World
from mara.optimizers.scheduling.relocation import nearest
from tests import builders

CHARTER = builders.config()
ROOM_MW = np.array([10.0, 10.0, 5.0])
WEST, NORTH, EAST = 0, 1, 2


def placed_at(powers_mw: list[float], at: list[int], tier: Tier = Tier.STANDARD) -> tuple[Placement, World]:
    """Make the placement of contracts that stay at their sites, and its world."""
    contracts = tuple(builders.contract(f"c{n}", tier, power) for n, power in enumerate(powers_mw))
    world = builders.world(CHARTER, contracts, at)
    placed = Placement(
        site=world.accounts.site,
        served=world.accounts.served,
        scheduled=np.zeros(len(at), dtype=np.bool_),
        contracts_mw=held_mw(world),
        site_mw=held_mw(world).sum(axis=1),
        moved_mw=np.zeros((3, 3)),
        stranded_mw=None,
    )
    return placed, world


def target(tier: Tier, by_site_mw: tuple[float, float, float]) -> np.ndarray:
    contracts = np.zeros((3, 4))
    contracts[:, tier] = by_site_mw
    return contracts


@pytest.mark.parametrize(("north_mw", "to"), [(0.8, WEST), (0.99, WEST), (1.01, NORTH), (2.0, NORTH)])
def test_a_contract_moves_when_the_plan_wants_more_than_half_of_it_elsewhere(north_mw: float, to: int) -> None:
    placed, world = placed_at([2.0], [WEST])
    moved = nearest(placed, target(Tier.STANDARD, (2.0 - north_mw, north_mw, 0.0)), world, ROOM_MW)
    assert moved.site.tolist() == [to]
    assert moved.contracts_mw[:, Tier.STANDARD].tolist() == [2.0 * (to == WEST), 2.0 * (to == NORTH), 0.0]


def test_where_it_does_not_fit_it_stays() -> None:
    placed, world = placed_at([3.0, 9.0], [WEST, NORTH])
    wanted = target(Tier.STANDARD, (0.0, 12.0, 0.0))
    assert nearest(placed, wanted, world, ROOM_MW).site.tolist() == [WEST, NORTH]


def test_a_plan_that_only_sheds_or_only_adds_moves_nobody() -> None:
    placed, world = placed_at([2.0, 2.0], [WEST, WEST])
    for west_mw in (1.0, 7.0):
        assert nearest(placed, target(Tier.STANDARD, (west_mw, 0.0, 0.0)), world, ROOM_MW) is placed


def test_as_many_move_as_bring_it_nearer() -> None:
    placed, world = placed_at([1.0] * 6, [WEST] * 6)
    moved = nearest(placed, target(Tier.STANDARD, (2.6, 2.2, 1.2)), world, ROOM_MW)
    assert moved.contracts_mw[:, Tier.STANDARD].tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("seed", range(30))
def test_no_move_ever_takes_a_placement_further_from_its_plan_or_over_a_limit(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(1, 9))
    powers, at = draw.uniform(0.2, 1.5, count).round(2).tolist(), draw.integers(0, 3, count).tolist()
    tier = Tier(int(draw.integers(0, 3)))
    placed, world = placed_at(powers, at, tier)
    room = placed.contracts_mw.sum(axis=1) + draw.uniform(0.0, 3.0, 3)
    shares = draw.dirichlet(np.ones(3))
    wanted = target(tier, tuple(shares * sum(powers)))
    moved = nearest(placed, wanted, world, room)
    assert np.abs(wanted - moved.contracts_mw).sum() <= np.abs(wanted - placed.contracts_mw).sum() + 1e-9
    assert (moved.contracts_mw.sum(axis=1) <= room + 1e-6).all()
    assert moved.contracts_mw.sum() == pytest.approx(placed.contracts_mw.sum())
    loads = [sum(p for p, s in zip(powers, moved.site.tolist(), strict=True) if s == site) for site in range(3)]
    assert moved.contracts_mw[:, tier].tolist() == pytest.approx(loads)
