"""An alert that a start finds is as old as its condition in the stored ticks."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from mara.core.events import events_of
from mara.core.snapshot import Snapshot
from mara.core.snapshot_builder import snapshot_of
from mara.core.step import advance
from mara.core.world import first_world
from mara.optimizers.rules.static import Static
from mara.runtime.observe.alert_begins import begins_of
from mara.store.encoding.records import run_record
from mara.store.read.promises import evidence
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests import builders
from tests.runtime.asked_run import asked_config, seen

TICKS = 14
FAILS_AT = np.array([9, 7, 11, 12])
"""Tick from which on each site has no machines."""


def run_with_outages(path: Path) -> tuple[ReadModel, Snapshot]:
    """Store a run whose sites fail one after the other; return a reader and its last snapshot."""
    config, url, planner = asked_config(), f"sqlite:///{path}", Static(breakeven=True)
    world, last = first_world(config), None
    store = Store.open(url)
    store.begin(run_record(config, seed=1, optimizer="static-breakeven", feed="asked", version="0.0.0"), world)
    for tick in range(TICKS):
        up = np.where(tick < FAILS_AT, 1.0, 0.0)
        observation = replace(seen(config, tick), availability_share=up)
        plan = planner.plan(builders.problem(config, world, observation))
        step = advance(world, observation, plan.step_at(tick), config)
        store.append(step, plan, events_of(step, config))
        world, last = step.world, snapshot_of(step, plan, (), config, "r-1")
    store.close()
    assert last is not None
    return ReadModel.open(url), last


def test_conditions_of_a_simulated_run_have_stood_since_their_own_ticks(tmp_path: Path) -> None:
    reading, last = run_with_outages(tmp_path / "m.db")
    with closing(reading):
        begins = begins_of(last, reading)
        assert {subject: tick for (kind, subject), tick in begins.items() if kind == "site"} == {
            "texas": 9,
            "oslo": 7,
            "sydney": 11,
            "singapore": 12,
        }
        assert begins["sites", "fleet"] == 9, "the second site was down then"
        broken = [(subject, tick) for (kind, subject), tick in begins.items() if kind == "premium"]
        assert broken
        budgets = {contract.id: contract.budget_ticks for contract in last.contracts}
        for contract_id, tick in broken:
            bad = [row.tick for row in evidence(reading, contract_id) if row.state == "bad"]
            assert bad[budgets[contract_id]] == tick < last.tick


def test_what_no_stored_tick_tells_the_begin_of_is_left_out(tmp_path: Path) -> None:
    reading, last = run_with_outages(tmp_path / "m.db")
    with closing(reading):
        up = replace(last, sites=tuple(replace(site, status="running") for site in last.sites), contracts=())
        assert begins_of(up, reading) == {}
        stale = replace(up, stale_sources=("prices",))
        assert begins_of(stale, reading) == {}
