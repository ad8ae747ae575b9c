"""The linear program of a day at ten sites: Mara, linopy, pyomo and PyPSA.

They run in turns on the same machine and build the same program: `rests_in_place` is off, as the formulas are
published, and there is neither a hedge nor a broken contract. Before anything is timed, each peer solves it by HiGHS,
which Mara calls too; one whose optimum differs from Mara's by more than 1e-6 is left out.

Building is timed from a case, which is arrays of prices and limits: for Mara, linopy and pyomo to a sparse matrix with
costs and limits, for PyPSA to its network and linopy model, whose matrix is made when it is solved. Solving is timed
with one thread and the simplex method for both. Mara goes from its matrix to a solution with a certificate, and PyPSA
from its model to linopy's solution (`solve`), or on to all results in its network, as its users do (`optimize`). linopy
and pyomo are modelling layers, and solving by them is not timed.

One round is not timed, three are; their medians are compared.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Final

import numpy as np

from bench.lp_cases import cases_of
from bench.peers.side_by_side import agrees, peer_of
from bench.report import Figure
from bench.timing import Work, alternately, ready
from mara.core.contract import PROMISED_TIER_COUNT
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import LpModel, model_of
from mara.optimizers.lp.solve import solve

PEERS: Final = ("linopy", "pyomo", "pypsa")
SITES: Final = 10
HOURS: Final = 24
TARGET_RATIO_OF_BUILDS: Final = 50.0
BUILDS: Final = 50
"""Builds that are timed together, because one takes half a millisecond."""
MS_PER_S: Final = 1e3


def figures() -> Iterator[Figure]:
    """Compare building with all peers that are installed, solving with PyPSA."""
    (case,) = cases_of(SITES, HOURS)
    case = published(case)
    model = model_of(case)
    peers = dict(comparable(case, model))
    if not peers:
        return
    took = alternately(_builds(case, model, peers))
    for name in peers:
        yield from _beside(took[f"{name}_build"].median_s, took["mara_build"].median_s / BUILDS, f"{name}_build")
    if "pypsa" in peers:
        took = alternately(_solves(case, model, peers["pypsa"]))
        for stage in ("solve", "optimize"):
            yield from _beside(took[f"pypsa_{stage}"].median_s, took["mara_solve"].median_s, f"pypsa_{stage}")


def published(case: LpCase) -> LpCase:
    """Copy a case without tiers that rest in place, which the peers do not model."""
    return replace(case, rests_in_place=np.zeros(PROMISED_TIER_COUNT, dtype=np.bool_))


def comparable(case: LpCase, model: LpModel) -> Iterator[tuple[str, ModuleType]]:
    """Find the peers that are installed and find the same optimum."""
    ours_usd = solve(model).certificate.objective_usd
    for name in PEERS:
        peer = peer_of(name, f"{name}_program")
        if peer is not None and agrees(name, "profit in USD", partial(peer.profit_usd, case, model), ours_usd):
            yield name, peer


def _builds(case: LpCase, model: LpModel, peers: dict[str, ModuleType]) -> dict[str, Callable[[], Work]]:
    theirs = {f"{name}_build": ready(partial(peer.build, case, model)) for name, peer in peers.items()}
    return {"mara_build": ready(lambda: [model_of(case) for _ in range(BUILDS)]), **theirs}


def _solves(case: LpCase, model: LpModel, pypsa: ModuleType) -> dict[str, Callable[[], Work]]:
    return {
        "mara_solve": ready(lambda: solve(model)),
        "pypsa_solve": lambda: partial(pypsa.solved, pypsa.build(case, model)),
        "pypsa_optimize": lambda: partial(pypsa.optimized, pypsa.build(case, model)),
    }


def _beside(theirs_s: float, ours_s: float, what: str) -> Iterator[Figure]:
    case, is_build = f"lp.{SITES}x{HOURS}", what.endswith("build")
    yield Figure(name=f"{case}.{what}_ms", value=MS_PER_S * theirs_s, better="less")
    yield Figure(
        name=f"{case}.ratio_{what}",
        value=theirs_s / ours_s,
        target=TARGET_RATIO_OF_BUILDS if is_build else None,
        note="times ours, side by side" if is_build else "times our certified solve, side by side",
    )
