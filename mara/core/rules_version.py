"""Version of the transition's rules.

Equal inputs give equal ticks under one version only.

Raised with every change of `advance` after which an older tick would come out otherwise, bit for bit: of dispatch,
service levels, settlement, or the shape of the world.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

RULES_CHANGES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "as first published",
        2: "Premium goes wherever racks hold it; rests are long and keep a part of each budget; promises may be broken",
    }
)
RULES_VERSION: Final = max(RULES_CHANGES)
