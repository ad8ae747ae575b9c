"""Set-up of hypothesis: the same examples whichever modules are loaded already.

Hypothesis draws constants of the code more often than other values. It takes those of the modules that are loaded, so
that a test would have other examples alone than beside others. Here it takes those of all of Mara's files.
"""

from functools import cache
from pathlib import Path
from types import ModuleType

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants, constants_from_module

import mara

FOLDER = Path(mara.__file__).parent


@cache
def constants_of_mara() -> Constants:
    found = Constants()
    for path in sorted(FOLDER.rglob("*.py")):
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        found |= constants_from_module(module)
    return found


def draw_the_same_always() -> None:
    """Make hypothesis use the constants of all of Mara's files.

    There is no setting for it: a hypothesis without this function fails here, instead of drawing other examples.
    """
    assert callable(providers._get_local_constants)
    providers._get_local_constants = constants_of_mara
