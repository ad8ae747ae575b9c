"""Memory of solved linear programs, so that a run of the tests solves none of them twice.

HiGHS with one thread is a function of the program, the basis and the options. Runs of the default world begin with the
same programs in a hundred tests, and solving them was most of what those took. Solutions lie in files, which all
processes of the run share. Only optima are remembered: limits of time below a second, cancelled solves and whole
numbers are HiGHS's own. Tests of the optimizers, and of runs that are the same each time they are made, ask for
`solved_anew`.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import get_ident
from types import SimpleNamespace
from typing import Any, Final

import highspy
import numpy as np
import pytest

from mara.core.arrays import Floats, Ints
from mara.optimizers.lp import solve

make_solver = solve._solver
"""The function by which Mara itself makes a solver."""
make_basis = solve._highs_basis
"""The function by which Mara itself makes a basis for HiGHS."""
PATIENT_S: Final = 1.0
NUMBERS: Final = ("col_value", "col_dual", "row_value", "row_dual")
"""What is kept of a solution, by HiGHS's names, beside its basic variables."""

_folder: Path | None = None
"""Folder of the files, named by what was solved."""


def remember(patched: pytest.MonkeyPatch, folder: Path) -> None:
    """Look up programs that were solved before."""
    folder.mkdir(exist_ok=True)
    patched.setattr("tests.solved_before._folder", folder)
    patched.setattr(solve, "_solver", remembering_solver)
    patched.setattr(solve, "_highs_basis", Start)


def solve_anew(patched: pytest.MonkeyPatch) -> None:
    """Solve each program, as Mara does."""
    patched.setattr(solve, "_solver", make_solver)
    patched.setattr(solve, "_highs_basis", make_basis)


class Kept(SimpleNamespace):
    """A solution as HiGHS would tell it, in arrays."""

    col_value: Floats
    col_dual: Floats
    row_value: Floats
    row_dual: Floats
    basic: Ints
    value_valid = True


def kept_of(found: highspy.HighsSolution, told_basic: tuple[highspy.HighsStatus, Any]) -> Kept:
    numbers = {name: np.array(getattr(found, name)) for name in NUMBERS}
    return Kept(**numbers, basic=np.asarray(told_basic[1]))


def keep(name: str, kept: Kept) -> None:
    """Write a solution into its file, whole or not at all; a full disk remembers none."""
    assert _folder is not None
    parts = [*(getattr(kept, name) for name in NUMBERS), kept.basic]
    whole = np.concatenate([[len(part) for part in parts], *parts])
    with suppress(OSError):
        (new := _folder / f"{name}.{os.getpid()}.{get_ident()}").write_bytes(whole.tobytes())
        new.replace(_folder / name)


def recalled(name: str) -> Kept | None:
    """Read a solution that this process or another one found."""
    assert _folder is not None
    try:
        told = np.frombuffer((_folder / name).read_bytes())
    except OSError:
        return None
    ends = np.cumsum(told[: len(NUMBERS) + 1].astype(np.int64))
    *numbers, basic = np.split(told[len(ends) :], ends[:-1])
    return Kept(**dict(zip(NUMBERS, numbers, strict=True)), basic=basic.astype(np.int64))


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
        self._given = hashlib.sha1(usedforsecurity=False)
        self._model: tuple[Any, ...] = ()
        self._start: solve.Basis | None = None
        self._kept: Kept | None = None
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
        name = self._given.hexdigest()
        self._kept = recalled(name)
        if self._kept is not None:
            self._is_given_up = self._asked_whether_to_give_up()
            return highspy.HighsStatus.kOk
        super().passModel(*self._model)
        if self._start is not None:
            super().setBasis(make_basis(self._start))
        ended = super().run()
        has_whole_numbers = self._model[-1].any()
        if super().getModelStatus() == highspy.HighsModelStatus.kOptimal and not has_whole_numbers:
            self._kept = kept_of(super().getSolution(), super().getBasicVariables())  # type: ignore[misc]
            keep(name, self._kept)
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

    def getSolution(self) -> Any:  # noqa: N802
        return super().getSolution() if self._kept is None else self._kept

    def getBasicVariables(self) -> tuple[highspy.HighsStatus, Any]:  # noqa: N802
        if self._kept is not None:
            return highspy.HighsStatus.kOk, self._kept.basic
        given: tuple[highspy.HighsStatus, Any] = super().getBasicVariables()  # type: ignore[misc]
        return given
