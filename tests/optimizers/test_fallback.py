"""Fallback among optimizers: the first usable plan is taken, with a reason."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.plan import Plan, PlanStep, Problem
from mara.errors import PlanRejected, PlanTimeout
from mara.optimizers.fallback import WithFallback, check
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from tests.builders import config, contract, observation, problem, step, world
from tests.sameness import differences

OF = config()
GIVEN = problem(OF, world(OF), observation(OF))


@dataclass(frozen=True)
class Late:
    name: str = "late"

    def plan(self, problem: Problem) -> Plan:
        raise PlanTimeout("no answer within 5 s")


@dataclass(frozen=True)
class Odd:
    """An optimizer that gives the same plan whatever the problem is."""

    fixed: Plan
    name: str = "odd"

    def plan(self, problem: Problem) -> Plan:
        return self.fixed


def plan_of(**changes: object) -> Plan:
    return Plan(optimizer="odd", made_tick=0, steps=(replace(step(OF), **changes),))  # type: ignore[arg-type]


def test_a_good_plan_is_passed_on_as_it_is() -> None:
    guarded = WithFallback((Rules(), Late()))
    assert guarded.name == "rules"
    assert list(differences(guarded.plan(GIVEN), Rules().plan(GIVEN))) == []


def test_a_failing_optimizer_is_replaced_by_the_next_and_its_reason_is_kept() -> None:
    plan = WithFallback((Late(), Rules())).plan(GIVEN)
    assert (plan.optimizer, plan.status, plan.note) == ("rules", "fallback", "late: no answer within 5 s")


def test_every_reason_is_kept_in_order() -> None:
    nan = Odd(plan_of(reserve_mw=np.full(3, np.nan)))
    plan = WithFallback((Late(), nan, Static())).plan(GIVEN)
    assert plan.optimizer == "static"
    assert plan.note.startswith("late: no answer within 5 s; odd: reserve_mw must be finite")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"miners_mw": np.zeros((3, 2))}, r"miners_mw must have shape \(3, 3\), got \(3, 2\)"),
        ({"contracts_mw": np.zeros((2, 4))}, "contracts_mw must have shape"),
        ({"merchant_mw": np.zeros((3, 3))}, "merchant_mw must have shape"),
        ({"miners_mw": np.full((3, 3), np.nan)}, "miners_mw must be finite"),
        ({"merchant_mw": np.full((3, 3, 2), np.inf)}, "merchant_mw must be finite"),
        ({"contracts_mw": np.full((3, 4), -1.0)}, "contracts_mw must be finite and not negative"),
        ({"reserve_mw": np.array([0.0, 1.0, -np.inf])}, "reserve_mw must be finite"),
    ],
)
def test_a_plan_that_dispatch_must_not_see_is_rejected_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(PlanRejected, match=message):
        check(plan_of(**changes), GIVEN)


def test_rounding_below_zero_is_no_reason_to_reject() -> None:
    check(plan_of(miners_mw=sealed(np.full((3, 3), -1e-12))), GIVEN)


@pytest.mark.parametrize("steps", [(), (step(OF), step(OF))])
def test_a_plan_whose_steps_and_lengths_do_not_match_is_rejected(steps: tuple[PlanStep, ...]) -> None:
    with pytest.raises(PlanRejected, match="a plan needs one length for each step"):
        check(replace(plan_of(), steps=steps), GIVEN)


@pytest.mark.parametrize("sites", [[3], [-2], [0, 1], [0.5]])
def test_a_plan_that_names_sites_that_are_not_there_is_rejected(sites: list[float]) -> None:
    given = problem(OF, world(OF, (contract("c"),), at=[0]), observation(OF))
    with pytest.raises(PlanRejected, match="contract_site must"):
        check(plan_of(contract_site=np.array(sites)), given)


def test_a_plan_may_name_a_site_for_each_contract_or_for_none() -> None:
    given = problem(OF, world(OF, (contract("c"),), at=[0]), observation(OF))
    for sites in ([], [-1], [2]):
        check(plan_of(contract_site=np.array(sites, dtype=np.int64)), given)


def test_when_nobody_has_a_plan_all_reasons_are_told() -> None:
    with pytest.raises(PlanRejected, match="late: no answer within 5 s; late: no answer"):
        WithFallback((Late(), Late())).plan(GIVEN)


def test_a_fault_of_the_program_is_not_hidden() -> None:
    @dataclass(frozen=True)
    class Broken:
        name: str = "broken"

        def plan(self, problem: Problem) -> Plan:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        WithFallback((Broken(), Rules())).plan(GIVEN)
