"""Errors that are no fault of the program, in one tree.

    MaraError
    ├─ ConfigError             settings or fleet unusable: refuses to start
    ├─ FeedError               the outside world failed us
    │  ├─ FeedUnavailable      no answer: the last good observation stands, marked stale
    │  │  └─ FeedEnded         a history is over: a run is finished there
    │  └─ FeedInvalid          an answer that cannot be true (NaN, gap, time running backwards)
    ├─ PlanError               no plan from this optimizer: the next simpler one is asked, the reason is kept
    │  ├─ PlanInfeasible       no plan exists; every problem has one, so this names a fault in its making
    │  ├─ PlanRejected         a plan came, and breaks a limit or a rule
    │  └─ PlanTimeout          no plan before the deadline
    ├─ AdviceError             nothing that may be followed came from the advisor: the plan in force stays
    ├─ CommandError            asked for the impossible: nothing changes
    │  ├─ RangeTooLong         asked about more time than one answer covers: a shorter range is answered
    │  └─ EngineStopped        nothing is ordered now: the engine has halted, is degraded, or ends
    ├─ DeviceError             a device of a real site did not answer, or refused: nothing counts as done there
    └─ StoreError              the database did not take it: DEGRADED, tried again
       ├─ StoreBlocked         the disk is full, another program locks it, its server is away: tried until it passes
       ├─ StoreWentBack        the database stands elsewhere than the run: loaded again, and gone on with from there
       └─ StoreRefused         the database is damaged, locked, of a newer Mara or of another run: not touched
          └─ StoreLost         its file was taken away while it was in use: nothing more is stored, the run halts

A message says what was expected, what came, and what to do. Packages convert exceptions of libraries to these (`raise
… from`). Faults of the program itself are not among them: those fail an `assert`.
"""

from typing import ClassVar

EXIT_DONE = 0
EXIT_OUR_FAULT = 1
EXIT_USAGE = 2
EXIT_INPUT = 3
EXIT_DATABASE = 4


class MaraError(Exception):
    """Root of the tree.

    `exit_code` is the exit code of the command line for an uncaught error of the class.
    """

    exit_code: ClassVar[int] = EXIT_OUR_FAULT


class ConfigError(MaraError):
    """Settings or the fleet cannot be used; nothing was started."""

    exit_code = EXIT_USAGE


class FeedError(MaraError):
    """The feed gave no usable observation."""

    exit_code = EXIT_INPUT


class FeedUnavailable(FeedError):
    """The source did not answer, or has nothing for the tick that was asked for."""


class FeedEnded(FeedUnavailable):
    """The source has come to its end, as a replayed history does."""


class FeedInvalid(FeedError):
    """The source answered with values that cannot be true.

    The message names file, line and first cases.
    """


class PlanError(MaraError):
    """An optimizer gave no plan that may be followed."""


class PlanInfeasible(PlanError):
    """The optimizer says that no plan exists."""


class PlanRejected(PlanError):
    """A plan was made and breaks a limit or a rule; the message names which."""


class PlanTimeout(PlanError):
    """An optimizer found no plan before its deadline."""


class AdviceError(MaraError):
    """The advisor gave nothing that may be followed.

    The message is shown on the advisor's panel.

    Attributes:
        rest_s: time [s] for which the advisor is not asked again; ``{until}`` in the message stands for its end.
        is_counted: whether several such errors in a row open the circuit breaker.
        detail: for the log alone.
    """

    def __init__(self, message: str, *, rest_s: float = 0.0, is_counted: bool = False, detail: str = "") -> None:
        super().__init__(message)
        self.rest_s = rest_s
        self.is_counted = is_counted
        self.detail = detail


class CommandError(MaraError):
    """An operator or a caller asked for what is impossible now; nothing has changed."""

    exit_code = EXIT_USAGE


class RangeTooLong(CommandError):
    """A time range is longer than one answer covers; the message names the limit."""


class EngineStopped(CommandError):
    """The engine takes no orders.

    It has not started, has halted, is degraded, or is ending.
    """


class DeviceError(MaraError):
    """A device of a real site did not answer, or did not take what it was told."""

    exit_code = EXIT_INPUT


class StoreError(MaraError):
    """The database did not take what it was given, or could not be read."""

    exit_code = EXIT_DATABASE


class StoreBlocked(StoreError):
    """A temporary obstacle outside the program prevents storing, such as a full disk.

    Nothing was stored; the same call may succeed later.
    """


class StoreWentBack(StoreError):
    """The database stands at another tick than the run.

    The database lost its last ticks, or another writer continued the run.
    """


class StoreRefused(StoreError):
    """The database must not be touched.

    The database is damaged, locked by another process, of a newer Mara, or of another run.
    """


class StoreLost(StoreRefused):
    """The file of the database was removed, replaced or cut short in use.

    Nothing was stored since.
    """
