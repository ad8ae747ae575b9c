"""Secrets of users: passwords, session keys and tokens, and their stored hashes.

Passwords are hashed by argon2id with the library's defaults, which are the second recommended option of
https://www.rfc-editor.org/rfc/rfc9106#section-4. Tokens and sessions hold 256 random bits from the system, for which
one round of HMAC-SHA-256 is enough, keyed with MARA_STORAGE_SECRET where that is set.
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
TOKEN_PREFIX: Final = "mara_"  # noqa: S105  scanners and readers of logs recognize a leaked token by it
SECRET_BYTES: Final = 32

_HASHER: Final = PasswordHasher()
_NO_USER: Final = "$argon2id$v=19$m=65536,t=3,p=4$dNR7ID3GbHy/6ucm5LamXQ$v61aniPjytbzScZW8ZdQGI4HDetMue9lEMQ9QAm1D7I"
"""Hash checked where there is no such user, so that the answer takes as long.

It is of the library's present defaults, which a test compares; to make it anew would add 0.2 s to every start.
"""


def hash_of(password: str) -> str:
    """Hash a password for storing it; takes about 50 ms of a core.

    Raises:
        CommandError: the password is too short to resist guessing, or too long.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise CommandError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters, came {len(password)}: "
            "choose another"
        )
    return _HASHER.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Check a password against a stored hash; takes as long where there is none."""
    try:
        _HASHER.verify(stored or _NO_USER, password[:MAX_PASSWORD_LENGTH])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_token() -> str:
    """Make a bearer token for the API: https://www.rfc-editor.org/rfc/rfc6750."""
    return TOKEN_PREFIX + token_urlsafe(SECRET_BYTES)


def new_session() -> str:
    """Make the value of a session's cookie."""
    return token_urlsafe(SECRET_BYTES)


def digest_of(text: str, key: str = "") -> bytes:
    """Hash a token or a session key for storing it; 32 bytes."""
    return hmac.new(key.encode(), text.encode("utf-8", "surrogateescape"), sha256).digest()
