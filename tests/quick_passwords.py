"""Fast password hashing for tests: argon2 with its least work.

It takes a thousandth of the time of Mara's own. A stored hash names its work, so that checking one is as quick. Tests
of the work itself compare `HASHER` and `NO_USER`.
"""

from typing import Final

from argon2 import PasswordHasher

from mara.api.security import credentials

HASHER: Final = credentials._HASHER
NO_USER: Final = credentials._NO_USER
"""As Mara itself has them."""


def hash_quickly() -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    credentials._HASHER = quick  # type: ignore[misc]
    credentials._NO_USER = quick.hash("whoever there is not")  # type: ignore[misc]
