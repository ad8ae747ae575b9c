"""Who may do what: the one table of rights, for programs that call the API and for people at screens alike."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from starlette.types import Scope

from mara.api.security.authenticator import Identity, present_identity
from mara.errors import CommandError


class Permission(StrEnum):
    """Everything that changes something or costs something. Whoever is let in may look; each of these needs a role."""

    QUOTE = "quote"
    BOOK = "book"
    CANCEL = "cancel"
    EXCLUDE = "exclude"
    OUTAGE = "outage"
    RESTORE = "restore"
    PAUSE = "pause"
    RESUME = "resume"
    STEP = "step"
    SPEED = "speed"
    OPTIMIZE = "optimize"
    ASK_CLAUDE = "ask Claude"
    BACKTEST = "backtest"
    NEW_RUN = "new run"


RIGHTS: Final[Mapping[Permission, str]] = dict.fromkeys(Permission, "operator")
"""The least role for each."""


class NotAllowedError(CommandError):
    """What somebody wanted needs a role that they do not have."""


def why_not(identity: Identity, deed: Permission) -> str:
    """Why somebody may not do this, in one line; empty where they may."""
    role = RIGHTS[deed]
    if identity.may(role):
        return ""
    return f"that needs the role {role}, {identity.name} is {identity.role}: ask an admin"


async def permit(scope: Scope, deed: Permission) -> Identity:
    """Who sent this request or message, if they may do this now: the database is asked anew, so that a role that was
    changed, or a session that ended, counts from the next deed on.

    Raises:
        NotAllowedError: they may not, or not any more.
        StoreError: the database does not answer, and nobody is remembered.
    """
    identity = await present_identity(scope)
    if identity is None:
        raise NotAllowedError("the session is over: log in again")
    refusal = why_not(identity, deed)
    if refusal:
        raise NotAllowedError(refusal)
    return identity
