"""A plan: what should run where over the next ticks, by whom it was made and why. A problem: what it was made from."""

from dataclasses import dataclass
from typing import Literal

from mara.core.arrays import Floats
from mara.core.world import Charter, Forecast, Observation, World

PlanStatus = Literal["optimal", "feasible", "fallback"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Everything an optimizer may look at: the state, the present, and an honest forecast."""

    charter: Charter
    world: World
    observation: Observation
    forecast: Forecast

    @property
    def tick(self) -> int:
        return self.world.tick


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStep:
    """Targets for one step [MW].

    Attributes:
        miners_mw: own-account mining, air/hydro/immersion (S, 3).
        merchant_mw: merchant inference by region of origin on GPU and ASIC (R, S, 2).
        contracts_mw: contract load by tier (S, G).
        reserve_mw: rack power held free for the Premium of a failing site (S,).
    """

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    reserve_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Steps from `made_tick` on: step ``i`` lasts ``step_ticks[i]``. `bound_usd` is None when no bound is known."""

    optimizer: str
    made_tick: int
    steps: tuple[PlanStep, ...]
    step_ticks: tuple[int, ...] = (1,)
    status: PlanStatus = "feasible"
    objective_usd: float | None = None
    bound_usd: float | None = None
    note: str = ""
    """Why this plan and not a better one, when something failed: shown and stored."""

    def step_at(self, tick: int) -> PlanStep:
        """The step in force at `tick`; the last one goes on for ever."""
        passed = tick - self.made_tick
        for step, length in zip(self.steps, self.step_ticks, strict=True):
            if passed < length:
                return step
            passed -= length
        return self.steps[-1]
