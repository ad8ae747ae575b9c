"""Authentication: finds the user of a request by session cookie or bearer token."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from starlette.requests import cookie_parser
from starlette.types import Scope

from mara.api.security.credentials import TOKEN_PREFIX, digest_of
from mara.api.security.origins import bearer_of
from mara.errors import StoreError
from mara.runtime.actor import Actor
from mara.runtime.clock import Clock
from mara.store.access.users import ROLES, AccessEvent, Session, Token, User, UserStore

COOKIE: Final = "mara_session"
REMEMBERED_S: Final = 15.0
"""Time for which an answer of the database is trusted, also about a revoked token."""
MAX_REMEMBERED: Final = 1_000
SCOPE_KEY: Final = "mara.identity"
AUTHENTICATOR_KEY: Final = "mara.authenticator"
CALLER: Final[ContextVar[Scope | None]] = ContextVar("mara_caller", default=None)
"""Request or websocket being answered; set by the gate, never by a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """User of a request, with a role.

    Attributes:
        role: viewer, operator or admin; meter for a token that posts telemetry alone.
        address: the client's address.
    """

    name: str
    role: str
    address: str = ""

    def may(self, role: str) -> bool:
        """Tell whether the user has this role, or a higher one."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)


LOCAL: Final = Identity(name="local", role="admin")
"""The user of this machine, where no login is asked for."""
NOBODY: Final = Identity(name="nobody", role=ROLES[0])
"""A client without a login; the gate lets it pass to public paths only."""


def identity_in(scope: Scope) -> Identity:
    """Return the user of a request that has passed the gate; `LOCAL` without a gate."""
    found = scope.get(SCOPE_KEY, LOCAL)
    assert isinstance(found, Identity)
    return found


class Authenticator:
    """Lookup of users by session or token, with a short-lived cache.

    Args:
        key: key of the digests that are stored in place of sessions and tokens.
    """

    def __init__(self, users: UserStore, clock: Clock, key: str) -> None:
        self.users = users
        self.clock = clock
        self._key = key
        self._known: OrderedDict[bytes, tuple[User | None, float]] = OrderedDict()

    async def identity_of(self, scope: Scope, *, may_ask: bool = True, anew: bool = False) -> Identity | None:
        """Identify the sender of a request; None without a valid session or token.

        Args:
            may_ask: whether the database may be asked where no answer is remembered.
            anew: whether the database is asked even where an answer is remembered.

        Raises:
            StoreError: the database does not answer, and no earlier answer is remembered.
        """
        address = address_of(scope)
        token = bearer_of(scope["headers"])
        if token is not None:
            user = await self._user(Token, token, may_ask, anew) if token.startswith(TOKEN_PREFIX) else None
        else:
            session = cookie_of(scope)
            user = await self._user(Session, session, may_ask, anew) if session else None
        return None if user is None else Identity(name=user.name, role=user.role, address=address)

    def digest(self, text: str) -> bytes:
        """Hash a token or a session key as it is stored."""
        return digest_of(text, self._key)

    def forget(self, text: str) -> None:
        """Drop the remembered answer about a token or session."""
        self._known.pop(self.digest(text), None)

    def note(self, actor: Actor, action: str) -> None:
        """Write a line of the access log about something that was done."""
        at_epoch_s = int(self.clock.now().timestamp())
        self.users.note(AccessEvent(at_epoch_s=at_epoch_s, actor=actor.name, address=actor.address, action=action))

    async def _user(self, kind: type[Token] | type[Session], text: str, may_ask: bool, anew: bool) -> User | None:
        digest, now_s = self.digest(text), self.clock.monotonic_s()
        user, until_s = self._known.get(digest, (None, float("-inf")))
        if anew or now_s >= until_s:
            if not may_ask:
                return None
            now_epoch_s = int(self.clock.now().timestamp())
            try:
                user = await asyncio.to_thread(self.users.bearer, kind, digest, now_epoch_s)
            except StoreError:
                if user is None:
                    raise
                return user  # known a moment ago: a database in trouble must not shut out those who look into it
            self._known[digest] = (user, now_s + REMEMBERED_S)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return user


async def present_identity(scope: Scope) -> Identity | None:
    """Identify the sender by asking the database now; None where the login is over.

    Raises:
        StoreError: the database does not answer, and no earlier answer is remembered.
    """
    authenticator = scope.get(AUTHENTICATOR_KEY)
    if authenticator is None:
        return identity_in(scope)
    assert isinstance(authenticator, Authenticator)
    return await authenticator.identity_of(scope, anew=True)


async def is_still_known(scope: Scope) -> bool:
    """Tell whether the login of a request that is still being answered is still valid."""
    authenticator = scope.get(AUTHENTICATOR_KEY)
    if authenticator is None:
        return True
    assert isinstance(authenticator, Authenticator)
    with suppress(StoreError):
        return await authenticator.identity_of(scope) == scope.get(SCOPE_KEY)
    return False


def address_of(scope: Scope) -> str:
    """Return the client's address, as given by a trusted proxy if there is one."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def cookie_of(scope: Scope) -> str:
    """Read the session's cookie of a request; empty without one."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            # Other programs on this host have cookies too, and the standard library reads none if one is malformed.
            cookies = cookie_parser(value.decode("latin-1"))
            if COOKIE in cookies:
                return cookies[COOKIE]
    return ""
