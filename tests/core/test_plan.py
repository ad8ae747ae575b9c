"""The step of a plan that applies in a tick."""

from mara.core.plan import Plan
from tests.builders import config, step

OF = config()


def test_a_step_lasts_its_ticks_and_the_last_one_goes_on() -> None:
    steps = tuple(step(OF, miners=float(i)) for i in range(3))
    plan = Plan(optimizer="x", made_tick=100, steps=steps, step_ticks=(1, 12, 12))
    in_force = {tick: int(plan.step_at(tick).miners_mw[0, 0]) for tick in (100, 101, 112, 113, 124, 125, 9_999)}
    assert in_force == {100: 0, 101: 1, 112: 1, 113: 2, 124: 2, 125: 2, 9_999: 2}
