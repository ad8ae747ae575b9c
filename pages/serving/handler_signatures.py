"""A quick answer to NiceGUI's question whether a handler takes arguments.

NiceGUI asks it three times for each element, and reads the answer from `inspect.signature`, which takes a tenth of the
time in which a page is built. A function's code tells the same.
"""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from nicegui import helpers

_read_by_nicegui = helpers.expects_arguments


def read_signatures_quickly() -> None:
    """Let NiceGUI read from code objects what handlers take."""
    helpers.expects_arguments = expects_arguments


def expects_arguments(func: Callable[..., Any]) -> bool:
    """True if a handler has to be called with an argument.

    NiceGUI itself judges what is neither a plain function nor a method of one, or says another signature of itself.
    """
    is_method = isinstance(func, MethodType)
    function = func.__func__ if isinstance(func, MethodType) else func
    if type(function) is not FunctionType or function.__dict__:  # `__wrapped__` and `__signature__` stand there
        return _read_by_nicegui(func)
    code = function.__code__
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    wanted_count = code.co_argcount - is_method - len(function.__defaults__ or ())
    return wanted_count > 0 or any(name not in (function.__kwdefaults__ or ()) for name in named)
