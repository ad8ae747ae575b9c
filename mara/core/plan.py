"""Plans and the problems they are made from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, Protocol

import numpy as np

from mara.core.arrays import LATER, Floats, Ints, sealed
from mara.core.climate import MOST_RACK_PUE, MOST_RACK_PUE_UP_TO_C
from mara.core.outlook import Outlook, rack_cost_ahead_usd_per_mwh
from mara.core.position import DayAheadOrders
from mara.core.units import G_PER_KG
from mara.core.world import Conditions, Forecast, Observation, RunConfig, World, conditions_of, known_in

_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))

PlanStatus = Literal["optimal", "feasible", "fallback"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Input of an optimizer: the terms, the state, the present tick and a forecast.

    `problem_of` makes it of a tick that is to be settled: an optimizer may not know all that is.
    """

    config: RunConfig
    world: World
    observation: Observation
    forecast: Forecast
    outlook: Outlook | None = None
    """Consequences of observation and forecast, where they were computed ahead."""

    @property
    def tick(self) -> int:
        return self.world.tick

    @property
    def is_repeated(self) -> bool:
        """True where the tick before or after is told the same."""
        return self.outlook is not None and self.outlook.is_repeated

    @property
    def conditions(self) -> Conditions:
        """Conditions of the present tick."""
        return conditions_of(self.observation, self.config) if self.outlook is None else self.outlook.known_conditions

    @property
    def rack_cost_usd_per_mwh(self) -> Floats:
        """Cost of a rack megawatt-hour in each row of the forecast (H, S)."""
        return self._rack_cost_usd_per_mwh if self.outlook is None else self.outlook.rack_cost_usd_per_mwh

    @property
    def present_rack_cost_usd_per_mwh(self) -> Floats:
        """Cost of a rack megawatt-hour in the first row of the forecast (S,)."""
        outlook = self.outlook
        return self._rack_cost_usd_per_mwh[0] if outlook is None else outlook.present_rack_cost_usd_per_mwh

    @cached_property
    def _rack_cost_usd_per_mwh(self) -> Floats:
        return np.asarray(rack_cost_ahead_usd_per_mwh((self.forecast,), self.config)[0])

    @property
    def most_rack_cost_usd_per_mwh(self) -> float:
        """Bound on the cost of a rack megawatt-hour in all rows and sites.

        In most ticks this already tells that nothing pays to break. It is infinite in weather that has no bound.
        """
        if self.outlook is not None:
            return self.outlook.most_rack_cost_usd_per_mwh
        forecast, terms = self.forecast, self.config.terms
        if max(forecast.dry_bulb_c.max(), forecast.wet_bulb_c.max()) > MOST_RACK_PUE_UP_TO_C:
            return np.inf
        carbon = forecast.carbon_intensity_g_per_kwh.max() * (terms.carbon_price_usd_per_t / G_PER_KG)
        return float(MOST_RACK_PUE * max(forecast.energy_price_usd_per_mwh.max() + carbon, 0.0))


def problem_of(config: RunConfig, world: World, observation: Observation, forecast: Forecast) -> Problem:
    """Put together what may be known of a tick when it is planned."""
    return Problem(config=config, world=world, observation=known_in(forecast, observation), forecast=forecast)


