"""Checks of a request's Host and Origin against the names of this server.

A page of another site reaches a server on loopback too: by its address, or by a DNS name that is made to point there.
Pure functions of the headers.
Sources: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html,
https://www.w3.org/TR/fetch-metadata/, https://www.rfc-editor.org/rfc/rfc6454 (Origin) and
https://www.rfc-editor.org/rfc/rfc9110#section-7.2 (Host).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Headers as ASGI gives them, with names in lower case."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
ALL_ADDRESSES: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared with a setting, not listened on
_FRAMES: Final = frozenset({"iframe", "frame", "embed", "object"})
_SAME_SITE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginRefusal:
    """Refusal of a request: an HTTP status, and one line for its sender."""

    status: int
    detail: str


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens on this host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Host names that the server answers to.

    They have no port: a tunnel or a proxy has a port of its own, and a page from another port of this host is told
    apart by its Origin, which must equal the Host of the request.

    Attributes:
        scheme: scheme that browsers use, ``http`` or ``https``, also through a proxy.
        names: hosts that are answered at any port, in lower case; ``*.example.org`` stands for one label more.
        hosts: hosts with a port, which are answered at that port only.
        has_any_address: whether any numeric address is answered: a server on all addresses of its machine does not know
            them, and no other site's name appears as a number in a Host header.
        is_open: whether other machines reach the server.
        allowed_hosts: the setting, repeated in advice on what to add to it.
    """

    scheme: str
    names: frozenset[str]
    hosts: frozenset[str]
    has_any_address: bool
    is_open: bool
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, *, host: str, scheme: str, allowed_hosts: Iterable[str], is_open: bool, certified: Iterable[str] = ()
    ) -> "Origins":
        """Collect the names of a server.

        Args:
            host: host that it listens on.
            allowed_hosts: further names, from the settings.
            certified: names in its TLS certificate.
        """
        given = tuple(allowed_hosts)
        own = LOOPBACK_NAMES if is_loopback(host) else (_bracketed(host),)
        named = [*own, *map(_bracketed, certified), *given]
        names = frozenset(name.lower() for name in named)
        return cls(
            scheme=scheme,
            names=frozenset(name for name in names if _name_of(name) == name),
            hosts=frozenset(name for name in names if _name_of(name) != name),
            has_any_address=host in ALL_ADDRESSES,
            is_open=is_open,
            allowed_hosts=given,
        )

    def include(self, host: str) -> bool:
        """Tell whether a Host header names this server."""
        name = _name_of(host.lower())
        _, dot, above = name.partition(".")
        return (
            host.lower() in self.hosts
            or name in self.names
            or (bool(dot) and f"*.{above}" in self.names)
            or (self.has_any_address and _is_address(name))
        )

    def refusal(self, kind: str, method: str, headers: Headers) -> OriginRefusal | None:
        """Explain why a request must not be answered, whoever sent it; None if it may be.

        Args:
            kind: ``http`` or ``websocket``.
            method: its HTTP method.
        """
        sent = _texts_of(headers)
        hosts = sent.get("host", [])
        if len(hosts) != 1 or not self.include(hosts[0]):
            return OriginRefusal(status=421, detail=self._misdirected(hosts[0] if len(hosts) == 1 else ""))
        if _has_bearer(sent):
            return None  # no browser adds a bearer token by itself
        site, mode = (sent.get(name, [""])[0] for name in ("sec-fetch-site", "sec-fetch-mode"))
        if kind == "http" and method in SAFE_METHODS:
            if sent.get("sec-fetch-dest", [""])[0] in _FRAMES:
                return OriginRefusal(status=403, detail="this server is shown in no frame")
            if site in {"cross-site", "same-site"} and mode != "navigate":
                return OriginRefusal(status=403, detail="pages of other sites may not load from here")
            return None
        return self._refusal_of_a_change(kind, sent, site)

    def _misdirected(self, host: str) -> str:
        """Advise on the setting with which a host name would be answered."""
        name = _name_of(host.lower())
        if not _HOST_NAME.fullmatch(name):
            return "a request needs one Host header with a name of this server"
        setting = ",".join((*self.allowed_hosts, name))
        return f"this server does not go by {name}: start it with MARA_ALLOWED_HOSTS={setting}"

    def _refusal_of_a_change(self, kind: str, sent: dict[str, list[str]], site: str) -> OriginRefusal | None:
        origins = sent.get("origin", [])
        if site and site not in _SAME_SITE:
            return OriginRefusal(status=403, detail="pages of other sites may not act here")
        if not origins:
            if kind == "websocket":
                return OriginRefusal(status=403, detail="a websocket needs an Origin of this server, or a bearer token")
            if site or not self.is_open:
                return None  # a script on this machine, or a browser that vouches for the page
            return OriginRefusal(status=403, detail="a change needs an Origin of this server, or a bearer token")
        if kind == "http" and origins == ["null"] and site == "same-origin":
            return None  # a form of this server: under no-referrer browsers withhold its origin too
        if len(origins) != 1 or origins[0].lower() != f"{self.scheme}://{sent['host'][0].lower()}":
            return OriginRefusal(status=403, detail="pages of other sites may not act here")
        return None


def _bracketed(host: str) -> str:
    """Write a host as a Host header does, with an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") and host.count(":") > 1 else host


def _name_of(host: str) -> str:
    """Remove the port from a Host header."""
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def bearer_of(headers: Headers) -> str | None:
    """Read the bearer token of a request; None without one.

    Source: https://www.rfc-editor.org/rfc/rfc6750#section-2.1.
    """
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


_HOST_NAME: Final = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]")
