"""The sites of a run as microgrids of vessim.

vessim (https://vessim.readthedocs.io) simulates the energy of data centres. It is given the power that each site drew
by Mara's decisions, and balances it with the grid; `bench.peers.step` lists what it does not model.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
import vessim

from mara.core.arrays import Floats

W_PER_MW: Final = 1e6
FIRST_TICK: Final = "2025-07-01"


def balancing(site_mw: Floats, tick_s: int) -> Any:
    """Make a scenario of one consumer and one grid connection a site (H, S).

    Nothing is recorded: this is the smallest simulation that vessim can run.
    """
    scenario = vessim.Environment(sim_start=FIRST_TICK, step_size=tick_s)
    for s, load in enumerate(_traces(W_PER_MW * site_mw, tick_s)):
        scenario.add_microgrid(name=str(s), actors=[vessim.Consumer("site", load)], dispatchables=[_grid()])
    return scenario


def recording(workload_mw: Floats, price_usd_per_mwh: Floats, carbon_g_per_kwh: Floats, tick_s: int) -> tuple[Any, Any]:
    """Make a scenario that keeps the power of every workload (H, S, K).

    A consumer for each workload, price and carbon as signals (H, S), and vessim's recorder with its sums, in memory.
    """
    steps, sites, workloads = workload_mw.shape
    scenario = vessim.Environment(sim_start=FIRST_TICK, step_size=tick_s)
    loads = _traces(W_PER_MW * workload_mw.reshape(steps, -1), tick_s)
    prices, carbons = _traces(price_usd_per_mwh, tick_s), _traces(carbon_g_per_kwh, tick_s)
    for s in range(sites):
        scenario.add_microgrid(
            name=str(s),
            actors=[vessim.Consumer(f"workload {k}", loads[s * workloads + k]) for k in range(workloads)],
            dispatchables=[_grid()],
            grid_signals={"price": prices[s], "carbon": carbons[s]},
        )
    return scenario, scenario.add_controller(vessim.Recorder())


def run(scenario: Any, ticks: int) -> None:
    """Simulate every tick of a scenario, which vessim can do once."""
    scenario.run(until=ticks * scenario.step_size)


def imported_mwh(recorder: Any) -> float:
    """Sum the energy that all sites took from the grid [MWh]."""
    return sum(float(site["grid_import"]) for site in recorder.metrics["microgrids"].values()) / W_PER_MW


def _grid() -> Any:
    """Connect a site to a grid without a limit.

    Mara has kept the limit, and checking it would cost vessim time.
    """
    return vessim.GridConnection()


def _traces(values: Floats, tick_s: int) -> list[Any]:
    names = [str(n) for n in range(values.shape[1])]
    table = pd.DataFrame(values, index=np.arange(len(values)) * tick_s, columns=names)
    trace = vessim.Trace(table)
    return [trace.select(name) for name in names]
