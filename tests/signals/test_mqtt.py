"""Targets over MQTT: retained, a message a site, on a real broker."""

import asyncio
import json
import socket
from typing import Any

import pytest

from mara.assembly.signals import outlets_of
from mara.errors import ConfigError
from mara.settings import Settings
from mara.signals.document_json import site_bytes
from mara.signals.outlets.mqtt import MqttOutlet, client_options
from tests.signals.documents import RUN, document_at

PATIENCE_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.filterwarnings("ignore")  # of the broker's own dependencies
async def test_each_site_has_its_newest_targets_as_a_retained_message() -> None:
    pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")
    broker_module: Any = pytest.importorskip("amqtt.broker", reason="no MQTT broker for tests: pip install amqtt")
    from aiomqtt import Client

    port = free_port()
    listener = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = broker_module.Broker({"listeners": listener, "plugins": plugins})
    await broker.start()
    try:
        outlet = MqttOutlet(client_options(f"mqtt://127.0.0.1:{port}"))
        for tick in (3, 4):
            assert await asyncio.to_thread(outlet.deliver, document_at(tick)) == ""
        document, kept = document_at(4), {}
        async with asyncio.timeout(PATIENCE_S), Client("127.0.0.1", port) as late_comer:
            await late_comer.subscribe(f"mara/{RUN}/+/dispatch", qos=1)
            async for message in late_comer.messages:
                assert message.retain
                kept[str(message.topic)] = message.payload
                if len(kept) == len(document.sites):
                    break
        assert kept == {f"mara/{RUN}/{s.site_id}/dispatch": site_bytes(document, s) for s in document.sites}
        assert {json.loads(payload)["tick"] for payload in kept.values()} == {4}
    finally:
        await broker.shutdown()


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
