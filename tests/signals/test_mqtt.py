"""Targets over MQTT: one retained message a site, on a real broker."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mara.assembly.signals import outlets_of
from mara.errors import ConfigError
from mara.settings import Settings
from mara.signals.document_json import site_bytes
from mara.signals.outlets.mqtt import MqttOutlet, client_options
from tests.signals.documents import RUN, document_at

PATIENCE_S = 10.0
BROKER = Path(__file__).parents[2] / ".venv" / "mqtt-broker"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def broker_port(tmp_path: Path) -> AsyncIterator[int]:
    """Start an MQTT broker in a process of its own; yield the port."""
    if not (BROKER / "amqtt").is_dir():
        pytest.skip("no MQTT broker for tests: bash .ci/mqtt installs one")
    port = free_port()
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    settings = tmp_path / "broker.yaml"
    settings.write_text(json.dumps({"listeners": listeners, "plugins": plugins}))  # JSON is YAML
    broker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "amqtt.scripts.broker_script",
        "-c",
        str(settings),
        env={**os.environ, "PYTHONPATH": str(BROKER)},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await is_listening(port):  # noqa: ASYNC110 another program tells nobody when it listens
                await asyncio.sleep(0.05)
        yield port
    finally:
        broker.kill()
        await broker.wait()


async def is_listening(port: int) -> bool:
    """Try to connect to a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_each_site_has_its_newest_targets_as_a_retained_message(broker_port: int) -> None:
    aiomqtt = pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")

    outlet = MqttOutlet(client_options(f"mqtt://127.0.0.1:{broker_port}"))
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


def test_a_broker_that_is_not_there_is_a_failed_delivery_without_its_address() -> None:
    pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")
    outlet = MqttOutlet(client_options(f"mqtt://user:hunter2@127.0.0.1:{free_port()}"))
    reason = outlet.deliver(document_at(3))
    assert reason.startswith("the broker cannot be reached")
    assert "hunter2" not in reason


@pytest.mark.parametrize("url", ["http://127.0.0.1", "mqtt://", "mqtt://user:hunter2@:1883", "mqtt://host:port"])
def test_what_names_no_broker_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="should be mqtt://HOST") as refused:
        client_options(url)
    assert "hunter2" not in str(refused.value)


def test_without_the_extra_the_start_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aiomqtt", None)
    with pytest.raises(ConfigError, match=r"pip install 'mara\[mqtt\]'"):
        outlets_of(Settings(dispatch_mqtt="mqtt://127.0.0.1"), lambda: None)  # type: ignore[arg-type, return-value]
