"""Form for an operator's order: plain HTML fields, sent all at once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import BROWSER_MODULES, element

SEND: Final = "(event) => { event.preventDefault(); emit([...new FormData(event.target)]); }"
"""Script that sends the entries as pairs of name and value."""
TELL: Final = "(event) => emit([...new FormData(event.currentTarget)])"
"""Script that sends them after a change, while nothing is ordered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form.

    The kind `several` is a list of check boxes; its value is a list of keys. A `day` is empty at first.
    """

    key: str
    label: str
    kind: Literal["text", "number", "day", "choice", "several"]
    value: str | list[str] = ""
    unit: str = ""
    hint: str = ""
    look: str = "short"
    """Width: `short`, `middle`, or `long` for the whole width."""
    limits: Mapping[str, object] = field(default_factory=dict)
    """Attributes that the browser checks and shows, such as min and pattern."""
    options: list[tuple[str, str]] = field(default_factory=list)
    """Key and label of each choice."""


class DayInput(ui.element, component="day_input.js", esm=BROWSER_MODULES):
    """Field for a day, typed or chosen from the browser's calendar."""


def order_form(
    name: str,
    *,
    fields: tuple[Field, ...],
    submit: str,
    label: str,
    order: Callable[[Mapping[str, Any]], Awaitable[str]],
    why_not: str = "",
    unusable: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None,
) -> None:
    """Draw the form.

    Args:
        order: called with the entered values by key, not yet validated; returns a refusal, or "".
        why_not: reason why the user may not order at all; "" where they may.
        unusable: called with the entered values; returns fields that depend on others, each with the reason why it
            cannot be used, or "" where it can.
    """
    single: dict[str, tuple[ui.element, ui.label | None]] = {}
    with element("form", "order-form").props(f'aria-label="{label}"').mark(name) as form:
        for one in fields:
            if one.kind == "several":
                _several(one, name)
            else:
                single[one.key] = _single(one, name)
        button = element("button", "button button-strong order-submit", submit).props("type=submit")
        button.props["disabled"] = bool(why_not)
        standing = f"{submit}: {why_not}." if why_not else ""
        said = ui.label(standing).classes("note" if why_not else "order-refusal").mark(f"{name}-refusal")
        said.tag = "p"
    if unusable is not None:
        _follow(form, fields, single, unusable, is_live=not why_not)
    if why_not:
        return
    said.props("role=alert")

    async def send(event: GenericEventArguments) -> None:
        refusal = await order(values_of(event.args, fields))
        said.set_text(refusal)

    form.on("submit", send, js_handler=SEND)


def _follow(
    form: ui.element,
    fields: Sequence[Field],
    single: Mapping[str, tuple[ui.element, ui.label | None]],
    unusable: Callable[[Mapping[str, Any]], Mapping[str, str]],
    *,
    is_live: bool,
) -> None:
    """Disable fields without a use for what is entered, and say why in their hints."""
    hints = {one.key: one.hint for one in fields}

    def follow(entered: Mapping[str, Any]) -> None:
        for key, why in unusable(entered).items():
            control, hint = single[key]
            control.props["disabled"] = bool(why)
            if hint is not None:
                hint.set_text(why or hints[key])

    follow({one.key: one.value for one in fields})
    if is_live:
        form.on("change", lambda event: follow(values_of(event.args, fields)), js_handler=TELL)


def values_of(pairs: object, fields: Sequence[Field]) -> dict[str, Any]:
    """Return the value of each field from the pairs that a browser sent."""
    entered: dict[str, list[str]] = {one.key: [] for one in fields}
    for pair in pairs if isinstance(pairs, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and str(pair[0]) in entered:
            entered[str(pair[0])].append(str(pair[1]))
    return {one.key: entered[one.key] if one.kind == "several" else "".join(entered[one.key][-1:]) for one in fields}


def _single(one: Field, form: str) -> tuple[ui.element, ui.label | None]:
    """Draw a field with one value; return its control, and its hint if it has one."""
    place = f"{form}-{one.key}"
    with element("div", f"order-field order-{one.look}"):
        with element("label", "", one.label).props(f"for={place}"):
            if one.unit:
                element("span", "order-unit", one.unit)
        if one.kind == "day":
            day = DayInput()
            day.props.update({"name": one.key, "place": place, "hint": f"{place}-hint" if one.hint else None})
            return day, _hint(one, place)
        control = element("select" if one.kind == "choice" else "input", "field")
        control.props.update({"id": place, "name": one.key, **one.limits})
        if one.hint:
            control.props["aria-describedby"] = f"{place}-hint"
        if one.kind == "choice":
            with control:
                for key, label in one.options:
                    _initial(element("option", "", label), "selected", is_set=key == one.value).props["value"] = key
        else:
            control.props.update({"type": one.kind, "^value": one.value, "spellcheck": "false", "autocomplete": "off"})
        return control, _hint(one, place)


def _several(one: Field, form: str) -> None:
    with element("fieldset", "order-field order-several"):
        element("legend", "", one.label)
        with element("div", "order-boxes"):
            for key, label in one.options:
                with element("label", "order-box"):
                    box = _initial(element("input"), "checked", is_set=key in one.value)
                    box.props.update({"type": "checkbox", "name": one.key, "value": key})
                    element("span", "", label)
        _hint(one, f"{form}-{one.key}")


def _initial(control: ui.element, attribute: str, *, is_set: bool) -> ui.element:
    """Set an initial value by attribute: an update leaves what was entered."""
    if is_set:
        control.props[f"^{attribute}"] = ""
    return control


def _hint(one: Field, place: str) -> ui.label | None:
    if not one.hint:
        return None
    hint = element("span", "order-hint", one.hint).props(f"id={place}-hint")
    assert isinstance(hint, ui.label)  # since it has a text
    return hint
