"""What a conversation needs and leaves: somebody who pays, and a record of what it came to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class CallBudget(Protocol):
    """Who pays. Every request is paid for in advance, as much as it can cost, and settled when that is known."""

    def reserve(self, most_micro_usd: int) -> int:
        """The number of a request that may be made now.

        Raises:
            AdviceError: the budget does not allow it.
        """
        ...

    def settle(self, number: int, cost_micro_usd: int, request_id: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class ApiCall:
    """What a conversation has come to so far, kept also when it fails.

    Attributes:
        model: as the last answer named it.
    """

    model: str = ""
    request_ids: list[str] = field(default_factory=list)
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLifecycle:
    """What the service says of a model: active, deprecated, retired or unknown, and from when on it is gone."""

    stage: str
    retires_at: datetime | None
