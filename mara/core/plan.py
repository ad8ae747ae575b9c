"""Plans and the problems they are made from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.world import Conditions, Forecast, Observation, RunConfig, World, conditions_of

_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))

PlanStatus = Literal["optimal", "feasible", "fallback"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """All that an optimizer may look at: the state, the present, and a forecast."""

    config: RunConfig
    world: World
    observation: Observation
    forecast: Forecast

    @property
    def tick(self) -> int:
        return self.world.tick

    @cached_property
    def conditions(self) -> Conditions:
        """The conditions of the present tick, worked out once."""
        return conditions_of(self.observation, self.config)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStep:
    """Targets for one step [MW].

    Attributes:
        miners_mw: own-account mining, air/hydro/immersion (S, 3).
        merchant_mw: merchant inference by region of origin on GPU and ASIC (R, S, 2).
        contracts_mw: contract load by tier (S, G).
        reserve_mw: rack power held free for the Premium of a failing site (S,).
        contract_site: which site each contract of the book is meant for, `UNPLACED` for none (C,). Empty: dispatch
            chooses whole contracts by the megawatts; so it does when a site fails or the book is no longer the same.
        book_changes_count: of the world whose book `contract_site` and `broken_contract` speak of.
        broken_contract: contracts left out on purpose though their budgets are spent, by column; the others never are
            (N,).
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    reserve_mw: Floats
    contract_site: Ints = field(default_factory=lambda: _NOT_CHOSEN)
    book_changes_count: int = -1
    broken_contract: Ints = field(default_factory=lambda: _NOT_CHOSEN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DualPrices:
    """Dual prices of a plan by step: the multipliers of its constraints.

    Where a plan has several best forms these are not unique; a difference of two plans tells the exact price.

    Attributes:
        site_power_usd_per_mwh: value of a site megawatt-hour, its price and carbon included (H, S).
        grid_usd_per_mwh: the part of it that is scarcity, the connection being full (H, S).
        capacity_usd_per_mwh: value of a megawatt-hour on one more megawatt of racks for contracts (H, S).
        demand_usd_per_mwh: marginal cost minus revenue of a megawatt-hour of contracts, by tier (H, G); negative means
            profitable. The marginal cost is this with the rate added back.
        budget_usd_per_mwh: value of one more megawatt-hour of error budget, by promised tier (3,).
    """

    site_power_usd_per_mwh: Floats
    grid_usd_per_mwh: Floats
    capacity_usd_per_mwh: Floats
    demand_usd_per_mwh: Floats
    budget_usd_per_mwh: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Sentence of the plan's maker, its numbers filled in from facts; text to show.

    Attributes:
        kind: sort of claim, by its maker's names.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Origin of a plan whose maker is asked over a network.

    It is enough to find the very exchange again.

    Attributes:
        model: as the answer named it; empty when none came.
        request_ids: of the service, in the order of the exchange.
        snapshot_hash: of the material that the maker was shown, hexadecimal.
        prompt_version: of the instructions it was given.
        regret_share: loss of value against the best known plan, over that one's value; None when unknown.
        moved_mw: IT power that the plan runs otherwise than the plan it was measured against.
        cost_usd: cost of the exchange.
        failure: reason why the maker's own plan was not taken; empty when it was.
        claims: its explanation, sentence by sentence.
    """

    model: str
    request_ids: tuple[str, ...]
    snapshot_hash: str
    prompt_version: str
    regret_share: float | None
    moved_mw: float
    cost_usd: float
    failure: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Steps from `made_tick` on: step ``i`` lasts ``step_ticks[i]``.

    `bound_usd` is None when no bound is known.
    """

    optimizer: str
    made_tick: int
    steps: tuple[PlanStep, ...]
    step_ticks: tuple[int, ...] = (1,)
    status: PlanStatus = "feasible"
    objective_usd: float | None = None
    bound_usd: float | None = None
    note: str = ""
    """Reason for this plan when a better one failed: shown and stored."""
    shadow: DualPrices | None = None
    """Dual prices of the same steps; None from an optimizer that knows none."""
    baseline_usd: float | None = None
    """Value of the rules' plan for the same problem, in the terms of `objective_usd`."""
    solve_wall_s: float | None = None
    """Real time the optimizer took; equal runs differ in it."""
    provenance: Provenance | None = None

    def step_at(self, tick: int) -> PlanStep:
        """Step in force at `tick`; the last one goes on for ever."""
        return self.steps[self.index_at(tick)]

    def index_at(self, tick: int) -> int:
        """Index of the step in force at `tick`."""
        passed = tick - self.made_tick
        for index, length in enumerate(self.step_ticks):
            if passed < length:
                return index
            passed -= length
        return len(self.steps) - 1


def gap_share(objective_usd: float, bound_usd: float, *, least_usd: float = 0.0) -> float:
    """Optimality gap: (bound - objective) / |bound|.

    `least_usd` is the least denominator, for programs whose bound may be zero.
    """
    return (bound_usd - objective_usd) / max(abs(bound_usd), least_usd)


def known_gap_share(objective_usd: float | None, bound_usd: float | None) -> float | None:
    """Optimality gap of a stored plan; None without an objective or a bound."""
    return gap_share(objective_usd, bound_usd) if objective_usd is not None and bound_usd else None
