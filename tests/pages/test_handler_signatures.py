"""NiceGUI is told of each handler what it would find itself."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from nicegui import events, helpers, observables

from pages.serving import handler_signatures
from pages.serving.handler_signatures import expects_arguments, read_signatures_quickly


class Heard:
    """Handlers as methods of all kinds, and an object that is one."""

    def none(self) -> None: ...
    def one(self, event: object) -> None: ...
    def one_that_may_be_left_out(self, event: object = None) -> None: ...
    def any(*events: object) -> None: ...
    def named(self, *, event: object) -> None: ...
    def named_that_may_be_left_out(self, *, event: object = None, **more: object) -> None: ...
    def __call__(self, event: object) -> None: ...

    @classmethod
    def of_the_class(cls, event: object) -> None: ...

    @staticmethod
    def of_nobody(event: object, /) -> None: ...


def wrapped(inner: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(inner)(lambda *words: [inner(*words)])


HEARD = Heard()
HANDLERS: list[Callable[..., Any]] = [
    HEARD.none,
    HEARD.one,
    HEARD.one_that_may_be_left_out,
    HEARD.any,
    HEARD.named,
    HEARD.named_that_may_be_left_out,
    HEARD.of_the_class,
    HEARD.of_nobody,
    HEARD,
    Heard,
    Heard.none,
    lambda: None,
    lambda event: event,
    lambda event=1, *rest: event,
    lambda event, other=2, /, *, third=3: event,
    lambda *, third: third,
    lambda *, third=3, fourth: third,
    lambda *rest, **named: None,
    wrapped(HEARD.none),
    wrapped(HEARD.one),
    wrapped(lambda event=1: event),
    functools.partial(HEARD.one, 1),
    functools.partial(HEARD.one),
    print,
    [].append,
    int,
]


@pytest.mark.parametrize("handler", HANDLERS, ids=range(len(HANDLERS)))
def test_a_handler_takes_what_its_signature_says(handler: Callable[..., Any]) -> None:
    assert told(expects_arguments, handler) == told(handler_signatures._read_by_nicegui, handler)


def told(ask: Callable[[Callable[..., Any]], bool], handler: Callable[..., Any]) -> bool | str:
    try:
        return ask(handler)
    except (TypeError, ValueError) as error:  # of what has no signature
        return str(error)


def test_nicegui_asks_the_quick_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "expects_arguments", handler_signatures._read_by_nicegui)
    read_signatures_quickly()
    assert helpers.expects_arguments is expects_arguments
    asked: list[object] = []

    def noted(func: Callable[..., Any]) -> bool:
        asked.append(func)
        return expects_arguments(func)

    monkeypatch.setattr(helpers, "expects_arguments", noted)
    events.handle_event(HEARD.none, events.EventArguments())
    observables.ObservableDict({}, on_change=HEARD.none)
    assert asked == [HEARD.none, HEARD.none], "each of its modules asks where the quick one was put"
