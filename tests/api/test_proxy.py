"""The client's address behind a proxy is the one that the proxy itself added."""

import pytest
from starlette.types import Receive, Scope, Send

from mara.api.gateway.proxy import BehindProxy
from mara.api.security.rate_limit import Limits, network_of
from mara.runtime.clock import SystemClock


async def seen(*forwarded: str, kind: str = "http") -> tuple[str, str]:
    """Return the client's address and the scheme that the app sees."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def receive() -> dict[str, object]:
        raise AssertionError("nothing is read")

    async def send(message: object) -> None:
        raise AssertionError("nothing is sent")

    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    scheme = "http" if kind == "http" else "ws"
    scope = {"type": kind, "scheme": scheme, "client": ("10.0.0.1", 5), "headers": headers}
    await BehindProxy(app)(scope, receive, send)
    return found[0]["client"][0], found[0]["scheme"]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (("203.0.113.9",), "203.0.113.9"),
        (("1.1.1.1, 203.0.113.9",), "203.0.113.9"),
        (("1.1.1.1", "2.2.2.2, 203.0.113.9"), "203.0.113.9"),
        (("203.0.113.9:4711",), "203.0.113.9"),
        (("[2001:db8::1]:4711",), "2001:db8::1"),
        (("2001:db8::1",), "2001:db8::1"),
        (("1.1.1.1, unknown",), "10.0.0.1"),
        (("<script>",), "10.0.0.1"),
        ((), "10.0.0.1"),
    ],
)
async def test_the_last_address_is_the_proxys_word_and_the_rest_the_clients(
    forwarded: tuple[str, ...], address: str
) -> None:
    assert await seen(*forwarded) == (address, "https")


async def test_a_websocket_behind_the_proxy_is_a_secure_one() -> None:
    assert (await seen("203.0.113.9", kind="websocket"))[1] == "wss"


def test_addresses_of_one_ipv6_network_share_their_attempts() -> None:
    limits = Limits(1, SystemClock())
    assert limits.wait_s(network_of("2001:db8::1")) == 0.0
    assert limits.wait_s(network_of("2001:db8::2")) > 0.0
    assert limits.wait_s(network_of("2001:db8:0:1::1")) == 0.0
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
