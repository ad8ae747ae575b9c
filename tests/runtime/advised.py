"""An advised planner in a made-up world, with a strict imitation of the service.

The imitation listens on a real socket for the real client; there is no clock. `plan` is what the planner's thread
does in a tick; the advisor works in its own thread meanwhile.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any

import numpy as np
from starlette.responses import Response

from mara.core.contract import Tier
from mara.core.plan import Plan, Problem
from mara.optimizers.advisor.advised import AcceptanceLimits, Advised
from mara.optimizers.advisor.client import Claude
from mara.optimizers.advisor.evaluator import loads_of
from mara.optimizers.fallback import WithFallback
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.runtime.advisor.config import AdvisorConfig
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.advisor.stored_budget import SpendLimits
from mara.store.access.api_usage import ClaudeCalls, RunNote
from mara.store.store import Store
from tests import builders
from tests.claude.fake_messages import FakeMessages
from tests.claude.script import Call, Fault, JsonObject, Script, Talk, Turn
from tests.runtime.made_up import ManualClock

MODEL = "claude-sonnet-5-5"
BANDS = AcceptanceLimits(moved_share=0.10, regret_share=0.03)
AMPLE = SpendLimits(usd_per_hour=1_000.0, usd_per_day=1_000.0, requests_per_hour=10_000)
CLIMATE, TIME_ZONE = "E0.in_force_climate_saving_usd_per_h", "E0.in_force_time_zone_gain_usd_per_h"
CHARTER = builders.config(builders.fleet(limit_mw=18.0))
WAIT_S = 90.0


@cache
def problem_at(tick: int = 0, *, price: object = (20.0, 60.0, 90.0), note: str = "Acme") -> Problem:
    """A problem of three sites with contracts of all tiers.

    From west to east they become dearer and hotter.
    """
    contracts = tuple(
        replace(builders.contract(f"{tier.name.lower()}{n}", tier, 1.5), customer=note)
        for tier in Tier
        for n in range(2)
    )
    seen = builders.observation(
        CHARTER,
        tick,
        price=price,  # type: ignore[arg-type]
        carbon=(30.0, 200.0, 500.0),
        dry=(10.0, 18.0, 31.0),
        demand=2e10,
    )
    world = builders.world(CHARTER, contracts, at=[0, 1, 0, 1, 1, 2, 0, 2], miners=1.0)
    return builders.problem(CHARTER, replace(world, tick=tick), seen, hours=4)


class LpOnce:
    """The planner of a run, which plans each problem once for all tests: what they test is what comes of its plans."""

    name = "lp"

    @staticmethod
    @lru_cache(maxsize=200)
    def plan(problem: Problem) -> Plan:
        return WithFallback((Lp(), Rules())).plan(problem)


@dataclass
class Stage:
    """An advisor, its planner, and the imitated service that it asks."""

    fake: FakeMessages | None
    advisor: AdvisorScheduler
    advised: Advised
    clock: ManualClock
    calls: ClaudeCalls

    def plan(self, problem: Problem) -> Plan:
        """Plan one tick, and let the advisor finish the work that the plan causes."""
        plan = self.advised.plan(problem)
        self.wait()
        return plan

    def wait(self) -> None:
        """Wait until no question is under way."""
        worker = self.advisor._background._thread
        if worker is not None:
            worker.join(WAIT_S)
            assert not worker.is_alive(), "the advisor hangs"

    @property
    def message(self) -> str:
        return self.advisor.state.message

    @property
    def last_run(self) -> RunNote:
        return self.calls.runs(1)[0]

    def later(self, seconds: float) -> None:
        self.clock.at_s += seconds
        self.clock.wall += timedelta(seconds=seconds)


@contextmanager
def staged(
    script: Script | None,
    store: Store,
    *,
    url: str | None = None,
    deadline_s: float = 60.0,
    budget: SpendLimits = AMPLE,
    model: str = MODEL,
    is_automatic: bool = True,
    bands: AcceptanceLimits = BANDS,
    off: str = "",
    no_models: Response | None = None,
) -> Iterator[Stage]:
    """Open an advisor; without a script nobody listens at `url`."""
    fake = FakeMessages(script, no_models=no_models) if script is not None else None
    clock, calls = ManualClock(), ClaudeCalls(store)
    with fake or _nobody():
        address = fake.url if fake is not None else url

        def client() -> Claude:
            return Claude(key="test-key", base_url=address, model=model, deadline_s=deadline_s)

        config = AdvisorConfig(
            client=None if off else client, off=off, model=model, budget=budget, is_automatic=is_automatic
        )
        advisor = AdvisorScheduler(config, clock)
        stage = Stage(fake, advisor, Advised(LpOnce(), advisor, bands), clock, calls)
        advisor.open(calls, lambda _: None)
        stage.wait()
        try:
            yield stage
        finally:
            advisor.close()


@contextmanager
def _nobody() -> Iterator[None]:
    yield


def claim(text: str, *refs: str, kind: str = "other", direction: str = "none") -> JsonObject:
    return {"kind": kind, "text": text, "direction": direction, "refs": list(refs)}


def grounded(rows: list[JsonObject], *more: JsonObject, headline: str = "Load follows cheap, cool power.") -> Turn:
    """A final answer with one claim of each kind that is highlighted."""
    climate = claim(f"Cool sites save {{{{{CLIMATE}}}}}.", CLIMATE, kind="climate_savings")
    shift = claim(f"Cheap hours gain {{{{{TIME_ZONE}}}}}.", TIME_ZONE, kind="timezone_optimization")
    return Turn(answer={"headline": headline, "claims": [climate, shift, *more], "allocation": rows})


def row(site_id: str, workload: str, mw: float) -> JsonObject:
    return {"site_id": site_id, "workload": workload, "mw": mw}


def evidence_of(talk: Talk) -> dict[str, float]:
    """The facts in the first message of a conversation."""
    told: dict[str, Any] = json.loads(talk.first[talk.first.index("{") :])
    return dict(told["evidence"])


def sensible(talk: Talk) -> Turn | Fault:
    """Script that evaluates a plan and recommends it: fewer miners at the first site.

    Before that it looks at a site.
    """
    if not talk.named("get_site") or talk.named("get_site")[-1].is_error:
        return Turn(thinking="Let me see 3 sites.", calls=(Call("get_site", {"site_id": "s01"}),))
    rows = [row("s01", "immersion_miner", 0.99 * evidence_of(talk)["E0.s01_immersion_miner_mw"])]
    evaluated = talk.named("evaluate_plan")
    if not evaluated:
        return Turn(calls=(Call("evaluate_plan", {"changes": rows}),))
    profit = next(ref for ref in evaluated[-1].content["evidence"] if ref.endswith(".profit_usd_per_h"))
    return grounded(rows, claim(f"The hour earns {{{{{profit}}}}}.", profit, kind="cost"))


def loads(plan: Plan) -> np.ndarray:
    return np.asarray(loads_of(plan.steps[0]))
