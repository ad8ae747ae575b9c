"""Outlet that publishes each site's targets as retained MQTT messages.

The topic is `mara/<run>/<site>/dispatch`, the quality of service 1. The library comes with the extra `mqtt`.
Source: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html, retained messages in 3.3.1.3.
"""

import asyncio
import re
from typing import Final

from mara.core.dispatch_document import DispatchDocument
from mara.signals.broker import Broker
from mara.signals.document_json import site_bytes

DEADLINE_S: Final = 10.0
"""Longest time for all messages of a document."""
_NOT_IN_TOPICS: Final = re.compile(r"[/+#\x00]")


def topic_of(run: str, site_id: str) -> str:
    """Name the topic of a site; what a topic may not hold becomes a dash."""
    return f"mara/{_NOT_IN_TOPICS.sub('-', run)}/{_NOT_IN_TOPICS.sub('-', site_id)}/dispatch"


class MqttOutlet:
    """Connects for each document, publishes a message a site, and leaves."""

    name = "mqtt"

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

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
        from aiomqtt import Client, TLSParameters

        broker = self._broker
        client_of_broker = Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            tls_params=TLSParameters() if broker.is_tls else None,
        )
        async with asyncio.timeout(DEADLINE_S), client_of_broker as client:
            for site in document.sites:
                topic = topic_of(document.run, site.site_id)
                await client.publish(topic, site_bytes(document, site), qos=1, retain=True)
