"""The budget of API requests, by hour and day over the stored costs.

A restart therefore does not renew the budget.
"""

import logging
from dataclasses import dataclass
from typing import Final

from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_DAY, SECONDS_PER_HOUR
from mara.errors import AdviceError, StoreError
from mara.runtime.clock import Clock
from mara.store.access.api_usage import ClaudeCalls

BUDGET_USED: Final = "AI budget used"

log = logging.getLogger("mara.advisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLimits:
    """Limits of spending in any hour and day of real time, and of requests."""

    usd_per_hour: float
    usd_per_day: float
    requests_per_hour: int


class StoredBudget:
    """Checks and stores the cost of each request before the request is made."""

    def __init__(self, calls: ClaudeCalls, budget: SpendLimits, clock: Clock) -> None:
        self._calls = calls
        self._budget = budget
        self._clock = clock

    def reserve(self, most_micro_usd: int) -> int:
        """Reserve the cost of a request, and return its number.

        Raises:
            AdviceError: the budget does not allow the request, or its cost cannot be stored.
        """
        try:
            count, hour_micro_usd = self._calls.spent_since(self._now_s - SECONDS_PER_HOUR)
            _, day_micro_usd = self._calls.spent_since(self._now_s - SECONDS_PER_DAY)
            over = (
                count >= self._budget.requests_per_hour
                or hour_micro_usd + most_micro_usd > self._budget.usd_per_hour * MICRO_USD_PER_USD
                or day_micro_usd + most_micro_usd > self._budget.usd_per_day * MICRO_USD_PER_USD
            )
            if over:
                raise AdviceError(BUDGET_USED, detail=f"{count} requests and {hour_micro_usd} micro-USD in this hour")
            return self._calls.reserve(self._now_s, most_micro_usd)
        except StoreError as error:
            raise AdviceError("AI costs cannot be stored", detail=str(error)) from error

    def settle(self, number: int, cost_micro_usd: int, request_id: str) -> None:
        """Replace a reserved cost by the real one.

        Where the store refuses, the reserved one stays.
        """
        try:
            self._calls.record_cost(number, max(cost_micro_usd, 0), request_id)
        except StoreError as error:
            log.warning("the cost of a request is not stored", extra={"reason": str(error)})

    def spent_today_usd(self) -> float:
        """Sum up the cost of the last 24 hours."""
        return self._calls.spent_since(self._now_s - SECONDS_PER_DAY)[1] / MICRO_USD_PER_USD

    def left_usd(self) -> float:
        """Return the amount that may still be spent in this hour and this day."""
        spent_micro_usd = self._calls.spent_since(self._now_s - SECONDS_PER_HOUR)[1]
        hour_usd = self._budget.usd_per_hour - spent_micro_usd / MICRO_USD_PER_USD
        return max(min(hour_usd, self._budget.usd_per_day - self.spent_today_usd()), 0.0)

    @property
    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
