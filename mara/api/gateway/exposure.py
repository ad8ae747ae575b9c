"""Checks of settings by which others reach the server: only with TLS and login.

They need none of the server's libraries, so that a start that is refused ends at once.
"""

from pathlib import Path

from mara.api.security.origins import is_loopback
from mara.errors import ConfigError
from mara.settings import Settings


def refuse_exposure(settings: Settings) -> None:
    """Refuse settings by which other machines would reach an unsafe server.

    Raises:
        ConfigError: they would reach it without a login or TLS, or the files of TLS are not there.
    """
    wants_login(settings)
    required_tls(settings)


def wants_login(settings: Settings) -> bool:
    """Tell whether users have to log in.

    Raises:
        ConfigError: other machines reach the server, and the login is switched off.
    """
    if settings.auth == "off" and is_open(settings):
        raise ConfigError(
            f"MARA_AUTH=off is for this machine alone, the server would listen on {settings.host}: "
            "listen on 127.0.0.1, or leave MARA_AUTH out"
        )
    return settings.auth == "on" or (settings.auth == "auto" and is_open(settings))


def is_open(settings: Settings) -> bool:
    """Tell whether other machines reach the server."""
    return settings.behind_proxy or not is_loopback(settings.host)


def required_tls(settings: Settings) -> tuple[Path | None, Path | None]:
    """Return the files of certificate and key, required where logins cross a network.

    Raises:
        ConfigError: other machines reach the server, and neither it nor a proxy speaks TLS.
    """
    pair = _pair_of(settings)
    if is_open(settings) and pair[0] is None and not settings.behind_proxy:
        raise ConfigError(
            f"to listen on {settings.host} passwords need TLS: set MARA_TLS_CERT and MARA_TLS_KEY, or put a proxy that "
            "speaks TLS before it and set MARA_BEHIND_PROXY"
        )
    return pair


def _pair_of(settings: Settings) -> tuple[Path | None, Path | None]:
    """Return the files of certificate and key, both or neither.

    Raises:
        ConfigError: one of the two settings is missing, or names no file.
    """
    pair = (settings.tls_cert, settings.tls_key)
    if (pair[0] is None) != (pair[1] is None):
        raise ConfigError("MARA_TLS_CERT and MARA_TLS_KEY belong together: set both, or neither")
    for file in pair:
        if file is not None and not file.is_file():
            raise ConfigError(
                f"a PEM file was expected at {file}, there is none: correct MARA_TLS_CERT or MARA_TLS_KEY"
            )
    return pair
