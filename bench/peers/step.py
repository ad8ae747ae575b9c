"""The step of a simulation beside vessim's, in site-steps per CPU-second.

They run in turns on the same machine. In a step,

- vessim reads what each site draws from a trace, balances it with the site's grid connection and hands out the state.
  It has no contracts, service levels, moves, weather, costs or ledger, and it decides nothing here. It is run in two
  ways: with the least there is to simulate (`vessim`), and as for a study, with a load for each workload, price and
  carbon beside them, and its recorder of states and sums (`vessim_recorded`).
- `advance` is given a plan, and dispatches five workloads a site under outages, weather and grid limits, places 50
  contracts one by one, judges their service levels, and books revenue, energy, carbon, moves and credits exactly.
- `mara simulate` is the whole of it: synthetic weather, prices and demand, a forecast, a plan (by `rules`, or by the
  linear program every hour), `advance` for the run and for the worlds that its gains are measured against, and a
  database that keeps all of it.

The loads of vessim are those that `advance` dispatched, at the same sites and steps, and what its sites import must be
the energy of ours to 1e-6. `mara simulate` runs the first half day of the default world. One round is not timed, three
are; their medians are compared.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Final

import numpy as np

from bench.peers.side_by_side import agrees, peer_of
from bench.report import Figure
from bench.timing import Timed, Work, alternately, ready
from bench.worlds import Tape, tape_of
from mara.assembly.runs import open_run
from mara.core.arrays import Floats
from mara.core.dispatch import Allocation
from mara.core.fleet import MINERS, RACKS, Workload
from mara.core.step import advance
from mara.core.units import SECONDS_PER_HOUR
from mara.runtime.tick.engine import simulate
from mara.settings import read_settings

CONTRACTS: Final = 50
TICKS_OF: Final = {10: 2_000, 1_000: 20}
SIMULATED_TICKS: Final = 144
SIMULATED_SITES: Final = 10
"""Sites of the default fleet, which `mara simulate` runs."""
SIMULATED_BY: Final = ("rules", "lp")
VESSIM: Final = ("vessim", "vessim_recorded")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Grid power by workload (H, S, K) [MW], and price and carbon of the grid (H, S)."""

    workload_mw: Floats
    price_usd_per_mwh: Floats
    carbon_g_per_kwh: Floats
    energy_mwh: float


def figures() -> Iterator[Figure]:
    """Compare ten and a thousand sites, and a whole simulation of ten."""
    vessim = peer_of("vessim", "vessim_sites")
    if vessim is None:
        return
    with TemporaryDirectory() as folder:
        for sites, ticks in TICKS_OF.items():
            tape = tape_of(sites, CONTRACTS, ticks)
            theirs = vessim_works(vessim, tape)
            if theirs is None:
                continue
            works: dict[str, Callable[[], Work]] = {"advance": ready(partial(_play, tape)), **theirs}
            counts = dict.fromkeys(works, tape.site_steps)
            if sites == SIMULATED_SITES:
                whole = simulations(Path(folder))
                works, counts = works | whole, counts | dict.fromkeys(whole, SIMULATED_TICKS * sites)
            yield from _rates(f"step.{sites}_sites", alternately(works), counts)


def vessim_works(vessim: ModuleType, tape: Tape) -> dict[str, Callable[[], Work]] | None:
    """Prepare vessim on a tape; None where its energy differs from Mara's."""
    drawn, ticks, tick_s = drawn_of(tape), len(tape.ticks), round(SECONDS_PER_HOUR * tape.config.grid.dt_h)
    recorded = partial(vessim.recording, drawn.workload_mw, drawn.price_usd_per_mwh, drawn.carbon_g_per_kwh, tick_s)

    def imported_mwh() -> float:
        scenario, recorder = recorded()
        vessim.run(scenario, ticks)
        return float(vessim.imported_mwh(recorder))

    if not agrees("vessim", "energy in MWh", imported_mwh, drawn.energy_mwh):
        return None
    site_mw = drawn.workload_mw.sum(axis=2)
    return {
        "vessim": lambda: partial(vessim.run, vessim.balancing(site_mw, tick_s), ticks),
        "vessim_recorded": lambda: partial(vessim.run, recorded()[0], ticks),
    }


def drawn_of(tape: Tape) -> Drawn:
    """Play a tape once, and record the power drawn, prices and carbon."""
    world, powers, energy_mwh = tape.starts[0], [], 0.0
    for observation, plan in tape.ticks:
        step = advance(world, observation, plan, tape.config)
        powers.append(_workload_mw(step.allocation))
        energy_mwh += float(step.allocation.site_power_mw.sum()) * tape.config.grid.dt_h
        world = step.world
    return Drawn(
        workload_mw=np.stack(powers),
        price_usd_per_mwh=np.stack([seen.energy_price_usd_per_mwh for seen, _ in tape.ticks]),
        carbon_g_per_kwh=np.stack([seen.carbon_intensity_g_per_kwh for seen, _ in tape.ticks]),
        energy_mwh=energy_mwh,
    )


def _workload_mw(allocation: Allocation) -> Floats:
    """Grid power by workload (S, K); contracts draw as the GPU servers do."""
    running_mw = np.zeros_like(allocation.pue)
    running_mw[:, MINERS] = allocation.miners_mw
    running_mw[:, RACKS] = allocation.merchant_mw.sum(axis=0)
    running_mw[:, Workload.GPU] += allocation.contracts_mw.sum(axis=1)
    return np.asarray(running_mw * allocation.pue)


def _play(tape: Tape) -> None:
    for part in tape.parts():
        part()


def simulations(folder: Path) -> dict[str, Callable[[], Work]]:
    """Prepare whole runs of `mara simulate`, each with a database of its own."""
    numbers = count()

    def prepared(optimizer: str) -> Work:
        database = f"sqlite:///{folder / f'{next(numbers)}.db'}"
        store, engine = open_run(read_settings({}, {"database_url": database, "optimizer": optimizer}))

        def work() -> None:
            simulate(engine, store, SIMULATED_TICKS)
            store.close()

        return work

    return {f"simulate_{optimizer}": partial(prepared, optimizer) for optimizer in SIMULATED_BY}


def _rates(name: str, took: dict[str, Timed], site_steps: dict[str, int]) -> Iterator[Figure]:
    rates = {work: site_steps[work] / timed.median_s for work, timed in took.items()}
    for work, rate in rates.items():
        yield Figure(name=f"{name}.{work}_site_steps_per_cpu_s", value=rate, note="median of three in turns")
    for work, peer in product(rates, VESSIM):
        if work not in VESSIM:
            yield Figure(name=f"{name}.ratio_{work}_to_{peer}", value=rates[work] / rates[peer], note="of the rates")
