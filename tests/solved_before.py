"""Memory of solved linear programs, so that a process solves none of them twice.

HiGHS with one thread is a function of the program, the basis and the options. Runs of the default world begin with the
same programs in a hundred tests, and solving them was most of what those took. Only optima are remembered: limits of
time below a second, cancelled solves and whole numbers are HiGHS's own. Tests of the optimizers, and of runs that are
the same each time they are made, ask for `solved_anew`.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import highspy
import numpy as np
import pytest

from mara.optimizers.lp import solve

make_solver = solve._solver
"""The function by which Mara itself makes a solver."""
make_basis = solve._highs_basis
"""The function by which Mara itself makes a basis for HiGHS."""
MOST_KEPT: Final = 300
"""Number of solutions that are kept, which take about 50 MB."""
PATIENT_S: Final = 1.0

_KEPT: OrderedDict[bytes, tuple[highspy.HighsSolution, highspy.HighsBasis, Any]] = OrderedDict()
"""Solutions with their bases, and what HiGHS said of its basic variables."""


def remember(patched: pytest.MonkeyPatch) -> None:
    """Look up programs that were solved before."""
    patched.setattr(solve, "_solver", remembering_solver)
    patched.setattr(solve, "_highs_basis", Start)


def solve_anew(patched: pytest.MonkeyPatch) -> None:
    """Solve each program, as Mara does."""
    patched.setattr(solve, "_solver", make_solver)
    patched.setattr(solve, "_highs_basis", make_basis)


class Start:
    """A basis that HiGHS gets only where it has to solve.

    To make one takes as long as to look up a solution.
    """

    def __init__(self, basis: solve.Basis) -> None:
        self.basis = basis


def remembering_solver(deadline_s: float) -> highspy.Highs:
    solver = RememberingSolver() if deadline_s >= PATIENT_S else ForgetfulSolver()  # type: ignore[no-untyped-call]
    for option, value in (("output_flag", False), ("threads", 1)):
        solver.setOptionValue(option, value)
    solver.limit(deadline_s)
    return solver


class ForgetfulSolver(highspy.Highs):
    """HiGHS itself, which is told of its start as the other is."""

    def limit(self, deadline_s: float) -> None:
        self.setOptionValue("time_limit", deadline_s)

    def setBasis(self, start: Start) -> highspy.HighsStatus:  # type: ignore[override]  # noqa: N802
        return super().setBasis(make_basis(start.basis))


class RememberingSolver(highspy.Highs):
    """HiGHS with a memory: only a program without a remembered optimum is solved."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._given = hashlib.blake2b()
        self._model: tuple[Any, ...] = ()
        self._start: solve.Basis | None = None
        self._kept: tuple[highspy.HighsSolution, highspy.HighsBasis, Any] | None = None
        self._is_given_up = False
        self._look: Callable[..., None] | None = None

    def limit(self, deadline_s: float) -> None:
        super().setOptionValue("time_limit", deadline_s)

    def setOptionValue(self, option: str, value: Any) -> highspy.HighsStatus:  # noqa: N802
        self._given.update(f"{option}={value!r};".encode())
        return super().setOptionValue(option, value)

    def setCallback(self, look: Any, given: Any) -> highspy.HighsStatus:  # noqa: N802
        self._look = look
        return super().setCallback(look, given)

    def passModel(self, *model: Any) -> highspy.HighsStatus:  # noqa: N802
        for part in model:
            self._given.update(part.tobytes() if isinstance(part, np.ndarray) else f"{part!r};".encode())
        self._model = model
        return highspy.HighsStatus.kOk

    def setBasis(self, start: Start) -> highspy.HighsStatus:  # type: ignore[override]  # noqa: N802
        for statuses in (start.basis.columns, start.basis.rows):
            self._given.update(statuses.astype(np.int8).tobytes() + b";")
        self._start = start.basis
        return highspy.HighsStatus.kOk

    def run(self) -> highspy.HighsStatus:
        key = self._given.digest()
        self._kept = _KEPT.get(key)
        if self._kept is not None:
            self._is_given_up = self._asked_whether_to_give_up()
            return highspy.HighsStatus.kOk
        super().passModel(*self._model)
        if self._start is not None:
            super().setBasis(make_basis(self._start))
        ended = super().run()
        has_whole_numbers = self._model[-1].any()
        if super().getModelStatus() == highspy.HighsModelStatus.kOptimal and not has_whole_numbers:
            basic: Any = super().getBasicVariables()  # type: ignore[misc]
            _KEPT[key] = super().getSolution(), super().getBasis(), basic
            if len(_KEPT) > MOST_KEPT:
                _KEPT.popitem(last=False)
        return ended

    def _asked_whether_to_give_up(self) -> bool:
        answer = SimpleNamespace(user_interrupt=False)
        if self._look is not None:
            self._look(None, "", None, answer, None)
        return bool(answer.user_interrupt)

    def getModelStatus(self) -> highspy.HighsModelStatus:  # noqa: N802
        if self._kept is None:
            return super().getModelStatus()
        return highspy.HighsModelStatus.kInterrupt if self._is_given_up else highspy.HighsModelStatus.kOptimal

    def getSolution(self) -> highspy.HighsSolution:  # noqa: N802
        return self._kept[0] if self._kept is not None else super().getSolution()

    def getBasis(self) -> highspy.HighsBasis:  # noqa: N802
        return self._kept[1] if self._kept is not None else super().getBasis()

    def getBasicVariables(self) -> tuple[highspy.HighsStatus, Any]:  # noqa: N802
        given: tuple[highspy.HighsStatus, Any]
        given = self._kept[2] if self._kept is not None else super().getBasicVariables()  # type: ignore[misc]
        return given
