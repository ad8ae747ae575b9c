"""Targets and telemetry over MQTT, on a real broker: retained messages out, readings in."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.signals import outlets_of
from mara.core.metering import Reading
from mara.errors import ConfigError, StoreError
from mara.settings import Settings
from mara.signals.broker import broker_of
from mara.signals.document_json import site_bytes
from mara.signals.meters import mqtt
from mara.signals.meters.base import MeterListener
from mara.signals.meters.mqtt import MqttMeters
from mara.signals.outlets.mqtt import MqttOutlet
from tests.signals.devices import CLOCK
from tests.signals.documents import RUN, document_at

PATIENCE_S = 10.0
BROKER = Path(__file__).parents[2] / ".venv" / "mqtt-broker"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def broker_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start an MQTT broker in a process of its own; yield the port."""
    if not (BROKER / "amqtt").is_dir():
        pytest.skip("no MQTT broker for tests: bash .ci/mqtt installs one")
    port = free_port()
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    settings = tmp_path_factory.mktemp("broker") / "broker.yaml"
    settings.write_text(json.dumps({"listeners": listeners, "plugins": plugins}))  # JSON is YAML
    command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(settings)]
    env = {**os.environ, "PYTHONPATH": str(BROKER)}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as broker:
        try:
            end_s = CLOCK.monotonic_s() + PATIENCE_S
            while not is_listening(port):  # another program tells nobody when it listens
                assert CLOCK.monotonic_s() < end_s
                threading.Event().wait(0.05)
            yield port
        finally:
            broker.kill()


def is_listening(port: int) -> bool:
    """Try to connect to a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0):
            return True
    except OSError:
        return False


async def test_each_site_has_its_newest_targets_as_a_retained_message(broker_port: int) -> None:
    aiomqtt = pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")

    outlet = MqttOutlet(broker_of(f"mqtt://127.0.0.1:{broker_port}", "it"))
    for tick in (3, 4):
        assert await asyncio.to_thread(outlet.deliver, document_at(tick)) == ""
    document, kept = document_at(4), {}
    async with asyncio.timeout(PATIENCE_S), aiomqtt.Client("127.0.0.1", broker_port) as late_comer:
        await late_comer.subscribe(f"mara/{RUN}/+/dispatch", qos=1)
        async for message in late_comer.messages:
            assert message.retain
            kept[str(message.topic)] = message.payload
            if len(kept) == len(document.sites):
                break
    assert kept == {f"mara/{RUN}/{s.site_id}/dispatch": site_bytes(document, s) for s in document.sites}
    assert {json.loads(payload)["tick"] for payload in kept.values()} == {4}


AT = datetime(2026, 11, 29, 12, tzinfo=UTC)


def message_of(power_mw: float, **changes: object) -> bytes:
    reading = {"site_id": "oslo", "at": AT.isoformat(), "power_mw": power_mw, "quality": "good", **changes}
    return json.dumps({"readings": [reading]}).encode()


class Door:
    """The door that readings come through, with a store that fails at times."""

    def __init__(self) -> None:
        self.taken: list[Reading] = []
        self.failures = 0
        self.changed = threading.Condition()

    def take(self, readings: Sequence[Reading]) -> str:
        with self.changed:
            self.changed.notify_all()
            if self.failures:
                self.failures -= 1
                raise StoreError("the disk is full")
            self.taken += readings
            return "it cannot be true" if readings[0].power_mw > 100.0 else ""

    def wait_for(self, power_mw: float) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: [r for r in self.taken if r.power_mw == power_mw], PATIENCE_S)


@contextmanager
def listening(broker_port: int, name: str) -> Iterator[Door]:
    door = Door()
    source = MqttMeters(broker_of(f"mqtt://user:hunter2@127.0.0.1:{broker_port}", "it"), name)
    listener = MeterListener(source, door.take, first_wait_s=0.01)
    try:
        yield door
    finally:
        listener.close()


async def published(broker_port: int, *messages: tuple[str, bytes]) -> None:
    aiomqtt = pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")
    async with aiomqtt.Client("127.0.0.1", broker_port) as meter:
        for topic, payload in messages:
            await meter.publish(topic, payload, qos=1)


async def test_readings_come_by_the_topic_of_their_site_and_nothing_else_gets_in(
    broker_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What is refused is logged once a kind, and never steers anything."""
    with listening(broker_port, "reader") as door, caplog.at_level(logging.WARNING, logger="mara.meters"):
        await first_heard(broker_port, door)
        await published(
            broker_port,
            ("mara/texas/telemetry", message_of(6.0)),
            ("mara/oslo/telemetry", b"mode=act"),
            ("mara/oslo/telemetry", message_of(7.0, mode="act")),
            ("mara/oslo/modes", message_of(8.0)),
            ("mara/oslo/telemetry", b" " * 64_001),
            ("mara/oslo/telemetry", message_of(900.0)),
            ("mara/oslo/telemetry", message_of(9.0)),
        )
        await asyncio.to_thread(door.wait_for, 9.0)
    assert [reading.power_mw for reading in door.taken if reading.power_mw != 5.0] == [900.0, 9.0]
    refusals = [vars(record)["reason"] for record in caplog.records if record.getMessage() == "telemetry refused"]
    assert [refusal.split(": ")[0] for refusal in refusals] == [
        "mara/texas/telemetry",
        "mara/oslo/telemetry",
        "mara/oslo/telemetry",
        "mara/oslo/telemetry",
        "it cannot be true",
    ]
    assert "readings.0.mode: Extra inputs are not permitted" in refusals[2]
    assert "hunter2" not in caplog.text


async def first_heard(broker_port: int, door: Door) -> None:
    """Publish until somebody has subscribed."""
    async with asyncio.timeout(PATIENCE_S):
        while not door.taken:
            await published(broker_port, ("mara/oslo/telemetry", message_of(5.0)))
            await asyncio.sleep(0.02)


async def test_a_message_that_could_not_be_stored_is_stored_later(
    broker_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "STORE_WAIT_S", 0.01)
    with listening(broker_port, "store") as door:
        await first_heard(broker_port, door)
        door.failures = 2
        await published(broker_port, ("mara/oslo/telemetry", message_of(11.0)))
        await asyncio.to_thread(door.wait_for, 11.0)


def test_a_broker_that_is_not_there_is_a_failed_delivery_without_its_address() -> None:
    pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")
    outlet = MqttOutlet(broker_of(f"mqtt://user:hunter2@127.0.0.1:{free_port()}", "it"))
    reason = outlet.deliver(document_at(3))
    assert reason.startswith("the broker cannot be reached")
    assert "hunter2" not in reason


@pytest.mark.parametrize("url", ["http://127.0.0.1", "mqtt://", "mqtt://user:hunter2@:1883", "mqtt://host:port"])
def test_what_names_no_broker_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="should be mqtt://HOST") as refused:
        broker_of(url, "MARA_DISPATCH_MQTT")
    assert "hunter2" not in str(refused.value)


def test_without_the_extra_the_start_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aiomqtt", None)
    with pytest.raises(ConfigError, match=r"pip install 'mara\[mqtt\]'"):
        outlets_of(Settings(dispatch_mqtt="mqtt://127.0.0.1"), lambda: None)  # type: ignore[arg-type, return-value]
