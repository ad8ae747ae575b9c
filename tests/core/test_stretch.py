"""Ticks settled at once by `stretch` equal those of `advance`, bit for bit."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from mara.core.arrays import Floats, sealed, stacked
from mara.core.commands import Outage
from mara.core.contract import Tier
from mara.core.fleet import MINERS
from mara.core.outlook import Outlook, conditions_of_all, each_of, outlooks_of
from mara.core.plan import DraftStep, problem_in
from mara.core.sla import opened
from mara.core.step import Step, advance
from mara.core.stretch import Stretch
from mara.core.world import RunConfig, World, conditions_of, first_world
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.optimizers.scheduling.tick_tables import tables_in
from tests import builders

TICKS = 60
ROWS = 6
CUSTOMERS = ((Tier.PREMIUM, 1.5), (Tier.STANDARD, 2.0), (Tier.FLEXIBLE, 2.5), (Tier.SPOT, 1.0), (Tier.SPOT, 0.7))


def config_of(hedge_mw: float, limit_mw: float) -> RunConfig:
    return builders.config(builders.fleet(hedge_mw=hedge_mw, hedge_price=40.0, limit_mw=limit_mw))


def world_of(config: RunConfig) -> World:
    contracts = tuple(
        builders.contract(f"c{n}", tier, power_mw, ticks=40 if n == 2 else 10_000)
        for n, (tier, power_mw) in enumerate(CUSTOMERS)
    )
    return opened(first_world(config), contracts, config)


def outlooks_from(config: RunConfig, seed: int) -> tuple[Outlook, ...]:
    feed = SyntheticFeed(config, seed)
    seen = [replace(feed.observe(tick), arrivals=feed.observe(tick).arrivals[:1]) for tick in range(TICKS)]
    return outlooks_of(seen, [feed.forecast(tick, ROWS) for tick in range(TICKS)], config)


def drawn(draft: DraftStep, outlook: Outlook, chance: np.random.Generator) -> tuple[DraftStep, Floats | None]:
    """Return a draft and its miners, or in one case of five one that asks for too much.

    It asks for all miners, or for all tokens at one site, whether there is power and room or not. Miners are None where
    the optimizer is to plan them.
    """
    asked = chance.choice(["as planned", "miners", "crowd"], p=[0.8, 0.1, 0.1])
    if asked == "miners":
        return draft, sealed(outlook.conditions.available_mw[:, MINERS].copy())
    if asked == "crowd":
        merchant = np.zeros_like(draft.merchant_mw)
        merchant[:, 0] = draft.merchant_mw.sum(axis=1)
        return replace(draft, merchant_mw=sealed(merchant)), None
    return draft, None


def stretches(config: RunConfig, seed: int) -> Iterator[tuple[list[Step], list[Step]]]:
    """Pairs of steps, settled at once and by `advance`.

    Ticks between stretches are advanced one by one.
    """
    outlooks, chance, world = outlooks_from(config, seed), np.random.default_rng(seed), world_of(config)
    while world.tick < TICKS:
        stretch, drafts, asked, count = Stretch(world, config), [], [], 0
        for outlook in outlooks[world.tick :]:
            draft, miners = drawn(Rules().draft(problem_in(config, stretch.world, outlook)), outlook, chance)
            drafts.append(draft)
            asked.append(miners)
            if not stretch.may_go_on(outlook) or not stretch.follow(outlook, draft):
                break
            count += 1
        planned = Rules().miners_mw(world, config, drafts, outlooks[world.tick :][: len(drafts)])
        plans = [sealed(p) if a is None else a for p, a in zip(planned, asked, strict=True)]
        settled, alone = stretch.settled(stacked(plans[:count])) if count else None, []
        together = list(settled.steps()) if settled is not None else []
        each = zip(outlooks[world.tick :], drafts, plans[: max(len(together), 1)], strict=False)
        for outlook, draft, miners in each:
            alone.append(advance(world, outlook.observation, draft.step_with(miners), config))
            world = alone[-1].world
        if settled is not None:
            assert bits_of(settled.world) == bits_of(together[-1].world)
            yield together, alone


def bits_of(value: object) -> object:
    """All of a record as nested tuples that differ if a single bit does."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if is_dataclass(value):
        return type(value), tuple(bits_of(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple | list):
        return tuple(bits_of(each) for each in value)
    return repr(value)


@pytest.mark.parametrize(("hedge_mw", "limit_mw"), [(0.0, 60.0), (2.0, 11.0), (0.0, 8.0)])
def test_ticks_settled_at_once_are_those_of_advance_to_the_last_bit(hedge_mw: float, limit_mw: float) -> None:
    config, count = config_of(hedge_mw, limit_mw), 0
    for together, alone in stretches(config, seed=3):
        assert len(together) == len(alone)
        for one, other in zip(together, alone, strict=True):
            assert bits_of(one) == bits_of(other)
        count += len(together)
    assert count > TICKS / 4, "most ticks should need no `advance` of their own"


@pytest.mark.parametrize("limit_mw", [60.0, 11.0])
def test_miners_planned_for_many_ticks_are_those_of_plans_one_by_one(limit_mw: float) -> None:
    config = config_of(0.0, limit_mw)
    world, outlooks, count = world_of(config), outlooks_from(config, seed=3), 0
    while world.tick < TICKS:
        stretch, drafts, ahead = Stretch(world, config), [], outlooks[world.tick :]
        for outlook in ahead:
            draft = Rules().draft(problem_in(config, stretch.world, outlook))
            if not stretch.may_go_on(outlook) or not stretch.follow(outlook, draft):
                break
            drafts.append(draft)
        planned = [*Rules().miners_mw(world, config, drafts, ahead[: len(drafts)])] if drafts else []
        for n, outlook in enumerate(ahead[: max(len(drafts), 1)]):
            plan = Rules().plan(problem_in(config, world, outlook)).steps[0]
            if n < len(drafts):
                assert bits_of(plan) == bits_of(drafts[n].step_with(planned[n]))
            world = advance(world, outlook.observation, plan, config).world
        count += len(drafts)
    assert count > TICKS / 4, "most ticks should need no `advance` of their own"


@pytest.mark.parametrize("customers", [(), CUSTOMERS[:4]])
@pytest.mark.parametrize("breakeven", [True, False])
def test_a_plan_that_names_no_sites_is_followed_while_all_contracts_stay(
    customers: tuple[tuple[Tier, float], ...], breakeven: bool
) -> None:
    config = config_of(0.0, 60.0)
    contracts = tuple(builders.contract(f"c{n}", tier, power_mw) for n, (tier, power_mw) in enumerate(customers))
    world, outlooks, count = opened(first_world(config), contracts, config), outlooks_from(config, seed=3), 0
    while world.tick < TICKS:
        stretch, drafts, ahead = Stretch(world, config), [], outlooks[world.tick :]
        for outlook in ahead:
            draft = Static(breakeven=breakeven).draft(problem_in(config, stretch.world, outlook))
            if not stretch.may_go_on(outlook) or not stretch.follow(outlook, draft):
                break
            drafts.append(draft)
        settled = stretch.settled()
        together = list(settled.steps()) if settled is not None else []
        for n, outlook in enumerate(ahead[: max(len(together), 1)]):
            plan = Static(breakeven=breakeven).plan(problem_in(config, world, outlook)).steps[0]
            step = advance(world, outlook.observation, plan, config)
            if n < len(together):
                assert bits_of(step) == bits_of(together[n])
            world = step.world
        count += len(together)
    assert count > TICKS / 4, "most ticks should need no `advance` of their own"


def test_a_plan_that_names_no_sites_is_not_followed_where_dispatch_has_to_choose() -> None:
    config = config_of(0.0, 60.0)
    outlooks, world = outlooks_from(config, seed=3), world_of(config)
    draft = Static().draft(problem_in(config, world, outlooks[0]))
    assert len(draft.contract_site) == 0
    assert not Stretch(world, config).follow(outlooks[0], draft), "nothing is placed yet"
    alone = replace(outlooks[0].observation, arrivals=())
    plan = Static().plan(problem_in(config, world, outlooks[0])).steps[0]
    after = advance(world, alone, plan, config).world
    stays = Static().draft(problem_in(config, after, outlooks[1]))
    assert Stretch(after, config).follow(outlooks[1], stays)
    moves = replace(stays, contracts_mw=sealed(stays.contracts_mw[::-1].copy()))
    assert not Stretch(after, config).follow(outlooks[1], moves)


def test_conditions_of_many_ticks_are_those_of_each() -> None:
    config = config_of(0.0, 60.0)
    seen = [outlook.observation for outlook in outlooks_from(config, seed=5)]
    hot = replace(seen[0], dry_bulb_c=sealed(seen[0].dry_bulb_c + 25.0))
    for found, each in zip(each_of(conditions_of_all([*seen, hot], config)), [*seen, hot], strict=True):
        alone = conditions_of(each, config)
        assert bits_of(found) == bits_of(alone)
        assert bits_of(found.rack_cost_usd_per_mwh) == bits_of(alone.rack_cost_usd_per_mwh)
        assert bits_of(found.miner_margin_usd_per_mwh) == bits_of(alone.miner_margin_usd_per_mwh)


def test_ticks_that_are_told_the_same_share_what_is_computed_to_the_last_bit() -> None:
    config = config_of(0.0, 60.0)
    hours = [outlook for outlook in outlooks_from(config, seed=5)[:6] for _ in range(4)]
    seen = [replace(hour.observation, tick=tick) for tick, hour in enumerate(hours)]
    ahead = [replace(hour.forecast, tick=tick) for tick, hour in enumerate(hours)]
    apart = [replace(one, wet_bulb_c=one.wet_bulb_c.copy()) for one in seen]
    alike, unlike = outlooks_of(seen, ahead, config), outlooks_of(apart, ahead, config)
    assert [alike[t].conditions is alike[t - 1].conditions for t in range(1, 24)] == [t % 4 > 0 for t in range(1, 24)]
    for one, other in zip(alike, unlike, strict=True):
        assert one.observation.tick == other.observation.tick == one.earlier_count
        assert bits_of(one.conditions) == bits_of(other.conditions)
        assert bits_of(one.rack_cost_usd_per_mwh) == bits_of(other.rack_cost_usd_per_mwh)
        assert bits_of(one.present_rack_cost_usd_per_mwh) == bits_of(other.present_rack_cost_usd_per_mwh)
        assert bits_of(tables_in(one)) == bits_of(tables_in(other))
    assert bits_of(alike[0].together.conditions) == bits_of(unlike[0].together.conditions)


def test_a_stretch_refuses_ticks_in_which_an_operator_keeps_a_site_down() -> None:
    config = config_of(0.0, 60.0)
    outlooks, world = outlooks_from(config, seed=3), world_of(config)
    plan = Rules().plan(problem_in(config, world, outlooks[0])).steps[0]
    order = Outage(site_id=config.fleet.site_ids[0], duration_ticks=5)
    after = advance(world, outlooks[0].observation, plan, config, (order,)).world
    assert not Stretch(after, config).may_go_on(outlooks[1])
