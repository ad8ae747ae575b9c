"""`python -m bench.lp_large SITES HOURS`: one large case, in a process of its own, so that memory is its own too."""

import json
import resource
import sys
import time
from typing import Final

WORKERS: Final = 2
DEADLINE_S: Final = 1_200.0
KB_PER_MB: Final = 1_024.0


def main() -> None:
    """Print what the case took: CPU of all processes, wall time, memory of all together, and the certified gap."""
    # Imported here, because every worker imports this file again.
    from bench.lp_cases import cases_of
    from mara.optimizers.split_solve import solve_split

    sites, hours = int(sys.argv[1]), int(sys.argv[2])
    (case,) = cases_of(sites, hours)
    begun_cpu_s, begun_s = _cpu_s(), time.monotonic()
    optimum = solve_split(case, workers=WORKERS, deadline_s=DEADLINE_S)
    figures = {
        "wall_s": time.monotonic() - begun_s,
        "cpu_s": _cpu_s() - begun_cpu_s,
        "gap_share": optimum.certificate.gap_share,
        "residual_mw": optimum.certificate.residual_mw,
        "peak_mb": _peak_mb(resource.RUSAGE_SELF) + WORKERS * _peak_mb(resource.RUSAGE_CHILDREN),
        "peak_mb_per_worker": _peak_mb(resource.RUSAGE_CHILDREN),
    }
    print(json.dumps(figures))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / KB_PER_MB


if __name__ == "__main__":
    main()
