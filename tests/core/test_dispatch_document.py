"""The dispatch document: targets of each site, group and contract, and until when."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.dispatch_document import DispatchDocument, Mode, SiteTarget, document_of
from mara.core.fleet import WORKLOAD_KEYS
from mara.core.plan import Plan, PlanStep
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from tests import builders
from tests.builders import NORTH, WEST


def step_of(config: RunConfig, world: World, price: float, miners_mw: float = 100.0, up: float = 1.0) -> Step:
    """A tick in which miners are wanted everywhere, or nowhere."""
    sites = config.fleet.site_count
    plan = PlanStep(
        miners_mw=np.full((sites, 3), miners_mw),
        merchant_mw=np.zeros((3, sites, 2)),
        contracts_mw=np.full((sites, 4), 1.0),
        reserve_mw=np.zeros(sites),
    )
    return advance(world, builders.observation(config, world.tick, price=price, up=up), plan, config)


def told(step: Step, config: RunConfig) -> DispatchDocument:
    plan = Plan(
        optimizer="rules", made_tick=max(0, step.tick - 1), steps=(step.plan,), objective_usd=9.0, bound_usd=10.0
    )
    return document_of(step, plan, config, "r-1", {"north": "shadow"})


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return builders.config()


@pytest.fixture(scope="module")
def running(config: RunConfig) -> Step:
    live = (builders.contract("a", Tier.PREMIUM, 2.0), builders.contract("b", Tier.SPOT, 1.0))
    world = builders.world(config, live)
    return step_of(config, world, price=20.0)


def test_a_document_is_valid_for_its_tick_and_the_next(running: Step, config: RunConfig) -> None:
    document = told(running, config)
    assert document.valid_from == document.issued_at == config.grid.at(running.tick)
    assert document.valid_to == config.grid.at(running.tick + 2)


def test_groups_and_sites_tell_the_power_that_was_settled(running: Step, config: RunConfig) -> None:
    document = told(running, config)
    assert [site.site_power_mw for site in document.sites] == running.allocation.site_power_mw.tolist()
    for s, site in enumerate(document.sites):
        for group in site.groups:
            assert group.power_mw == running.allocation.running_mw[s, WORKLOAD_KEYS.index(group.group)]
            machine = config.fleet.unit_power_mw[WORKLOAD_KEYS.index(group.group)]
            assert group.units_on_count - 1 < group.power_mw / machine + 1e-6 <= group.units_on_count + 2e-6


def test_contracts_stand_at_the_sites_that_serve_them(running: Step, config: RunConfig) -> None:
    served = {one.contract_id: one.power_mw for site in told(running, config).sites for one in site.contracts}
    assert served == {"a": 2.0, "b": 1.0}


def test_the_least_efficient_miners_give_up_load_first_and_racks_last(running: Step, config: RunConfig) -> None:
    groups = [group.group for group in told(running, config).sites[WEST].groups]
    assert groups == ["air_miner", "immersion_miner", "gpu", "asic"], "17.5 and 13.5 J/TH, then racks"


def test_a_site_that_runs_all_its_miners_has_no_limit(running: Step, config: RunConfig) -> None:
    assert {site.site_limit_mw for site in told(running, config).sites} == {None}


def site_after(running: Step, config: RunConfig, **how: float) -> SiteTarget:
    return told(step_of(config, running.world, **{"price": 20.0, **how}), config).sites[NORTH]


def test_a_site_whose_miners_are_off_is_limited_to_the_rest(running: Step, config: RunConfig) -> None:
    site = site_after(running, config, price=900.0, miners_mw=0.0)
    assert site.site_limit_mw == site.site_power_mw
    assert [group.power_mw for group in site.groups if group.kind == "miner"] == [0.0, 0.0]
    assert site.reasons[0].startswith("hydro_miner: 5.36 MW off, power is 900.00 USD/MWh, mining pays up to ")


def test_a_limit_by_the_grid_s_operator_is_that_of_its_site_and_is_urgent(running: Step, config: RunConfig) -> None:
    seen = builders.observation(config, running.world.tick, price=20.0)
    limits = np.array([np.inf, 40.0, 1_000.0])
    limited = advance(running.world, replace(seen, import_limit_mw=limits), running.plan, config)
    west, north, east = told(limited, config).sites
    assert north.site_power_mw < 40.0, "it draws less already"
    assert (north.site_limit_mw, north.is_urgent) == (40.0, True)
    assert (west.site_limit_mw, west.is_urgent) == (None, False)
    assert (east.site_limit_mw, east.is_urgent) == (None, False), "more than its connection is no limit"


def test_miners_that_went_off_may_not_start_before_their_time(running: Step, config: RunConfig) -> None:
    off = step_of(config, running.world, price=900.0, miners_mw=0.0)
    starts = {group.not_before for group in told(off, config).sites[NORTH].groups if group.kind == "miner"}
    assert starts == {config.grid.at(off.tick + config.miner_min_off_ticks)}
    longer = step_of(config, off.world, price=900.0, miners_mw=0.0)
    assert {group.not_before for group in told(longer, config).sites[NORTH].groups} == {None}


def test_a_site_that_is_down_says_so_and_is_given_nothing(running: Step, config: RunConfig) -> None:
    site = site_after(running, config, up=0.0)
    assert (site.site_power_mw, site.contracts, site.reasons) == (
        0.0,
        (),
        ("down: none of its machines is available",),
    )


def test_a_document_has_the_strongest_mode_of_its_sites(running: Step, config: RunConfig) -> None:
    document = told(running, config)
    assert (document.mode, [site.mode for site in document.sites]) == ("shadow", ["advise", "shadow", "advise"])
    plan = Plan(optimizer="rules", made_tick=0, steps=(running.plan,))
    modes: dict[str, Mode] = {"west": "shadow", "north": "act", "east": "dry-run"}
    assert document_of(running, plan, config, "r-1", modes).mode == "act"


def test_the_origin_tells_age_and_gap_of_the_plan(running: Step, config: RunConfig) -> None:
    later = replace(step_of(config, running.world, price=20.0))
    assert told(later, config).plan.age_s == 300.0
    assert told(later, config).plan.gap_share == pytest.approx(0.1)
