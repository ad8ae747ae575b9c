"""Limits of sites by order of the grid's operator, as known at an instant."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.feeds.live.known import NOTHING, KnownValues
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import Spec

HEARD: Final = "openadr"
"""Source that tells that an OpenADR server (VTN) answered."""
HEARD_COUNT: Final = "events_count"
LIMIT_COLUMNS: Final[Mapping[str, str]] = {
    "IMPORT_CAPACITY_LIMIT": "import_limit_mw",
    "DISPATCH_SETPOINT": "setpoint_mw",
}
"""Column of each type of event that limits a site; the least of them counts."""


def limit_source(site_id: str, signal: str) -> str:
    """Name the source that tells a site's limits of a type."""
    return f"{site_id} {LIMIT_COLUMNS[signal].removesuffix('_mw').replace('_', ' ')}"


def limits_of(site_ids: Sequence[str], known: Mapping[str, KnownValues], steps: Steps) -> Floats | None:
    """Return the least limit of each site that holds within each step (N, S) [MW].

    A limit that begins or ends within a step holds for all of it. Infinite where nothing is ordered; None where no site
    is limited in any step.
    """
    limit = np.full((steps.count, len(site_ids)), np.inf)
    for place, site_id in enumerate(site_ids):
        for signal, column in LIMIT_COLUMNS.items():
            told = known.get(limit_source(site_id, signal), NOTHING).told
            if column not in told.columns:
                continue
            first = np.maximum((told.begin_s - steps.from_s) // steps.step_s, 0)
            last = np.minimum(-(-(told.end_s - steps.from_s) // steps.step_s), steps.count)
            for begin, end, value in zip(first.tolist(), last.tolist(), told.columns[column].tolist(), strict=True):
                if begin < end and value == value:  # noqa: PLR0124  only NaN is not itself
                    limit[begin:end, place] = np.minimum(limit[begin:end, place], value)
    return None if np.isinf(limit).all() else sealed(limit)


def silent_vtn(spec: Spec, known: Mapping[str, KnownValues], at_s: int) -> tuple[str, ...]:
    """Name the OpenADR server of a SPEC among stale sources if silent for too long."""
    if spec.openadr is None:
        return ()
    heard = known.get(HEARD, NOTHING).last(HEARD_COUNT, at_s)
    is_silent = heard is None or at_s >= heard[1] + spec.openadr.stale_after_minutes * 60.0
    return (HEARD,) if is_silent else ()
