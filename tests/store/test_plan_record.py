"""A plan that comes into force is stored with result and reasons; repeats are not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.plan import Claim, DualPrices, Plan, Provenance
from mara.core.reasons import headline_of, reasons_of
from mara.core.step import Step
from mara.store.encoding.codec import bytes_of
from mara.store.store import Store
from mara.store.write.plan_record import prices_of, provenance_of, reasons_in
from tests.store.databases import KINDS, records, url_of
from tests.store.runs import first_steps, small_charter, stored_run

CHARTER = small_charter()
ORIGIN = Provenance(
    model="m-1",
    request_ids=("r1", "r2"),
    snapshot_hash="ab",
    prompt_version="3",
    regret_share=None,
    moved_mw=1.5,
    cost_usd=0.1,
    failure="",
    claims=(Claim(kind="price", text="Site, no. 0 is dear."),),
)


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = stored_run(path, 0, CHARTER)
    yield opened
    opened.close()


def shadow() -> DualPrices:
    prices = np.random.default_rng(1).normal(40.0, 30.0, (2, 3))
    return DualPrices(
        site_power_usd_per_mwh=sealed(prices),
        grid_usd_per_mwh=sealed(np.zeros((2, 3))),
        capacity_usd_per_mwh=sealed(prices * 2.0),
        demand_usd_per_mwh=sealed(np.ones((2, 4))),
        budget_usd_per_mwh=sealed(np.array([0.0, 7.25, 0.0])),
    )


def kept(path: Path) -> list[dict[str, Any]]:
    return records(path, "SELECT * FROM optimization_runs ORDER BY adopted_tick")


def repeated(count: int, *, start: int = 0, **changes: Any) -> list[tuple[Step, Plan]]:
    """Steps with a new plan every tick and no objective, as rules make them."""
    taken = first_steps(CHARTER, start + count)[start:]
    return [(s, replace(p, made_tick=s.tick, objective_usd=None, **changes)) for s, p, _ in taken]


def test_a_solved_plan_is_kept_with_all_it_gave(store: Store, path: Path) -> None:
    step, made, _ = first_steps(CHARTER, 1)[0]
    plan = replace(
        made,
        step_ticks=(1, 12),
        objective_usd=12.5,
        bound_usd=13.0,
        baseline_usd=11.0,
        solve_wall_s=0.25,
        shadow=shadow(),
        provenance=ORIGIN,
    )
    store.append(step, plan, ())

    (row,) = kept(path)
    assert row["headline"] == headline_of(step, CHARTER)
    assert reasons_in(row["reasons"]) == reasons_of(step, CHARTER, plan) != ()
    given = prices_of(row["shadow"])
    assert given
    assert given.step_ticks == plan.step_ticks
    assert bytes_of(given.shadow) == bytes_of(shadow())
    assert provenance_of(row["provenance"]) == ORIGIN
    assert (row["baseline_usd"], row["solve_wall_s"], row["bound_usd"]) == (11.0, 0.25, 13.0)


def test_prices_of_a_whole_horizon_are_kept_once_an_hour_and_of_the_step_in_force_always(
    store: Store, path: Path
) -> None:
    for step, plan in repeated(14):
        store.append(step, replace(plan, objective_usd=1.0, step_ticks=(1, 12), shadow=shadow()), ())
    found = [prices_of(row["shadow"]) for row in kept(path)]
    assert [len(p.step_ticks) if p else 0 for p in found] == [2, *[1] * 11, 2, 1]
    assert found[3]
    assert np.array_equal(found[3].shadow.site_power_usd_per_mwh, shadow().site_power_usd_per_mwh[:1])
    assert np.array_equal(found[3].shadow.budget_usd_per_mwh, shadow().budget_usd_per_mwh)


def test_a_plan_without_prices_or_origin_has_neither_stored(store: Store, path: Path) -> None:
    ((step, plan),) = repeated(1)
    store.append(step, plan, ())
    (row,) = kept(path)
    assert [row[name] for name in ("shadow", "provenance", "baseline_usd", "solve_wall_s")] == [None] * 4
    assert prices_of(None) is None
    assert provenance_of(None) is None
    assert reasons_in(None) == ()


def test_rules_that_plan_every_tick_are_written_down_once_an_hour(store: Store, path: Path) -> None:
    for step, plan in repeated(30):
        store.append(step, plan, ())
    assert [row["adopted_tick"] for row in kept(path)] == [0, 12, 24]


def test_a_plan_made_for_another_reason_is_written_down_at_once(store: Store, path: Path) -> None:
    for step, plan in repeated(6):
        late = replace(plan, status="fallback", note="the solver is late") if step.tick in (3, 4) else plan
        store.append(step, late, ())
    assert [(row["adopted_tick"], row["note"]) for row in kept(path)] == [
        (0, "a, note"),
        (3, "the solver is late"),
        (5, "a, note"),
    ]


def test_each_solved_plan_is_written_down_once_however_long_it_is_in_force(store: Store, path: Path) -> None:
    for step, plan in repeated(6):
        store.append(step, replace(plan, made_tick=step.tick // 2 * 2, objective_usd=1.0), ())
    assert [row["adopted_tick"] for row in kept(path)] == [0, 2, 4]


def test_a_restart_within_the_hour_writes_no_second_row(store: Store, path: Path) -> None:
    taken = repeated(14)
    for step, plan in taken[:5]:
        store.append(step, plan, ())
    store.close()
    again = Store.open(url_of(path))
    for step, plan in taken[5:]:
        again.append(step, plan, ())
    assert [row["adopted_tick"] for row in kept(path)] == [0, 12]
    again.close()
