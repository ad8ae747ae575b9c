"""A form that an operator fills in: its fields, and what was entered as one mapping."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from nicegui import ui
from nicegui.events import GenericEventArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. `several` is a list of check boxes; its value is a list of keys."""

    key: str
    label: str
    kind: Literal["text", "number", "choice", "several"]
    value: str | list[str] = ""
    unit: str = ""
    hint: str = ""
    look: str = ""
    """`long` for what needs the whole width."""
    placeholder: str = ""
    pattern: str = ""
    required: bool = False
    min: float | None = None
    max: float | None = None
    step: float | None = None
    options: list[tuple[str, str]] = field(default_factory=list)


class OrderForm(ui.element, component="order_form.js"):
    """Calls `order` with the entered values by key, not yet judged; it returns why it refuses, or nothing. `why_not`
    says why whoever looks may not order at all.
    """

    def __init__(
        self,
        name: str,
        *,
        fields: tuple[Field, ...],
        submit: str,
        label: str,
        order: Callable[[Mapping[str, Any]], Awaitable[str]],
        why_not: str = "",
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["fields"] = [asdict(one) for one in fields]
        self.props["submit"] = submit
        self.props["label"] = label
        self.props["refusal"] = ""
        self.props["forbidden"] = why_not
        self._order = order
        if not why_not:
            self.on("order-work", self._send)
        self.mark(name)

    async def _send(self, event: GenericEventArguments) -> None:
        self.props["refusal"] = await self._order(_values_of(event))
        self.update()


def _values_of(event: GenericEventArguments) -> Mapping[str, Any]:
    return event.args if isinstance(event.args, dict) else {}