def problem_in(config: RunConfig, world: World, outlook: Outlook) -> Problem:
    """Put together what may be known of a tick whose outlook was computed ahead."""
    return Problem(config=config, world=world, observation=outlook.known, forecast=outlook.forecast, outlook=outlook)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerStep:
    """Targets of batteries and grid products for one step [MW], at the meter.

    Attributes:
        charge_mw, discharge_mw: of the batteries (S,).
        award_mw: to be sold to each product (P, S).
        draw_limit_mw: most that a site should draw, for a peak that it would have to pay; the connection where there
            is no such peak (S,).
    """

    charge_mw: Floats
    discharge_mw: Floats
    award_mw: Floats
    draw_limit_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStep:
    """Targets for one step [MW].

    Attributes:
        miners_mw: own-account mining, air/hydro/immersion (S, 3).
        merchant_mw: merchant inference by region of origin on GPU and ASIC (R, S, 2).
        contracts_mw: contract load by tier (S, G).
        reserve_mw: rack power held free for the Premium of a failing site (S,).
        contract_site: index of the site planned for each contract of the book, `UNPLACED` for none (C,). If empty, or
            after a site failed or the book changed, dispatch chooses whole contracts by the megawatts.
        book_changes_count: `World.book_changes_count` of the book that `contract_site` and `broken_contract` index.
        broken_contract: positions in the book of the contracts that are left unserved on purpose although their
            budgets are spent (N,).
        day_ahead: orders sent to a day-ahead auction in this tick; None for none.
        power: batteries and awards; None where the fleet has no power terms.
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    reserve_mw: Floats
    contract_site: Ints = field(default_factory=lambda: _NOT_CHOSEN)
    book_changes_count: int = -1
    broken_contract: Ints = field(default_factory=lambda: _NOT_CHOSEN)
    day_ahead: DayAheadOrders | None = field(default=None, metadata=LATER)
    power: PowerStep | None = field(default=None, metadata=LATER)


class ContractTargets(Protocol):
    """Contracts of a step and their reserve, as in `PlanStep`.

    No more is needed to place them.
    """

    @property
    def contracts_mw(self) -> Floats: ...
    @property
    def contract_site(self) -> Ints: ...
    @property
    def book_changes_count(self) -> int: ...
    @property
    def broken_contract(self) -> Ints: ...
    @property
    def reserve_mw(self) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftStep:
    """A step without power terms, as in `PlanStep`, whose miners may still be missing.

    Attributes:
        miners_mw: None where they are planned later, for many ticks at once.
    """

    miners_mw: Floats | None
    merchant_mw: Floats
    contracts_mw: Floats
    reserve_mw: Floats
    contract_site: Ints
    book_changes_count: int
    broken_contract: Ints = field(default_factory=lambda: _NOT_CHOSEN)

    def step_with(self, miners_mw: Floats, power: PowerStep | None = None) -> PlanStep:
        """Return the whole step, with these miners (S, 3)."""
        return PlanStep(
            miners_mw=miners_mw,
            merchant_mw=self.merchant_mw,
            contracts_mw=self.contracts_mw,
            reserve_mw=self.reserve_mw,
            contract_site=self.contract_site,
            book_changes_count=self.book_changes_count,
            broken_contract=self.broken_contract,
            power=power,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DualPrices:
    """Dual prices of a plan by step: the multipliers of its constraints.

    They are not unique where several plans are optimal; the exact price is the difference between two optima.

    Attributes:
        site_power_usd_per_mwh: value of a site megawatt-hour, its price and carbon included (H, S).
        grid_usd_per_mwh: the part of that value that is due to a full grid connection (H, S).
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
    """Sentence by which an optimizer explains its plan, with computed numbers.

    Attributes:
        kind: sort of claim, in the optimizer's own names.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Origin of a plan that a language model proposed over a network.

    It identifies the exchange with the service.

    Attributes:
        model: name of the model in its answer; empty when none came.
        request_ids: the service's request ids, in the order of the exchange.
        snapshot_hash: hash of the material that the model was shown, hexadecimal.
        prompt_version: version of the instructions that it was given.
        regret_share: (value of the best known plan - value of this) / value of the best; None when unknown.
        moved_mw: IT power that differs from the plan it was measured against.
        cost_usd: cost of the exchange.
        failure: reason why the model's own plan was not taken; empty when it was.
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
    """Targets from `made_tick` on: step ``i`` lasts ``step_ticks[i]`` ticks.

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
    """Dual prices of the same steps; None from an optimizer that computes none."""
    baseline_usd: float | None = None
    """Objective of the rules' plan for the same problem; see `objective_usd`."""
    solve_wall_s: float | None = None
    """Real time the optimizer took; equal runs differ in it."""
    provenance: Provenance | None = None

    def step_at(self, tick: int) -> PlanStep:
        """Find the step in force at `tick`; the last one has no end."""
        return self.steps[self.index_at(tick)]

    def index_at(self, tick: int) -> int:
        """Find the index of the step in force at `tick`."""
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
