"""A simulated week is lived on stand-ins, then repeated from its journal bit for bit.

SOAK=1 in the environment takes the long form: four weeks under the linear program.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx

from mara.core.contract import Tier
from mara.core.step import Step
from mara.feeds.base import Feed
from mara.feeds.live.feed import LiveFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.tick.engine import TickEngine
from mara.store.encoding.codec import bytes_of
from tests.builders import contract, world
from tests.feeds.live.worlds import OPENADR, QUIET, LiveWorld, config_of, live_world, recalled_feed
from tests.sameness import differences

IS_LONG = os.environ.get("SOAK", "") not in {"", "0"}
DAYS = 28 if IS_LONG else 7
HOUR_S = 3_600
OF = config_of(tick_minutes=60)
CONTRACTS = (contract("c1", Tier.PREMIUM, 0.5), contract("c2", Tier.STANDARD, 1.0), contract("c3", Tier.FLEXIBLE, 1.0))
DENMARK = '{ provider = "energi-data-service", point = "DK1", every_minutes = 1440, stale_after_minutes = 90 }'


def spec() -> str:
    """Write a SPEC in which an auction and a VTN tell prices, and a VTN limits."""
    denmark, texas, rest = (QUIET + OPENADR).partition('id = "texas"')
    denmark = denmark.replace("{ constant = 50.0 }", DENMARK)
    rest = rest.replace("{ constant = 50.0 }", '{ provider = "openadr" }', 1)
    return "[fx]\nusd_per.EUR = 1.1\n" + denmark + texas + rest


def happen(here: LiveWorld, hour: int) -> None:
    """Let a VTN and the internet do in an hour what they do in a bad week."""
    at_s, of_day = here.time.at_s, hour % 24
    to_texas = {"targets": [{"type": "RESOURCE_NAME", "values": ["RES-TX"]}]}
    if of_day == 0:
        prices = [(at_s + n * HOUR_S, "PT1H", 0.04 + 0.001 * ((n * 7 + hour) % 40)) for n in range(26)]
        here.vtn.put("prices", "PRICE", *prices, **to_texas)
    if of_day == 5:
        here.vtn.put(f"e{hour}", "IMPORT_CAPACITY_LIMIT", (at_s + 2 * HOUR_S, "PT4H", 1_500 + hour), **to_texas)
    if of_day == 8:
        here.vtn.put(f"e{hour - 3}", "IMPORT_CAPACITY_LIMIT", (at_s - HOUR_S, "PT4H", 900), priority=2, **to_texas)
        here.vtn.script.append(httpx.Response(503, text="away"))
    if of_day == 10:
        del here.vtn.events[f"e{hour - 5}"]
    here.web.is_cut = 60 <= hour < 84


def lived(feed: Feed, here: LiveWorld | None) -> Iterator[Step]:
    """Advance a run tick by tick, with the world going on beside it if it is there."""
    optimizer: Optimizer = RollingHorizon(lp=Lp(), fallback=Rules()) if IS_LONG else Rules()
    begun = world(OF, CONTRACTS, [1, 1, 0])
    engine = TickEngine(config=OF, feed=feed, optimizer=optimizer, horizon_hours=24, world=begun)
    for hour in range(DAYS * 24):
        if here is not None:
            happen(here, hour)
            here.until(hour, look_s=HOUR_S)
        reading = engine.read_feed()
        result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
        engine.keep(result)
        yield result.step


def test_a_week_is_the_same_when_it_is_repeated_from_the_journal(tmp_path: Path) -> None:
    with closing(live_world(tmp_path, text=spec())) as here:
        here.config = OF
        assert here.ven is not None
        happen(here, 0)
        here.ven.ask()
        live = list(lived(LiveFeed(OF, here.spec, here.memory, here.time.now_s), here))
        here.time.at_s += HOUR_S
        here.memory.listen(int(here.time.at_s))
    for tick, (before, again) in enumerate(zip(live, lived(recalled_feed(tmp_path, OF, spec()), None), strict=True)):
        assert not list(differences(before.observation, again.observation)), tick
        assert bytes_of(before.world) == bytes_of(again.world), tick
    seen = [step.observation for step in live]
    assert sum(one.import_limit_mw is not None for one in seen) > DAYS
    assert sum("openadr" in one.stale_sources for one in seen) > 20
    assert all(step.allocation.site_power_mw[1] <= step.conditions.grid_limit_mw[1] for step in live)
