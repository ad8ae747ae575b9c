"""A change of the rules needs a new version, so that older ticks stay valid."""

import numpy as np

from mara.core.rules_version import RULES_VERSION
from mara.core.units import MICRO_USD_PER_USD
from mara.core.world import first_world
from tests.store.runs import small_charter, steps

TICKS = 400
KNOWN = {2: (138_910, 407, 73, 7)}
"""Results of a fixed run by version of the rules.

They are cash in whole USD, contract-ticks unserved, windows closed at its end, and contracts left.
"""


def test_a_change_of_the_rules_raises_their_version() -> None:
    config = small_charter()
    run = [step for step, *_ in steps(config, first_world(config), TICKS)]
    came_to = (
        run[-1].world.cash_micro_usd // MICRO_USD_PER_USD,
        sum(int(np.count_nonzero(~step.world.accounts.served)) for step in run),
        sum(len(step.world.closed) for step in run),
        len(run[-1].world.book.contracts),
    )
    assert came_to == KNOWN[RULES_VERSION], (
        f"the same inputs no longer give the same ticks: raise RULES_VERSION, say in RULES_CHANGES what changed, and"
        f" put {came_to} here for it (a version that was never released keeps its number)"
    )
