"""Command `python -m bench.lp_large`: writes and solves a large case separately.

Usage: `python -m bench.lp_large write|solve FILE [SITES HOURS]`. The memory measured is thus that of solving alone;
the feed from which the case is made takes several times as much.
"""

import json
import resource
import sys
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from mara.optimizers.lp.case import LpCase

WORKERS: Final = 2
DEADLINE_S: Final = 1_200.0
KB_PER_MB: Final = 1_024.0


def main() -> None:
    """Write a case to a file, or solve it and print time, memory and gap."""
    verb, file, *size = sys.argv[1:]
    if verb == "write":
        write(file, *map(int, size))
    else:
        print(json.dumps(_solved(read(file))))


# Heavy modules are imported where they are needed, because every worker imports this file again.
def write(file: str, sites: int, hours: int) -> None:
    """Write a case of a large fleet to an npz file, without its absent fields."""
    from bench.lp_cases import cases_of

    (case,) = cases_of(sites, hours)
    arrays = {field.name: getattr(case, field.name) for field in fields(case)}
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})


def read(file: str) -> "LpCase":
    """Read a case that `write` has written."""
    from mara.optimizers.lp.case import LpCase

    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    values: dict[str, Any] = {name: array if array.ndim else float(array) for name, array in arrays.items()}
    return LpCase(**values)


def _solved(case: "LpCase") -> dict[str, float]:
    """Solve a case; return CPU time and memory of all processes, wall time, and gap."""
    from mara.optimizers.lp.decomposition.master import solve_split

    begun_cpu_s, begun_s = _cpu_s(), time.monotonic()
    optimum = solve_split(case, workers=WORKERS, deadline_s=DEADLINE_S)
    return {
        "wall_s": time.monotonic() - begun_s,
        "cpu_s": _cpu_s() - begun_cpu_s,
        "gap_share": optimum.certificate.gap_share,
        "residual_mw": optimum.certificate.residual_mw,
        "peak_mb": _peak_mb(resource.RUSAGE_SELF) + WORKERS * _peak_mb(resource.RUSAGE_CHILDREN),
        "peak_mb_per_worker": _peak_mb(resource.RUSAGE_CHILDREN),
    }


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / KB_PER_MB


if __name__ == "__main__":
    main()
