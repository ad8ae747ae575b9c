"""Which requests are ours to answer: hosts the server goes by, and pages that may act on it. Pure.

A page on another site reaches a server on loopback too: by its address, or by a name that it makes point there. So the
Host header must be a name of ours, and what changes something must come from a page of ours.
Source: OWASP cheat sheets on DNS rebinding and cross-site request forgery; W3C Fetch Metadata.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_OF_OURS: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not answered: an HTTP status and one line for whoever sent it."""

    status: int
    detail: str


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Names that the server goes by.

    Attributes:
        scheme: what browsers speak to it, ``http`` or ``https``, also through a proxy.
        hosts: Host headers that are answered, in lower case.
        is_open: whether other machines reach it.
    """

    scheme: str
    hosts: frozenset[str]
    is_open: bool

    @classmethod
    def of(cls, *, host: str, port: int, scheme: str, allowed_hosts: Iterable[str], is_open: bool) -> "Origins":
        """Of a server that listens on `host` and `port`, and goes by `allowed_hosts` beside that."""
        own = LOOPBACK_NAMES if is_loopback(host) else (host if ":" not in host else f"[{host}]",)
        hosts = {f"{name}:{port}".lower() for name in own}
        if port == _DEFAULT_PORT[scheme]:
            hosts |= {name.lower() for name in own}
        return cls(scheme=scheme, hosts=frozenset(hosts | {name.lower() for name in allowed_hosts}), is_open=is_open)

    def refusal(self, kind: str, method: str, headers: Headers) -> Refusal | None:
        """Why a request must not be answered, before anybody asks who sent it; None where it may be.

        Args:
            kind: ``http`` or ``websocket``.
        """
        sent = _texts_of(headers)
        hosts = sent.get("host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return Refusal(status=421, detail="this server does not go by that name: add it to MARA_ALLOWED_HOSTS")
        if _has_bearer(sent):
            return None  # no browser adds a bearer token by itself
        site, mode = (sent.get(name, [""])[0] for name in ("sec-fetch-site", "sec-fetch-mode"))
        if kind == "http" and method in SAFE_METHODS:
            if site in {"cross-site", "same-site"} and mode != "navigate":
                return Refusal(status=403, detail="pages of other sites may not load from here")
            return None
        return self._refusal_of_a_change(kind, sent, site)

    def _refusal_of_a_change(self, kind: str, sent: dict[str, list[str]], site: str) -> Refusal | None:
        origins = sent.get("origin", [])
        if site and site not in _OF_OURS:
            return Refusal(status=403, detail="pages of other sites may not act here")
        if not origins:
            if kind == "websocket":
                return Refusal(status=403, detail="a websocket needs an Origin of this server, or a bearer token")
            if site or not self.is_open:
                return None  # a script on this machine, or a browser that says the page is ours
            return Refusal(status=403, detail="a change needs an Origin of this server, or a bearer token")
        if kind == "http" and origins == ["null"] and site == "same-origin":
            return None  # a form of ours: where no referrer is sent, browsers keep its origin to themselves too
        if len(origins) != 1 or origins[0].lower() != f"{self.scheme}://{sent['host'][0].lower()}":
            return Refusal(status=403, detail="pages of other sites may not act here")
        return None


def bearer_of(headers: Headers) -> str | None:
    """The bearer token of a request."""
    for text in _texts_of(headers).get("authorization", []):
        kind, _, token = text.partition(" ")
        if kind.lower() == "bearer" and token.strip():
            return token.strip()
    return None


def _has_bearer(sent: dict[str, list[str]]) -> bool:
    return any(text.lower().startswith("bearer ") for text in sent.get("authorization", []))


def _texts_of(headers: Headers) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, value in headers:
        texts.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return texts
