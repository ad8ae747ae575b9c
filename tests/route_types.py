"""Types of the API's routes, read once for all APIs that a process builds.

A process that imports `tests.built_api` has them read, and so have those that are forked from it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ConfigDict, TypeAdapter


def remembered() -> "Callable[..., TypeAdapter[Any]]":
    """Return what makes an adapter of a type, and gives it again for the same type."""
    from pydantic import TypeAdapter

    made: dict[tuple[object, str, str], TypeAdapter[Any]] = {}

    def adapter(type_: Any, *, config: "ConfigDict | None" = None) -> "TypeAdapter[Any]":
        named = (type_.__origin__, repr(type_.__metadata__), repr(config))
        if named not in made:
            made[named] = TypeAdapter(type_, config=config)
        return made[named]

    return adapter
