"""What is secret about people: passwords, and the random texts that stand for them afterwards.

Passwords: argon2id with the library's defaults (RFC 9106, second recommended option). Tokens and sessions carry 256
random bits from the system, so one round of SHA-256 keeps them, keyed with MARA_STORAGE_SECRET where there is one.
"""

import hmac
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mara.errors import CommandError

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 1_000
TOKEN_PREFIX: Final = "mara_"  # noqa: S105  how a leaked one is recognized, in logs and by scanners
SECRET_BYTES: Final = 32

_HASHER: Final = PasswordHasher()
_NOBODY: Final = _HASHER.hash("nobody's")
"""Checked where there is no such user, so that an answer takes as long."""


def hash_of(password: str) -> str:
    """What is stored of a password; takes about 50 ms of a core.

    Raises:
        CommandError: too short to resist guessing, or too long.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise CommandError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters, came {len(password)}: "
            "choose another"
        )
    return _HASHER.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Whether it is the password that was stored; as slow without one."""
    try:
        _HASHER.verify(stored or _NOBODY, password[:MAX_PASSWORD_LENGTH])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_token() -> str:
    """A bearer token of the API."""
    return TOKEN_PREFIX + token_urlsafe(SECRET_BYTES)


def new_session() -> str:
    """The content of a session's cookie."""
    return token_urlsafe(SECRET_BYTES)


def digest_of(text: str, key: str = "") -> bytes:
    """What is stored of a token or session."""
    return hmac.new(key.encode(), text.encode("utf-8", "surrogateescape"), sha256).digest()
