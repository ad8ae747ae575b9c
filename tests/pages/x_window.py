"""Windows of an X display, found as a window manager finds them, by libX11 alone.

No window manager runs under Xvfb.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator
from contextlib import contextmanager

CLIENT_MESSAGE = 33


class _ClientMessage(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),
    )


def titles(display_name: str) -> list[str]:
    """List the titles of the display's windows."""
    with _display(display_name) as (x, display):
        return [_name_of(x, display, window) for window in _children(x, display, x.XDefaultRootWindow(display))]


def close_windows(display_name: str, title: str) -> int:
    """Ask each window with a title to close, as its close button does; count them."""
    with _display(display_name) as (x, display):
        protocols, delete = (x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        asked = 0
        for window in _children(x, display, x.XDefaultRootWindow(display)):
            if _name_of(x, display, window) != title:
                continue
            event = _ClientMessage(CLIENT_MESSAGE, 0, 1, display, window, protocols, 32, (ctypes.c_long * 5)(delete))
            x.XSendEvent(display, window, 0, 0, ctypes.byref(event))
            asked += 1
        x.XFlush(display)
    return asked


@contextmanager
def _display(name: str) -> Iterator[tuple[ctypes.CDLL, int]]:
    x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XDefaultRootWindow.restype = x.XInternAtom.restype = ctypes.c_ulong
    for call in (x.XDefaultRootWindow, x.XFlush, x.XCloseDisplay):
        call.argtypes = [ctypes.c_void_p]
    x.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    x.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
    display = x.XOpenDisplay(name.encode())
    assert display, f"no display {name}"
    try:
        yield x, display
    finally:
        x.XCloseDisplay(display)


def _children(x: ctypes.CDLL, display: int, root: int) -> list[int]:
    parent, count = ctypes.c_ulong(), ctypes.c_uint()
    found = ctypes.POINTER(ctypes.c_ulong)()
    references = [ctypes.byref(place) for place in (ctypes.c_ulong(), parent, found, count)]
    x.XQueryTree(ctypes.c_void_p(display), ctypes.c_ulong(root), *references)
    return [found[i] for i in range(count.value)]


def _name_of(x: ctypes.CDLL, display: int, window: int) -> str:
    name = ctypes.c_char_p()
    x.XFetchName(ctypes.c_void_p(display), ctypes.c_ulong(window), ctypes.byref(name))
    return (name.value or b"").decode(errors="replace")
