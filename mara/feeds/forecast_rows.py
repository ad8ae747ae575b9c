"""Rows of a replay's forecast: their lengths, and the steps that stand for them.

Model: docs/model.md#13-forecasts ; decision 0155
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import MINUTES_PER_HOUR

MOST_NEAR_H: Final = 6
MOST_NEAR_ROWS: Final = 24
"""Most hours, and most rows, that a forecast tells tick by tick; hours follow.

The first hour is always told tick by tick. Chosen: 24 rows and 18 hours are 42 steps of a plan at a quarter of an hour.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastRows:
    """Rows of a forecast as steps of a series, counted from the present step.

    Attributes:
        minutes: length of each row from the tick on; empty for clock hours, of which the first has begun.
        begin_step: the step that a row begins in (H,).
        width_steps: steps whose mean a row is (H,).
        ahead_h: time from the tick to the begin of each row (H,).
    """

    minutes: tuple[int, ...]
    begin_step: Ints
    width_steps: Ints
    ahead_h: Floats


@lru_cache(maxsize=64)
def clock_hours(hours: int) -> ForecastRows:
    """Return the rows of an hourly history: the present clock hour and those after it."""
    ahead = np.arange(hours)
    return ForecastRows(
        minutes=(),
        begin_step=sealed(ahead),
        width_steps=sealed(np.ones_like(ahead)),
        ahead_h=sealed(ahead.astype(np.float64)),
    )


@lru_cache(maxsize=64)
def rows_from_now(hours: int, *, tick_minutes: int, step_minutes: int, into_step_minutes: int) -> ForecastRows:
    """Return the rows of a history of shorter steps: ticks at first, then hours.

    They begin with the tick and not with a clock hour, so that their number is always the same.

    Args:
        into_step_minutes: time from the begin of the present step to the tick.
    """
    per_hour = MINUTES_PER_HOUR // tick_minutes
    near_h = min(max(1, min(MOST_NEAR_H, MOST_NEAR_ROWS // per_hour)), hours)
    minutes = (tick_minutes,) * (near_h * per_hour) + (MINUTES_PER_HOUR,) * (hours - near_h)
    begin_minutes = np.cumsum((0, *minutes[:-1]))
    width = np.where(np.array(minutes) == MINUTES_PER_HOUR, MINUTES_PER_HOUR // step_minutes, 1)
    return ForecastRows(
        minutes=minutes,
        begin_step=sealed((into_step_minutes + begin_minutes) // step_minutes),
        width_steps=sealed(width),
        ahead_h=sealed(begin_minutes / MINUTES_PER_HOUR),
    )


def standing_steps(rows: ForecastRows, known_steps: Ints, day_steps: int) -> Ints:
    """Return the steps, from the present on, that stand for rows (B, H, ...).

    They are the steps in which the rows begin: rows that end within the first `known_steps` (B, ...) stand for
    themselves, later ones repeat the last known day.
    """
    known = known_steps[:, None]
    by_row = (-1, *[1] * (known.ndim - 2))
    begins, ends = rows.begin_step.reshape(by_row), (rows.begin_step + rows.width_steps).reshape(by_row)
    return np.asarray(begins - day_steps * np.maximum(0, -((known - ends) // day_steps)))
