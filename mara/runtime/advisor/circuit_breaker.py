"""A circuit breaker: after failures Claude is not asked for an ever longer while."""

from datetime import datetime, timedelta
from typing import Final

from mara.errors import AdviceError
from mara.runtime.clock import Clock

COUNTED: Final = 3
"""Failures in a row that open the breaker, of the kinds that one alone does not."""
FIRST_REST_S: Final = 30.0
MAX_REST_S: Final = 900.0


class CircuitBreaker:
    """Stops requests after failures, for 30 s to 15 minutes of real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._rest_s = FIRST_REST_S
        self._until_s = float("-inf")
        self._reason = ""

    @property
    def reason(self) -> str:
        """Reason why nothing may be asked now; empty while requests may be sent."""
        return self._reason if self._clock.monotonic_s() < self._until_s else ""

    def succeeded(self) -> None:
        """Forget earlier failures: a request succeeded."""
        self._count, self._rest_s = 0, FIRST_REST_S

    def tripped(self, refusal: AdviceError) -> str:
        """Count a failure.

        Returns its message, in which `{until}` has become the time when requests may be sent again.
        """
        rest_s = refusal.rest_s
        if refusal.is_counted:
            self._count += 1
            if self._count >= COUNTED:
                rest_s, self._rest_s = self._rest_s, min(2.0 * self._rest_s, MAX_REST_S)
        message = str(refusal).replace("{until}", clock_text(self._clock.now() + timedelta(seconds=rest_s)))
        if rest_s > 0.0:
            self._until_s = self._clock.monotonic_s() + rest_s
            self._reason = message
        return message


def clock_text(at: datetime) -> str:
    """Format a moment of the wall clock for operators."""
    return f"{at:%H:%M} UTC"
