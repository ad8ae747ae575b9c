"""Meters that publish their readings to an MQTT broker.

The topic is `mara/<site>/telemetry`, so that a broker can give each meter its own, and the message is what the API
takes. A message is acknowledged once it is stored, and the broker keeps what comes while Mara is away. Mara subscribes
to nothing else: no message changes a mode or reaches a device. Whoever may publish is the broker's decision.
Source: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html, sections 3.1.2.4 and 4.3.2.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from mara.errors import DeviceError, StoreError
from mara.signals.broker import Broker
from mara.signals.meters.base import Take
from mara.signals.meters.telemetry_json import TelemetryInput

TOPICS: Final = "mara/+/telemetry"
MOST_BYTES: Final = 64_000
KEEPALIVE_S: Final = 30
STORE_TRIES: Final = 20
STORE_WAIT_S: Final = 1.0
"""Tries to store a message, in less than the keepalive, before a new connection."""
POLL_S: Final = 0.5
"""Longest time for which an end is not noticed."""


class MqttMeters:
    """Readings that meters publish to a broker.

    Args:
        client_id: name of Mara at the broker, by which it is known again after a restart.
    """

    def __init__(self, broker: Broker, client_id: str) -> None:
        self.name = f"mqtt://{broker.host}:{broker.port}"
        self._broker = broker
        self._client_id = client_id

    def listen(self, take: Take, refused: Callable[[str], None], is_over: threading.Event) -> None:
        """Take in messages until it is over; see `MeterSource`."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

        client = Client(CallbackAPIVersion.VERSION2, self._client_id, clean_session=False, manual_ack=True)
        client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.is_tls:
            client.tls_set()
        failures: list[str] = []
        client.on_connect = partial(_connected, failures)
        client.on_subscribe = partial(_subscribed, failures)
        client.on_message = partial(_came, failures, take, refused, is_over)
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
            while not is_over.is_set() and not failures:
                if client.loop(POLL_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    failures.append("the broker ended the connection: see that it runs")
        except (OSError, ValueError) as error:
            raise DeviceError(f"the broker cannot be reached ({type(error).__name__}): see that it runs") from error
        finally:
            client.disconnect()
        if failures:
            raise DeviceError(failures[0])


def _connected(failures: list[str], client: Any, _: object, __: object, reason: Any, ___: object) -> None:
    if reason.is_failure:
        failures.append(f"the broker refused Mara ({reason}): see to its account there")
    else:
        client.subscribe(TOPICS, qos=1)


def _subscribed(failures: list[str], _: object, __: object, ___: object, reasons: Any, ____: object) -> None:
    if any(reason.is_failure for reason in reasons):
        failures.append(f"the broker does not let Mara read {TOPICS}: see to the rights of its account")


def _came(
    failures: list[str],
    take: Take,
    refused: Callable[[str], None],
    is_over: threading.Event,
    client: Any,
    _: object,
    message: Any,
) -> None:
    """Store a message, in a few tries, and acknowledge it then."""
    for _try in range(STORE_TRIES):
        try:
            stored_or_refused(message.topic, message.payload, take, refused)
        except StoreError as error:
            failures[:] = [f"readings could not be stored ({error}): the broker sends them again"]
            if is_over.wait(STORE_WAIT_S):
                return
        else:
            failures.clear()
            client.ack(message.mid, message.qos)
            return


def stored_or_refused(topic: str, payload: bytes, take: Take, refused: Callable[[str], None]) -> None:
    """Store the readings of a message, or say why it is refused.

    Raises:
        StoreError: they are not stored.
    """
    root, site_id, *last = topic.split("/")
    if (root, last) != ("mara", ["telemetry"]):
        return  # a broker that tells more than it was asked for
    if len(payload) > MOST_BYTES:
        refused(f"{topic}: a message should have at most {MOST_BYTES} bytes, {len(payload)} came: send fewer readings")
        return
    try:
        readings = [one.reading for one in TelemetryInput.model_validate_json(payload).readings]
    except ValidationError as error:
        (fault, *_) = error.errors(include_url=False, include_input=False)
        where = ".".join(str(part) for part in fault["loc"]) or "message"
        refused(f"{topic}: {where}: {fault['msg']}: send what POST /api/telemetry takes")
        return
    others = sorted({reading.site_id for reading in readings} - {site_id})
    if others:
        refused(f"{topic}: readings should be of the site of their topic, {others[0][:60]!r} came: use its own topic")
        return
    take(readings)
