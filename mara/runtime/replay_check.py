"""Replay of stored ticks: computed again and compared with the store, bit for bit."""

import logging
from dataclasses import dataclass
from datetime import datetime

from mara.core.events import FLEET_WIDE, Event
from mara.core.plan import Plan
from mara.core.step import Step, advance
from mara.core.world import World
from mara.errors import ConfigError, StoreRefused
from mara.feeds.base import Feed
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.feeds.synthetic.power_system import with_synthetic_power
from mara.runtime.tick.engine import TickEngine, TickResult
from mara.store.encoding.codec import bytes_of
from mara.store.encoding.records import RunRecord, StoredTick
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from mara.store.write.rules_in_force import not_ours, rules_of
from mara.store.write.tick_write import digests_of

log = logging.getLogger("mara.again")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A tick computed again, and the names of the stored digests that it differs from."""

    step: Step
    stored: StoredTick
    replayed_ticks: int
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSince:
    """A version of the rules, its first tick, and the version of Mara that applied it.

    `are_this_programs` is True where this program applies the same rules.
    """

    from_tick: int
    at: datetime
    rules_version: int
    mara_version: str
    are_this_programs: bool


def replayed(reading: ReadModel, run_id: str, tick: int) -> Comparison:
    """Advance from the nearest stored world through the stored inputs up to `tick`.

    Raises:
        ConfigError: the database holds another run.
        StoreRefused: there is no such tick, its inputs have been pruned, or other rules made it than this program's.
    """
    run = reading.run()
    if run.run_id != run_id:
        raise ConfigError(f"{reading.name} holds run {run.run_id}, {run_id} was asked for: name that one")
    feed: Feed | None = None
    if run.feed == SyntheticFeed.name:
        feed = with_synthetic_power(SyntheticFeed(run.config, run.seed), run.config, run.seed)
    stored = reading.stored_tick(tick)
    rules = rules_of(tick, reading.rules())
    if not rules.are_ours:
        raise StoreRefused(not_ours(f"tick {tick} was", rules))
    first, world = reading.world_before(tick)
    for before in reading.stored_ticks(first, tick):
        world = _advanced(before, world, run, feed).world
    step = _advanced(stored, world, run, feed)
    fresh = digests_of(step, stored)
    differs = tuple(name for name in ("raw", "kept", "world") if getattr(fresh, name) != getattr(stored.digests, name))
    if differs == ("world",) and reading.is_of_older_layout(first) and _leads_on(reading, step.world, run, feed):
        differs = ()
    return Comparison(step=step, stored=stored, replayed_ticks=tick + 1 - first, differs=differs)


def rules_since(reading: ReadModel) -> tuple[RulesSince, ...]:
    """List the versions of the rules that made the run, oldest first."""
    grid = reading.run().config.grid
    return tuple(
        RulesSince(
            from_tick=rules.from_tick,
            at=grid.at(rules.from_tick),
            rules_version=rules.rules_version,
            mara_version=rules.mara_version,
            are_this_programs=rules.are_ours,
        )
        for rules in reading.rules()
    )


def _leads_on(reading: ReadModel, world: World, run: RunRecord, feed: Feed | None) -> bool:
    """True if advancing a world leads exactly to the next stored one.

    It replaces the comparison of digests where an older Mara hashed fields that worlds no longer have.
    """
    end, stored = reading.world_after(world.tick - 1)
    for later in reading.stored_ticks(world.tick, end):
        world = _advanced(later, world, run, feed).world
    return bytes_of(world) == bytes_of(stored)


def last_result(store: Store, engine: TickEngine) -> TickResult | None:
    """Compute the last stored tick again, so that screens are not empty after a start."""
    tick, run = engine.world.tick - 1, store.run
    if tick < 0 or run is None:
        return None
    try:
        comparison = replayed(store.read_model, run.run_id, tick)
    except StoreRefused as refusal:
        log.warning("the last tick cannot be shown", extra={"tick": tick, "reason": str(refusal)})
        return None
    plan = Plan(optimizer=engine.optimizer.name, made_tick=tick, steps=(comparison.step.plan,))
    return TickResult(step=comparison.step, plan=plan, events=())


def notes_of(was_tick: int, now_tick: int) -> tuple[Event, ...]:
    """Build an event for a store that stood at another tick than the run in memory.

    It is stored with the next tick; there is none where both agree.
    """
    if was_tick == now_tick:
        return ()
    lost = f"went back from tick {was_tick} to {now_tick}: the database had lost what came after; no order was lost"
    ahead = f"went on at tick {now_tick} instead of {was_tick}: another writer had brought the run so far"
    text = lost if now_tick < was_tick else ahead
    return (Event(tick=now_tick, severity="warning", site=FLEET_WIDE, kind="store", text=text),)


def _advanced(stored: StoredTick, world: World, run: RunRecord, feed: Feed | None) -> Step:
    observation = stored.observation
    if observation is None:
        if feed is None:
            raise StoreRefused(
                f"the raw rows of tick {stored.tick} are past their retention: only a synthetic run can be drawn again"
            )
        observation = feed.observe(stored.tick)
    return advance(world, observation, stored.plan_step, run.config, stored.commands)
