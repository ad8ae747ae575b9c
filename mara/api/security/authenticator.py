"""Who sends a request: somebody who logged in, a token's bearer, or whoever sits at this machine."""

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
from mara.runtime.clock import Clock
from mara.store.access.users import ROLES, Session, Token, User, UserStore

COOKIE: Final = "mara_session"
REMEMBERED_S: Final = 15.0
"""How long an answer of the database is trusted: a token taken back works on for so long at most."""
MAX_REMEMBERED: Final = 1_000
SCOPE_KEY: Final = "mara.identity"
DOORKEEPER_KEY: Final = "mara.doorkeeper"
CALLER: Final[ContextVar[Scope | None]] = ContextVar("mara_caller", default=None)
"""The request or websocket whose message is being answered: set by the gate, and by nothing that a message says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody, and what they may.

    Attributes:
        role: viewer, operator or admin.
        address: where the request came from.
    """

    name: str
    role: str
    address: str = ""

    def may(self, role: str) -> bool:
        """Whether this is somebody of that role, or of a higher one."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL: Final = Identity(name="local", role="admin")
"""Whoever sits at this machine, while no login is asked for."""
NOBODY: Final = Identity(name="nobody", role=ROLES[0])
"""Whoever has not logged in, at what is shown to everybody: the gate lets them through to nothing else."""


def identity_in(scope: Scope) -> Identity:
    """Who sent a request that has passed the gate; without a gate, whoever sits at this machine."""
    found = scope.get(SCOPE_KEY, LOCAL)
    assert isinstance(found, Identity)
    return found


class Authenticator:
    """Knows who somebody is by what they bring; remembers it for a moment, so that most requests ask no database."""

    def __init__(self, people: UserStore, clock: Clock, key: str) -> None:
        self.people = people
        self.clock = clock
        self._key = key
        self._known: OrderedDict[bytes, tuple[User | None, float]] = OrderedDict()

    async def identity_of(self, scope: Scope, *, may_ask: bool = True, anew: bool = False) -> Identity | None:
        """Who sent this request; None when nobody we know, or nobody remembered where the database may not be asked.

        Args:
            anew: ask the database also where an answer is still remembered.

        Raises:
            StoreError: it does not answer, and nobody is remembered.
        """
        address = address_of(scope)
        token = bearer_of(scope["headers"])
        if token is not None:
            person = await self._person(Token, token, may_ask, anew) if token.startswith(TOKEN_PREFIX) else None
        else:
            session = cookie_of(scope)
            person = await self._person(Session, session, may_ask, anew) if session else None
        return None if person is None else Identity(name=person.name, role=person.role, address=address)

    def digest(self, text: str) -> bytes:
        """What is stored of a token or session."""
        return digest_of(text, self._key)

    def forget(self, text: str) -> None:
        """Ask the database again about this one."""
        self._known.pop(self.digest(text), None)

    async def _person(self, kind: type[Token] | type[Session], text: str, may_ask: bool, anew: bool) -> User | None:
        digest, now_s = self.digest(text), self.clock.monotonic_s()
        person, until_s = self._known.get(digest, (None, float("-inf")))
        if anew or now_s >= until_s:
            if not may_ask:
                return None
            now_epoch_s = int(self.clock.now().timestamp())
            try:
                person = await asyncio.to_thread(self.people.bearer, kind, digest, now_epoch_s)
            except StoreError:
                if person is None:
                    raise
                return person  # was known a moment ago: a database that stumbles shuts nobody out of seeing it
            self._known[digest] = (person, now_s + REMEMBERED_S)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return person


async def present_identity(scope: Scope) -> Identity | None:
    """Who sent a request, as the database knows them now and not some seconds ago; None where they are not known any
    more.

    Raises:
        StoreError: it does not answer, and nobody is remembered.
    """
    authenticator = scope.get(DOORKEEPER_KEY)
    if authenticator is None:
        return identity_in(scope)
    assert isinstance(authenticator, Authenticator)
    return await authenticator.identity_of(scope, anew=True)


async def is_still_known(scope: Scope) -> bool:
    """Whether whoever sent a request that is still being answered may still be there."""
    authenticator = scope.get(DOORKEEPER_KEY)
    if authenticator is None:
        return True
    assert isinstance(authenticator, Authenticator)
    with suppress(StoreError):
        return await authenticator.identity_of(scope) == scope.get(SCOPE_KEY)
    return False


def address_of(scope: Scope) -> str:
    """Where a request came from; behind a proxy that is trusted, where it says so."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def cookie_of(scope: Scope) -> str:
    """The session's cookie of a request; empty without one."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            # Cookies of other programs on this host come too, and the standard library reads none if one is odd.
            cookies = cookie_parser(value.decode("latin-1"))
            if COOKIE in cookies:
                return cookies[COOKIE]
    return ""
