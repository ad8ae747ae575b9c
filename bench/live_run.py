"""Comparison of a live run's gain over the rules with that of a simulation.

``python -m bench.live_run --seeds 7 1 2 5 --days 30`` prints a table. The live run is the real one, paced as on the
dashboard, on a simulated clock: pauses between ticks pass at once, and a solve takes the time that the solver really
took (or ``--solve-s``), so that a plan is in time or late as in reality.
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.simulated_time import SimulatedClock, SimulatedLoop, taking
from mara.assembly.runs import open_run, planner_of, rehearsal_of
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_MINUTE
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.runtime.tick.engine import TickEngine, simulate
from mara.settings import Settings, read_settings
from mara.store.store import Store

LEAST_SHARE: Final = 0.99
"""Least gain of the live run over the rules, as a share of the simulation's."""
TICKS_PER_DAY: Final = 288


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Earnings of three runs of a seed [USD], and number of plans of the live one."""

    seed: int
    rules_usd: float
    simulated_usd: float
    live_usd: float
    live_plans: int

    @property
    def share(self) -> float:
        """The live run's gain over the rules, as a share of the simulation's."""
        return (self.live_usd - self.rules_usd) / (self.simulated_usd - self.rules_usd)


def settings_for(seed: int, folder: Path, optimizer: str = "lp", speed: float = 300.0) -> Settings:
    """Make the settings of a run in a folder."""
    url, log = f"sqlite:///{folder / 'mara.db'}", str(folder / "app.log")
    options = {"optimizer": optimizer, "seed": seed, "speed": speed, "database_url": url, "log_file": log}
    return read_settings({}, options)


def earned_usd(seed: int, optimizer: str, ticks: int) -> float:
    """Simulate some ticks, and return the earnings [USD]."""
    with tempfile.TemporaryDirectory() as folder:
        engine = rehearsal_of(settings_for(seed, Path(folder), optimizer))
    engine.counterfactuals = None
    simulate(engine, None, ticks)
    return engine.world.cash_micro_usd / MICRO_USD_PER_USD


def lived(
    settings: Settings,
    ticks: int,
    solve_s: float | None = None,
    *,
    alone: bool = True,
    listen: Callable[[PublishedState], None] | None = None,
) -> TickEngine:
    """Run a live run for some ticks, and return its engine.

    With `alone` it has no counterfactual worlds; `listen` is called with each published state.
    """
    opened: list[TickEngine] = []
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        # The engine is no result: a runner has the result of its task written out whole, for a message to nobody.
        runner.run(_lived(settings, ticks, solve_s, StatePublisher(listen), opened, alone=alone))
    return opened[0]


async def _lived(
    settings: Settings,
    ticks: int,
    solve_s: float | None,
    publisher: StatePublisher,
    opened: list[TickEngine],
    *,
    alone: bool,
) -> None:
    clock = SimulatedClock(asyncio.get_running_loop())

    def start() -> tuple[Store, TickEngine, Planner]:
        store, engine = open_run(settings, settings.plan_deadline_s)
        engine.counterfactuals = None if alone else engine.counterfactuals
        opened.append(engine)
        return store, engine, planner_of(settings, engine, None, clock, taking(solve_s))

    platform = Platform(start, publisher, clock, settings.speed)
    await platform.start()
    engine = opened[0]
    tick_s = engine.config.grid.tick_minutes * SECONDS_PER_MINUTE / settings.speed
    end = engine.world.tick + ticks
    try:
        while engine.world.tick < end:  # noqa: ASYNC110  the engine tells nobody how far it is
            await asyncio.sleep(tick_s / 2)
    finally:
        await platform.stop()


def outcome_of(seed: int, ticks: int, solve_s: float | None = None, speed: float = 300.0) -> Outcome:
    """Make the three runs of a seed."""
    rules_usd, simulated_usd = (earned_usd(seed, optimizer, ticks) for optimizer in ("rules", "lp"))
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(seed, Path(folder), speed=speed)
        engine = lived(settings, ticks, solve_s)
        store, _ = open_run(settings)
        plans = int(store.read_model.ask("SELECT count(DISTINCT made_tick) FROM optimization_runs")[0][0])
        store.close()
    return Outcome(
        seed=seed,
        rules_usd=rules_usd,
        simulated_usd=simulated_usd,
        live_usd=engine.world.cash_micro_usd / MICRO_USD_PER_USD,
        live_plans=plans,
    )


def main() -> int:
    """Run all seeds; return 1 if a live run's share is below `LEAST_SHARE`, else 0."""
    parser = argparse.ArgumentParser(description="Compares what live runs and simulations earn over the rules.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 1, 2, 5])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--speed", type=float, default=300.0, help="simulated seconds per real second")
    parser.add_argument("--solve-s", type=float, default=None, help="real seconds of a solve [default: as measured]")
    asked = parser.parse_args()
    logging.disable()  # each solve blocks the loop, which the watchdog would log
    shares = []
    print(
        f"{'seed':>4} {'rules USD':>14} {'simulate over rules':>20} {'live over rules':>16} {'share':>8} {'plans':>6}"
    )
    for seed in asked.seeds:
        got = outcome_of(seed, round(asked.days * TICKS_PER_DAY), asked.solve_s, speed=asked.speed)
        shares.append(got.share)
        simulated, live = got.simulated_usd - got.rules_usd, got.live_usd - got.rules_usd
        cells = f"{seed:>4} {got.rules_usd:>14,.0f} {simulated:>+20,.0f} {live:>+16,.0f} {got.share:>8.2%}"
        print(f"{cells} {got.live_plans:>6}", flush=True)
    return 0 if min(shares) >= LEAST_SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main())
