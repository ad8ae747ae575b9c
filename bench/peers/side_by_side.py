"""Peers that may be missing, and results that must agree before times are compared."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Final

MAX_DIFFERENCE_SHARE: Final = 1e-6


def peer_of(name: str, module: str) -> ModuleType | None:
    """Import our module that calls a peer; where the peer is not installed, say so in one line and return None."""
    try:
        return import_module(f"bench.peers.{module}")
    except ImportError as error:
        print(f"peers: {name} is not compared with ({error}): make bench installs it where it can", file=sys.stderr)
        return None


def agrees(name: str, quantity: str, theirs: float, ours: float) -> bool:
    """Compare a result of a peer with ours to 1e-6; where it differs, refuse the comparison in one line."""
    if abs(theirs - ours) <= MAX_DIFFERENCE_SHARE * abs(ours):
        return True
    print(f"peers: {name} is not compared with: its {quantity} is {theirs:.10g}, ours {ours:.10g}", file=sys.stderr)
    return False
