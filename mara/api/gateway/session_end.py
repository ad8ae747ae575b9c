"""A connection that stays open is not forgotten: it ends when the session or token that opened it does."""

from typing import Final

from starlette.types import Message, Receive, Scope, Send

from mara.api.security.authenticator import Authenticator, Identity

SESSION_OVER: Final = 4401
"""Code of the closed websocket; 4000 to 4999 are an application's own (RFC 6455, section 7.4.2)."""


class SessionBoundReceive:
    """What a websocket receives, as long as whoever opened it may still be there.

    A message of a browser is looked at before it counts; browsers answer the server's ping every half minute, so that
    one which says nothing else is found out too.
    """

    def __init__(
        self, authenticator: Authenticator, identity: Identity, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._authenticator = authenticator
        self._identity = identity
        self._scope = scope
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """The next message; an end of the connection instead of what came too late."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        if await self._authenticator.identity_of(self._scope) == self._identity:
            return message
        await self._send({"type": "websocket.close", "code": SESSION_OVER, "reason": "the session is over: log in"})
        return {"type": "websocket.disconnect", "code": SESSION_OVER}
