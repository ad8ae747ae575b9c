"""The linear program, which looks a day ahead, uses only what was known then."""

from collections.abc import Iterator

import pytest

from mara.feeds.replay import ForecastKind
from mara.optimizers.lp.optimizer import Lp
from tests.builders import fleet
from tests.sameness import differences
from tests.scenarios.test_no_peeking import SITES, history_of, known_until, noised, run

LAST_KNOWN_HOUR = 20


def changed_hours(kind: ForecastKind) -> Iterator[int]:
    """Hours up to the last known one that depend on what came after it.

    Decisions and the ledger of an hour are compared. No hour is run before it is asked for.
    """
    history = history_of(1)
    other = noised(history, LAST_KNOWN_HOUR, known_until(LAST_KNOWN_HOUR, fleet(sites=SITES), kind))
    one, two = (run(given, Lp(), kind, LAST_KNOWN_HOUR + 1) for given in (history, other))
    for a, b in zip(one, two, strict=True):
        if list(differences((a.plan, a.allocation, a.settlement), (b.plan, b.allocation, b.settlement))):
            yield a.tick


@pytest.mark.parametrize("kind", ["persistence", "day-ahead"])
def test_no_planned_hour_depends_on_what_comes_after_it(kind: ForecastKind) -> None:
    assert list(changed_hours(kind)) == []


def test_a_plan_that_sees_the_future_would_be_found_out() -> None:
    assert any(True for _ in changed_hours("perfect"))
