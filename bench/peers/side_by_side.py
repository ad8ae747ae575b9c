"""Import of peers that may be missing, and check that their results agree."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Final

MAX_DIFFERENCE_SHARE: Final = 1e-6


def peer_of(name: str, module: str) -> ModuleType | None:
    """Import the module of this package that calls a peer.

    Where the peer is not installed, print one line and return None.
    """
    try:
        return import_module(f"bench.peers.{module}")
    except ImportError as error:
        print(f"peers: {name} is not compared with ({error}): make bench installs it where it can", file=sys.stderr)
        return None


def agrees(name: str, quantity: str, result: Callable[[], float], ours: float) -> bool:
    """Compare a peer's result with Mara's to 1e-6, relative.

    Where they differ, or the peer has no result, print one line and return False.
    """
    try:
        theirs = result()
    except Exception as error:  # noqa: BLE001  peers are not locked: a later version may raise anything
        told = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        if abs(theirs - ours) <= MAX_DIFFERENCE_SHARE * abs(ours):
            return True
        told = f"its {quantity} is {theirs:.10g}, ours {ours:.10g}"
    print(f"peers: {name} is not compared with: {told}", file=sys.stderr)
    return False
