"""Rules for exposing the server to other machines: only with TLS and users.

Without a login it is reached from its own machine only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mara.api.gateway.exposure import is_open, required_tls
from mara.api.gateway.listener import ListenerLoop
from mara.api.gateway.timeouts import KEEP_ALIVE_S, TimedHttp
from mara.api.security.authenticator import Authenticator
from mara.api.security.origins import Origins
from mara.errors import ConfigError
from mara.runtime.clock import Clock
from mara.settings import Settings
from mara.store import maintenance
from mara.store.access.users import UserStore

_NO_USER: Final = "people would log in here, and there is no user yet: make one with `mara user add NAME --role admin`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSecurity:
    """Security that the settings ask for, as inputs of the gate and the HTTP server.

    Attributes:
        authenticator: None where nobody logs in.
        server_options: keyword arguments for uvicorn.
        is_behind_proxy: whether `mara.api.gateway.proxy.BehindProxy` is the outermost wrapper.
    """

    origins: Origins
    authenticator: Authenticator | None
    server_options: Mapping[str, Any]
    is_behind_proxy: bool

    @property
    def is_secure(self) -> bool:
        """True where browsers use TLS, to this server or to the proxy before it."""
        return self.origins.scheme == "https"


def refuse_without_users(settings: Settings) -> None:
    """Refuse a start for which nobody could log in, before it makes a database.

    Raises:
        ConfigError: there is no database with users yet, or passwords would cross the network unencrypted.
    """
    required_tls(settings)
    if not maintenance.make_ready(settings.database_url, make=False):
        raise ConfigError(_NO_USER)


def server_security_of(settings: Settings, users: UserStore | None, clock: Clock) -> ServerSecurity:
    """Derive the server's security from the settings.

    Args:
        users: needed where `wants_login`, else None.

    Raises:
        ConfigError: other machines would reach it without TLS, or nobody could log in.
    """
    certificate, key = required_tls(settings)
    speaks_tls = certificate is not None
    if users is not None and not users.all():
        raise ConfigError(_NO_USER)
    # Uvicorn's own reading of X-Forwarded-For believes what clients write into it.
    server_options: dict[str, Any] = {
        "proxy_headers": False,
        "http": TimedHttp,
        "loop": ListenerLoop(most_clients=settings.max_clients, is_behind_proxy=settings.behind_proxy),
        "timeout_keep_alive": KEEP_ALIVE_S,
    }
    if speaks_tls:
        server_options |= {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
    secret = settings.storage_secret.get_secret_value() if settings.storage_secret is not None else ""
    return ServerSecurity(
        origins=Origins.of(
            host=settings.host,
            scheme="https" if speaks_tls or settings.behind_proxy else "http",
            allowed_hosts=[name.strip() for name in settings.allowed_hosts.split(",") if name.strip()],
            is_open=is_open(settings),
            certified=names_of_certificate(certificate) if certificate is not None else (),
        ),
        authenticator=Authenticator(users, clock, secret) if users is not None else None,
        server_options=server_options,
        is_behind_proxy=settings.behind_proxy,
    )


def names_of_certificate(file: Path) -> tuple[str, ...]:
    """Read the host names and addresses in the first certificate of a PEM file.

    Raises:
        ConfigError: the file holds no certificate that can be read.
    """
    from cryptography import x509  # it takes long to import, and most servers speak no TLS

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
