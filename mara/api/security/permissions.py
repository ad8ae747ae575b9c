"""Table of rights: the role that each action needs, over the API and on screens."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from starlette.types import Scope

from mara.api.security.authenticator import Identity, present_identity
from mara.errors import CommandError
from mara.store.access.users import METER


class Permission(StrEnum):
    """Action that changes or costs something and needs a role; reading needs none."""

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
    IMPORT = "import"
    ARM = "arm"
    DISARM = "disarm"
    EMERGENCY = "emergency"
    TELEMETRY = "telemetry"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"


RIGHTS: Final[Mapping[Permission, str]] = {
    **dict.fromkeys(Permission, "operator"),
    Permission.ARM: "admin",
    Permission.EMERGENCY: "admin",
    Permission.TELEMETRY: "admin",
}
"""Lowest role that may take each action.

Telemetry is also taken from tokens of that scope.
"""


class NotAllowedError(CommandError):
    """An action needs a role that its user does not have."""


def refusal_of(identity: Identity, permission: Permission) -> str:
    """Explain in one line why a user lacks a permission; empty where they have it."""
    role = RIGHTS[permission]
    if identity.may(role) or (permission is Permission.TELEMETRY and identity.role == METER):
        return ""
    if permission is Permission.TELEMETRY:
        return f"that needs a token of the scope telemetry, {identity.name} is {identity.role}: ask an admin for one"
    return f"that needs the role {role}, {identity.name} is {identity.role}: ask an admin"


async def permit(scope: Scope, permission: Permission) -> Identity:
    """Return the sender of a request or message, who must have a permission now.

    The database is asked each time, so that a changed role or an ended session counts from the next action on.

    Raises:
        NotAllowedError: the sender lacks the permission, or the session is over.
        StoreError: the database does not answer, and no earlier answer is remembered.
    """
    identity = await present_identity(scope)
    if identity is None:
        raise NotAllowedError("the session is over: log in again")
    refusal = refusal_of(identity, permission)
    if refusal:
        raise NotAllowedError(refusal)
    return identity
