"""Memory of solved linear programs, so that a process solves none of them twice.

HiGHS with one thread is a function of the program, the basis and the options. Runs of the default world begin with the
same programs in a hundred tests, and solving them was most of what those took. Only optima are remembered: limits of
time below a second, cancelled solves and whole numbers are HiGHS's own. Tests of the optimizers, and of runs that are
the same each time they are made, ask for `solved_anew`.
"""

import hashlib
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any, Final, cast

import highspy
import numpy as np

from mara.optimizers.lp import solve

make_solver = solve._solver
"""The function by which Mara itself makes a solver."""
MOST_KEPT: Final = 300
"""Number of solutions that are kept, which take about 50 MB."""
PATIENT_S: Final = 1.0

_KEPT: OrderedDict[bytes, tuple[highspy.HighsSolution, highspy.HighsBasis]] = OrderedDict()


def remembering_solver(deadline_s: float) -> highspy.Highs:
    if deadline_s < PATIENT_S:
        return make_solver(deadline_s)
    solver = RememberingSolver()
    for option, value in (("output_flag", False), ("threads", 1)):
        solver.setOptionValue(option, value)
    solver.limit(deadline_s)
    return solver


class RememberingSolver(highspy.Highs):
    """HiGHS with a memory: only a program without a remembered optimum is solved."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._given = hashlib.blake2b()
        self._model: tuple[Any, ...] = ()
        self._start: highspy.HighsBasis | None = None
        self._kept: tuple[highspy.HighsSolution, highspy.HighsBasis] | None = None
        self._is_given_up = False

    def limit(self, deadline_s: float) -> None:
        super().setOptionValue("time_limit", deadline_s)

    def setOptionValue(self, option: str, value: Any) -> highspy.HighsStatus:  # noqa: N802
        self._given.update(f"{option}={value!r};".encode())
        return super().setOptionValue(option, value)

    def passModel(self, *model: Any) -> highspy.HighsStatus:  # noqa: N802
        for part in model:
            self._given.update(part.tobytes() if isinstance(part, np.ndarray) else f"{part!r};".encode())
        self._model = model
        return highspy.HighsStatus.kOk

    def setBasis(self, basis: highspy.HighsBasis) -> highspy.HighsStatus:  # type: ignore[override]  # noqa: N802
        for statuses in (basis.col_status, basis.row_status):
            self._given.update(bytes(map(int, statuses)) + b";")
        self._start = basis
        return highspy.HighsStatus.kOk

    def run(self) -> highspy.HighsStatus:
        key = self._given.digest()
        self._kept = _KEPT.get(key)
        if self._kept is not None:
            self._is_given_up = self._asked_whether_to_give_up()
            return highspy.HighsStatus.kOk
        super().passModel(*self._model)
        if self._start is not None:
            super().setBasis(self._start)
        ended = super().run()
        has_whole_numbers = self._model[-1].any()
        if super().getModelStatus() == highspy.HighsModelStatus.kOptimal and not has_whole_numbers:
            _KEPT[key] = super().getSolution(), super().getBasis()
            if len(_KEPT) > MOST_KEPT:
                _KEPT.popitem(last=False)
        return ended

    def _asked_whether_to_give_up(self) -> bool:
        asked: list[bool] = []
        for look in self.cbSimplexInterrupt.callbacks:
            look(cast(Any, SimpleNamespace(interrupt=lambda: asked.append(True))))
        return bool(asked)

    def getModelStatus(self) -> highspy.HighsModelStatus:  # noqa: N802
        if self._kept is None:
            return super().getModelStatus()
        return highspy.HighsModelStatus.kInterrupt if self._is_given_up else highspy.HighsModelStatus.kOptimal

    def getSolution(self) -> highspy.HighsSolution:  # noqa: N802
        return self._kept[0] if self._kept is not None else super().getSolution()

    def getBasis(self) -> highspy.HighsBasis:  # noqa: N802
        return self._kept[1] if self._kept is not None else super().getBasis()

    def getBasicVariables(self) -> tuple[highspy.HighsStatus, Any]:  # noqa: N802
        if self._kept is not None:  # whoever asks takes the basis as a list then
            return highspy.HighsStatus.kError, np.zeros(0)
        return super().getBasicVariables()  # type: ignore[misc,no-any-return]  # the stubs leave it out
