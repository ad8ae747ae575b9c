"""Outlet that publishes each site's targets as retained MQTT messages.

The topic is `mara/<run>/<site>/dispatch`, the quality of service 1. The library comes with the extra `mqtt`.
Source: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html, retained messages in 3.3.1.3.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from mara.core.dispatch_document import DispatchDocument
from mara.errors import ConfigError
from mara.signals.document_json import site_bytes

PORT: Final = 1883
TLS_PORT: Final = 8883
DEADLINE_S: Final = 10.0
"""Longest time for all messages of a document."""
_NOT_IN_TOPICS: Final = re.compile(r"[/+#\x00]")


def topic_of(run: str, site_id: str) -> str:
    """Name the topic of a site; what a topic may not hold becomes a dash."""
    return f"mara/{_NOT_IN_TOPICS.sub('-', run)}/{_NOT_IN_TOPICS.sub('-', site_id)}/dispatch"


def client_options(url: str) -> Mapping[str, Any]:
    """Read a broker's URL, `mqtt://user:password@host:port` or `mqtts://…`.

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
            "MARA_DISPATCH_MQTT should be mqtt://HOST or mqtts://HOST, with a port if it is not the usual one; what"
            " came is not repeated: correct it"
        )
    try:
        from aiomqtt import TLSParameters
    except ImportError as error:
        raise ConfigError("MARA_DISPATCH_MQTT needs the extra: pip install 'mara[mqtt]'") from error
    is_tls = parts.scheme == "mqtts"
    return {
        "hostname": parts.hostname,
        "port": port or (TLS_PORT if is_tls else PORT),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "tls_params": TLSParameters() if is_tls else None,
    }


class MqttOutlet:
    """Connects for each document, publishes a message a site, and leaves."""

    name = "mqtt"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    def deliver(self, document: DispatchDocument) -> str:
        """Publish a document; return the reason why that failed, empty on success."""
        from aiomqtt import MqttError

        try:
            asyncio.run(self._publish(document))
        except (MqttError, OSError, TimeoutError) as error:
            return f"the broker cannot be reached ({type(error).__name__}): see that it runs at the URL that is set"
        return ""

    def close(self) -> None:
        """Close nothing: each document has a connection of its own."""

    async def _publish(self, document: DispatchDocument) -> None:
        from aiomqtt import Client

        async with asyncio.timeout(DEADLINE_S), Client(**self._options) as client:
            for site in document.sites:
                topic = topic_of(document.run, site.site_id)
                await client.publish(topic, site_bytes(document, site), qos=1, retain=True)
