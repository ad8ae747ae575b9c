"""Server-sent events: each new snapshot once, also for clients that reconnect."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from mara.api.routes.reads import reading_routes
from mara.api.routes.stream import MAX_STREAMS, SNAPSHOT_JSON, EventStream
from mara.runtime.published_state import StatePublisher
from tests.api.conftest import FIRST_TICKS, PATIENCE_S
from tests.ui.snapshots import snapshot_at


async def next_event(events: AsyncIterator[bytes]) -> tuple[str, dict[str, object]]:
    async for text in events:
        fields = dict(line.split(": ", 1) for line in text.decode().strip().splitlines() if ": " in line)
        if "data" in fields:
            return fields.get("id", ""), json.loads(fields["data"])
    raise AssertionError("the stream ended")


async def test_a_new_listener_gets_the_newest_and_then_each_next() -> None:
    publisher = StatePublisher()
    publisher.publish(snapshot_at(7))
    events = EventStream(publisher).events(None)
    assert (await next_event(events))[0] == "7"
    publisher.publish(snapshot_at(8))
    assert (await next_event(events))[0] == "8"


async def test_whoever_comes_back_gets_what_came_meanwhile() -> None:
    publisher = StatePublisher()
    stream = EventStream(publisher)
    first = stream.events(None)
    publisher.publish(snapshot_at(1))
    await next_event(first)
    await first.aclose()  # type: ignore[attr-defined]
    for tick in (2, 3):
        publisher.publish(snapshot_at(tick))
        stream.look()
    back = stream.events(1)
    assert [(await next_event(back))[0] for _ in range(2)] == ["2", "3"]


async def test_whoever_was_away_for_too_long_is_told_what_is_missing() -> None:
    publisher = StatePublisher()
    stream = EventStream(publisher)
    publisher.publish(snapshot_at(500))
    events = stream.events(3)
    assert await next_event(events) == ("", {"from_tick": 4, "to_tick": 500})
    assert (await next_event(events))[0] == "500"


async def test_what_is_kept_of_a_large_fleet_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    size_bytes = len(SNAPSHOT_JSON.dump_json(snapshot_at(9)))
    monkeypatch.setattr("mara.api.routes.stream.MAX_KEPT_BYTES", 3 * size_bytes)
    publisher = StatePublisher()
    stream = EventStream(publisher)
    for tick in range(5, 10):
        publisher.publish(snapshot_at(tick))
        stream.look()
    assert stream.kept_ticks in ((7, 8, 9), (8, 9))
    assert stream.kept_bytes <= 3 * size_bytes


async def test_a_change_of_state_alone_is_no_new_snapshot() -> None:
    publisher = StatePublisher()
    stream = EventStream(publisher)
    publisher.publish(snapshot_at(1))
    stream.look()
    publisher.set_speed(5.0)
    stream.look()
    assert stream.kept_ticks == (1,)


async def test_a_stream_ends_when_the_server_does() -> None:
    publisher, ending = StatePublisher(), False
    publisher.publish(snapshot_at(1))
    events = EventStream(publisher, lambda: ending).events(None)
    await next_event(events)
    ending = True
    async with asyncio.timeout(5.0):
        assert [text async for text in events] == []


async def test_a_stream_ends_with_the_session_that_opened_it() -> None:
    publisher, is_known = StatePublisher(), True
    publisher.publish(snapshot_at(1))

    async def known() -> bool:
        return is_known

    events = EventStream(publisher).events(None, known)
    await next_event(events)
    is_known = False
    publisher.publish(snapshot_at(2))
    async with asyncio.timeout(5.0):
        assert [text async for text in events] == []


async def test_whoever_waited_for_the_first_snapshot_missed_none() -> None:
    publisher = StatePublisher()
    stream = EventStream(publisher)
    events = stream.events(None)
    assert (await anext(events)).startswith(b"retry")
    waiting = asyncio.create_task(next_event(events))
    await asyncio.sleep(0)
    publisher.publish(snapshot_at(500))
    stream.look()
    assert (await waiting)[0] == "500", "and no gap before it"


def over_a_socket(address: str, count: int, **headers: str) -> list[int]:
    """Read the ids of the first events of a stream, and drop the connection."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
    connection.request("GET", "/api/events", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    seen: list[int] = []
    while len(seen) < count:
        line = answer.readline()
        assert line, "the stream ended"
        if line.startswith(b"id: "):
            seen.append(int(line[4:]))
    connection.close()
    return seen


def stepped(address: str, ticks: int) -> None:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
    body = json.dumps({"action": "step", "ticks": ticks})
    connection.request("POST", "/api/control", body, {"content-type": "application/json"})
    assert connection.getresponse().status < 300
    connection.close()


def test_whoever_comes_back_over_a_real_socket_goes_on_where_they_were(address: str) -> None:
    last = -1
    while last < FIRST_TICKS - 1:
        (last,) = over_a_socket(address, 1)
    for _ in range(2):
        stepped(address, 1)
        over_a_socket(address, 1, **{"Last-Event-ID": str(last)})
        last += 1
    assert over_a_socket(address, 2, **{"Last-Event-ID": str(last - 2)}) == [last - 1, last]


def test_a_page_of_another_site_gets_no_stream(address: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
        connection.request("GET", "/api/events", headers=headers)
        assert connection.getresponse().status in {403, 421}
        connection.close()


async def test_of_many_who_come_at_once_no_more_are_let_in_than_there_are_places() -> None:
    stream = EventStream(StatePublisher())
    app = FastAPI()
    app.include_router(reading_routes(SimpleNamespace(publisher=StatePublisher()), stream))
    let_in: list[int] = []
    all_answered = asyncio.Event()

    async def receive() -> Message:
        await all_answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            let_in.append(message["status"])
            if len(let_in) == 4 * MAX_STREAMS:
                all_answered.set()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(app(scope_of("/api/events"), receive, send) for _ in range(4 * MAX_STREAMS)))
    assert (let_in.count(200), let_in.count(503)) == (MAX_STREAMS, 3 * MAX_STREAMS)
    assert stream.places.held_count == 0, "every place was given back"


def scope_of(path: str) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "root_path": "",
        "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }
