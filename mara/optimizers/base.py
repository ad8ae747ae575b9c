"""Protocols of optimizers, their state for a restart, and policy on error budgets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol, cast, runtime_checkable

from mara.core.arrays import LATER, Floats, Ints
from mara.core.outlook import Outlook
from mara.core.plan import DraftStep, DualPrices, Plan, PlanStep, Problem
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, World

LEAST_OFF_MINUTES: Final = 30
"""Least time that a contract stays scheduled off.

Chosen: one long break disturbs a customer less than many short ones.
"""


class Optimizer(Protocol):
    """A named function from a problem to a plan.

    Plans are proposals, of which dispatch carries out what is possible. An optimizer depends on the problem alone.
    """

    @property
    def name(self) -> str: ...

    def plan(self, problem: Problem) -> Plan:
        """Make a plan from `problem.tick` on.

        Raises:
            PlanError: no plan could be made; the message says why.
        """
        ...


@runtime_checkable
class DraftsTicks(Protocol):
    """An optimizer that keeps nothing from plan to plan: a tick may be planned again.

    Drafts are for fleets without power terms, and become the steps of `plan` to the last bit.
    """

    def draft(self, problem: Problem) -> DraftStep:
        """Plan a tick, miners included or not."""
        ...


@runtime_checkable
class DraftsMinersLast(DraftsTicks, Protocol):
    """An optimizer whose drafts leave out miners, as those matter to no draft.

    The miners of many ticks are planned at once.
    """

    def miners_mw(
        self, world: World, config: RunConfig, drafts: Sequence[DraftStep], outlooks: Sequence[Outlook]
    ) -> Floats:
        """Plan the miners of successive drafts (T, S, 3).

        `world` is the one before the first.
        """
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """An optimizer that follows a plan over many ticks, with a simpler one behind it."""

    @property
    def fallback(self) -> Optimizer: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResumeState:
    """State that a resumed run needs to go on as if it had never stopped.

    It holds the plan in force and the solver's last basis, in plain fields, so that a store can keep it: `shadows`
    holds one or none, the basis is empty before the first plan.

    Attributes:
        price_usd_per_mwh, availability_share: values of each site when the plan was requested (S,).
        promised_mw: promised load by tier when the plan was requested (G,).
        import_limit_mw: what the grid's operator let each site draw then (S,); None for no order.
        basis_columns, basis_rows: status of each column (N,) and row (M,) of the program.
    """

    optimizer: str
    made_tick: int
    steps: tuple[PlanStep, ...]
    step_ticks: tuple[int, ...]
    status: str
    objective_usd: float | None
    bound_usd: float | None
    note: str
    shadows: tuple[DualPrices, ...]
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats
    basis_tick: int
    basis_columns: Ints
    basis_rows: Ints
    import_limit_mw: Floats | None = field(default=None, metadata=LATER)


@runtime_checkable
class Resumable(Protocol):
    """An optimizer whose plans depend on its earlier ones.

    A resumed run must restore it.
    """

    def memory(self) -> ResumeState | None:
        """Return the state to store for a restart, None before the first plan.

        It is the same object while nothing changed.
        """
        ...

    def recall(self, memory: ResumeState) -> None:
        """Restore the state that `memory` returned before the restart."""
        ...


def memory_of(optimizer: Optimizer) -> ResumeState | None:
    """Return the state of an optimizer to store for a resumed run; None if stateless."""
    return cast(Resumable, optimizer).memory() if _is_resumable(type(optimizer)) else None


@lru_cache(maxsize=32)
def _is_resumable(kind: type) -> bool:
    """Return whether optimizers of a kind are resumable.

    To ask the protocol in every tick takes a twentieth of the rules' time.
    """
    return issubclass(kind, Resumable)


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """Policy on error budgets: whether contracts may be scheduled off inside them."""

    spends: bool = True

    def least_off_ticks(self, grid: TimeGrid) -> int:
        """Return the least ticks that a contract stays scheduled off; 0 where none may be."""
        return least_off_ticks(grid) if self.spends else 0


SPENDS: Final = BudgetPolicy()
KEEPS: Final = BudgetPolicy(spends=False)


def least_off_ticks(grid: TimeGrid) -> int:
    """Convert `LEAST_OFF_MINUTES` to whole ticks, rounded up."""
    return -(-LEAST_OFF_MINUTES // grid.tick_minutes)
