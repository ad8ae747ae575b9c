"""How a server may stand open: alone on this machine without a login, elsewhere only with users and TLS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from mara.api.gateway.listener import ListenerLoop
from mara.api.gateway.timeouts import KEEP_ALIVE_S, TimedHttp
from mara.api.security.authenticator import Authenticator
from mara.api.security.origins import Origins, is_loopback
from mara.errors import ConfigError
from mara.runtime.clock import Clock
from mara.settings import Settings
from mara.store import maintenance
from mara.store.access.users import UserStore

_NOBODY: Final = "people would log in here, and there is no user yet: make one with `mara user add NAME --role admin`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSecurity:
    """What the gate needs, and how the server listens.

    Attributes:
        doorkeeper: None where nobody logs in.
        listening: further options of the HTTP server.
        is_behind_proxy: whether `mara.api.gateway.proxy.BehindProxy` belongs before everything else.
    """

    origins: Origins
    authenticator: Authenticator | None
    listening: Mapping[str, Any]
    is_behind_proxy: bool

    @property
    def is_secure(self) -> bool:
        """Whether browsers speak TLS to it, here or at a proxy."""
        return self.origins.scheme == "https"


def wants_login(settings: Settings) -> bool:
    """Whether people log in.

    Raises:
        ConfigError: other machines reach the server, and nobody would have to.
    """
    if settings.auth == "off" and is_open(settings):
        raise ConfigError(
            f"MARA_AUTH=off is for this machine alone, the server would listen on {settings.host}: "
            "listen on 127.0.0.1, or leave MARA_AUTH out"
        )
    return settings.auth == "on" or (settings.auth == "auto" and is_open(settings))


def refuse_nobody(settings: Settings) -> None:
    """Before users are looked up: a start that is refused leaves no database behind.

    Raises:
        ConfigError: there is none yet, and so nobody who could log in; or passwords would cross the network openly.
    """
    _refuse_without_tls(settings)
    if not maintenance.make_ready(settings.database_url, make=False):
        raise ConfigError(_NOBODY)


def is_open(settings: Settings) -> bool:
    """Whether other machines reach the server."""
    return settings.behind_proxy or not is_loopback(settings.host)


def entrance_of(settings: Settings, people: UserStore | None, clock: Clock) -> ServerSecurity:
    """The entrance that the settings ask for; `people` where `wants_login`.

    Raises:
        ConfigError: it would stand open to others without TLS, or with nobody who may log in.
    """
    certificate, key = _refuse_without_tls(settings)
    speaks_tls = certificate is not None
    if people is not None and not people.all():
        raise ConfigError(_NOBODY)
    # The server's own reading of X-Forwarded-For believes what clients write into it.
    listening: dict[str, Any] = {
        "proxy_headers": False,
        "http": TimedHttp,
        "loop": ListenerLoop(most_clients=settings.max_clients, is_behind_proxy=settings.behind_proxy),
        "timeout_keep_alive": KEEP_ALIVE_S,
    }
    if speaks_tls:
        listening |= {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
    secret = settings.storage_secret.get_secret_value() if settings.storage_secret is not None else ""
    return ServerSecurity(
        origins=Origins.of(
            host=settings.host,
            scheme="https" if speaks_tls or settings.behind_proxy else "http",
            allowed_hosts=[name.strip() for name in settings.allowed_hosts.split(",") if name.strip()],
            is_open=is_open(settings),
            certified=names_of_certificate(certificate) if certificate is not None else (),
        ),
        authenticator=Authenticator(people, clock, secret) if people is not None else None,
        listening=listening,
        is_behind_proxy=settings.behind_proxy,
    )


def names_of_certificate(file: Path) -> tuple[str, ...]:
    """Host names and addresses that the first certificate of a PEM file is for.

    Raises:
        ConfigError: it holds none that can be read.
    """
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} should hold a certificate in PEM, but {error}: correct MARA_TLS_CERT") from error
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _refuse_without_tls(settings: Settings) -> tuple[Path | None, Path | None]:
    """Certificate and key. Raises ConfigError: passwords would cross the network in the open."""
    pair = _pair_of(settings)
    if is_open(settings) and pair[0] is None and not settings.behind_proxy:
        raise ConfigError(
            f"to listen on {settings.host} passwords need TLS: set MARA_TLS_CERT and MARA_TLS_KEY, or put a proxy that "
            "speaks TLS before it and set MARA_BEHIND_PROXY"
        )
    return pair


def _pair_of(settings: Settings) -> tuple[Path | None, Path | None]:
    """Certificate and key, both or neither."""
    pair = (settings.tls_cert, settings.tls_key)
    if (pair[0] is None) != (pair[1] is None):
        raise ConfigError("MARA_TLS_CERT and MARA_TLS_KEY belong together: set both, or neither")
    for file in pair:
        if file is not None and not file.is_file():
            raise ConfigError(
                f"a PEM file was expected at {file}, there is none: correct MARA_TLS_CERT or MARA_TLS_KEY"
            )
    return pair
