"""Guesses of earlier days are measured against what came, and beside the day before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from mara.core.arrays import Floats, sealed
from mara.core.history import GuessError
from mara.core.world import Forecast, Observation
from mara.errors import FeedUnavailable
from mara.feeds.base import Feed
from mara.runtime.guess_check import guess_errors
from mara.store.read.read_model import ReadModel
from tests.builders import config, forecast, observation

OF = config(tick_minutes=60)
DAY = 24


@dataclass
class StoredPrices:
    """A stored run of some prices by tick and site."""

    came: Floats
    asked: int = 0

    def run(self) -> object:
        return SimpleNamespace(config=OF)

    def ask(self, query: str, *values: int) -> Sequence[object]:
        if "max(tick)" in query:
            return [SimpleNamespace(tick=len(self.came))]
        found = np.ndenumerate(self.came)
        return [SimpleNamespace(tick=t, site=s, price=p) for (t, s), p in found if t >= values[0] and not np.isnan(p)]


class Guessing:
    """A feed that forecasts what will come, and errs by a number for each hour ahead."""

    name = "guessing"

    def __init__(self, came: Floats, usd_per_hour: float, knows_from: int = 0) -> None:
        self._came, self._usd_per_hour, self._knows_from = came, usd_per_hour, knows_from

    def observe(self, tick: int) -> Observation:
        raise NotImplementedError

    def forecast(self, tick: int, hours: int) -> Forecast:
        if tick < self._knows_from:
            raise FeedUnavailable("nothing was known then")
        rows = np.minimum(np.arange(tick, tick + hours), len(self._came) - 1)
        price = self._came[rows] + self._usd_per_hour * np.arange(hours)[:, None]
        return replace(forecast(observation(OF, tick), hours), energy_price_usd_per_mwh=sealed(price))


def course(days: int) -> Floats:
    """Prices that rise by 1 USD/MWh from day to day, the third site's by 3."""
    day = np.arange(days * DAY)[:, None] // DAY
    return np.asarray(50.0 + day * np.array([1.0, 1.0, 3.0]))


def errors(came: Floats, feed: Feed) -> tuple[GuessError, ...]:
    return guess_errors(cast(ReadModel, StoredPrices(came)), lambda: feed, lambda: None)


def test_errors_and_bias_are_those_of_the_last_seven_days_at_each_horizon() -> None:
    came = course(12)
    found = errors(came, Guessing(came, -0.5))
    assert [(one.site_id, one.ahead_h, one.count) for one in found[:3]] == [
        ("west", 1, 7 * DAY),
        ("west", 6, 7 * DAY),
        ("west", 24, 7 * DAY),
    ]
    assert [one.error_usd_per_mwh for one in found[:3]] == pytest.approx([0.5, 3.0, 12.0])
    assert [one.bias_usd_per_mwh for one in found[:3]] == pytest.approx([-0.5, -3.0, -12.0])
    assert [one.persistence_usd_per_mwh for one in found[2::3]] == pytest.approx([1.0, 1.0, 3.0])


def test_only_hours_that_are_over_and_were_guessed_count() -> None:
    came = course(3)
    assert errors(course(1), Guessing(course(1), 1.0)) == ()
    assert errors(np.zeros((0, 3)), Guessing(came, 1.0)) == ()
    by_h = {one.ahead_h: one.count for one in errors(came, Guessing(came, 1.0)) if one.site_id == "west"}
    assert by_h == {1: 2 * DAY, 6: 2 * DAY, 24: 2 * DAY}
    late = {one.ahead_h: one.count for one in errors(came, Guessing(came, 1.0, 60)) if one.site_id == "west"}
    assert late == {1: 11, 6: 6}
    came[40:] = np.nan
    assert {one.count for one in errors(came, Guessing(np.nan_to_num(came), 1.0)) if one.ahead_h == 1} == {16}
