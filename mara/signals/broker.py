"""Addresses of MQTT brokers, read strictly, and never repeated in a message."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from mara.errors import ConfigError

PORT: Final = 1883
TLS_PORT: Final = 8883


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker, and the account that is used there.

    The repr holds no password.
    """

    host: str
    port: int
    user: str | None
    password: str | None
    is_tls: bool

    def __repr__(self) -> str:
        return f"Broker(host={self.host!r}, port={self.port})"


def broker_of(url: str, setting: str) -> Broker:
    """Read a broker's URL, `mqtt://user:password@host:port` or `mqtts://…`.

    Args:
        setting: name of the setting, for messages.

    Raises:
        ConfigError: it names no broker, or the library is not installed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ConfigError(
            f"{setting} should be mqtt://HOST or mqtts://HOST, with a port if it is not the usual one; what came is not"
            " repeated: correct it"
        )
    try:
        import aiomqtt  # noqa: F401  it brings paho too
    except ImportError as error:
        raise ConfigError(f"{setting} needs the extra: pip install 'mara[mqtt]'") from error
    is_tls = parts.scheme == "mqtts"
    return Broker(
        host=parts.hostname,
        port=port or (TLS_PORT if is_tls else PORT),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        is_tls=is_tls,
    )
