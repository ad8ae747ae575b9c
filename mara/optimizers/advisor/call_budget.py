"""Budget that pays for calls of the model, and the record of a call.

Costs are in millionths of a dollar.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class CallBudget(Protocol):
    """Budget from which requests are paid.

    The most that a request can cost is reserved before it is made, and settled when its cost is known.
    """

    def reserve(self, most_micro_usd: int) -> int:
        """Reserve the most that a request can cost; return its number.

        Raises:
            AdviceError: the budget does not allow it.
        """
        ...

    def settle(self, number: int, cost_micro_usd: int, request_id: str) -> None:
        """Replace a reservation by the cost of its request."""
        ...


@dataclass(slots=True, kw_only=True)
class ApiCall:
    """Record of one conversation's requests, kept also when it fails.

    Attributes:
        model: name of the model, as the last answer gave it.
        request_ids: identifiers that the service gave to the requests, in their order.
        cost_micro_usd: cost of all requests so far.
    """

    model: str = ""
    request_ids: list[str] = field(default_factory=list)
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLifecycle:
    """Lifecycle of a model, as the service's Models API gives it.

    Attributes:
        stage: active, deprecated, retired or unknown.
        retires_at: when the model is retired; None where the service does not say.
    """

    stage: str
    retires_at: datetime | None
