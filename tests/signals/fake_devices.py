"""Imitated devices on loopback that refuse what real ones refuse, with faults."""

import hashlib
import hmac
import http.server
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SECRET = "a secret of the two of us"


@contextmanager
def serving(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve connections on loopback, each in a thread; yield the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class FakeLuxos:
    """A miner with LuxOS: one command a connection, and one session at a time.

    Only the session's holder may `curtail`. `fault` is one of silent, refuse, ignore (says yes and does nothing), or
    empty.
    """

    def __init__(self) -> None:
        self.mode = "None"
        self.fault = ""
        self.session = ""
        self.commands: list[str] = []
        self.sessions_count = 0
        self._one_at_a_time = threading.Lock()

    def answer(self, connection: socket.socket) -> None:
        asked = b""
        while part := connection.recv(65_536):
            asked += part
            try:
                command = json.loads(asked)
                break
            except ValueError:
                continue
        else:
            return
        if self.fault == "silent":
            return
        with self._one_at_a_time:
            connection.sendall(json.dumps(self._obey(command)).encode() + b"\x00")

    def _obey(self, asked: dict[str, Any]) -> dict[str, Any]:
        command, parameter = asked["command"], asked.get("parameter", "")
        self.commands.append(command)
        if set(asked) - {"command", "parameter"} or self.fault == "refuse":
            return _status("E", "Invalid command")
        match command:
            case "config":
                return {**_status("S", "config"), "CONFIG": [{"CurtailMode": self.mode, "Hostname": "luxminer"}]}
            case "logon" if self.session:
                return _status("E", "Another session is active")
            case "logon":
                self.sessions_count += 1
                self.session = f"s{self.sessions_count}"
                return {**_status("S", "Session created"), "SESSION": [{"SessionID": self.session}]}
            case "logoff" if parameter == self.session:
                self.session = ""
                return _status("S", "Session terminated")
            case "curtail":
                session, _, wanted = parameter.partition(",")
                if session != self.session or not session:
                    return _status("E", "Invalid session id")
                if wanted not in {"sleep", "wakeup"}:
                    return _status("E", "Invalid parameter")
                if self.fault != "ignore":
                    self.mode = "Sleep" if wanted == "sleep" else "None"
                return _status("S", f"Curtail {wanted}")
        return _status("E", "Unknown command or wrong session")


def _status(kind: str, message: str) -> dict[str, Any]:
    return {"STATUS": [{"STATUS": kind, "Msg": message}], "id": 1}


class FakeController:
    """A Modbus controller: unit 1, and one holding register with bounds.

    It has functions 3 and 6, and nothing else.
    """

    def __init__(self, value: int = 0xFFFF, register: int = 100, most: int = 60) -> None:
        self.value = value
        self.register = register
        self.most = most
        self.fault = ""
        self.written: list[int] = []

    def answer(self, connection: socket.socket) -> None:
        while len(head := connection.recv(7)) == 7:
            transaction, _, length, unit = struct.unpack(">HHHB", head)
            pdu = connection.recv(length - 1)
            if self.fault == "silent" or unit != 1:
                continue
            said = self._obey(pdu)
            connection.sendall(struct.pack(">HHHB", transaction, 0, len(said) + 1, unit) + said)

    def _obey(self, pdu: bytes) -> bytes:
        function, address, value = struct.unpack(">BHH", pdu)
        if function not in {3, 6}:
            return bytes((function | 0x80, 1))
        if address != self.register or (function == 3 and value != 1):
            return bytes((function | 0x80, 2))
        if function == 3:
            return struct.pack(">BBH", 3, 2, self.value)
        if (value > self.most and value != 0xFFFF) or self.fault == "refuse":
            return bytes((0x86, 3))
        self.written.append(value)
        if self.fault != "ignore":
            self.value = value
        return pdu


class FakeService:
    """A site owner's web service: signed requests, a limit within bounds."""

    def __init__(self, most_mw: float = 60.0) -> None:
        self.limit_mw: float | None = None
        self.most_mw = most_mw
        self.written: list[float | None] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.respond(b"")

            def do_PUT(self) -> None:
                self.respond(self.rfile.read(int(self.headers["content-length"])))

            def respond(self, body: bytes) -> None:
                signed = self.headers["x-mara-timestamp"].encode() + b"." + body
                expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
                status = 200 if hmac.compare_digest(expected, self.headers["x-mara-signature"]) else 401
                if status == 200 and body:
                    status = service.put(json.loads(body))
                said = json.dumps({"limit_mw": service.limit_mw}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/limit"
            server.shutdown()

    def put(self, asked: dict[str, Any]) -> int:
        limit = asked["limit_mw"]
        if set(asked) != {"limit_mw"} or (limit is not None and not 0.0 <= limit <= self.most_mw):
            return 422
        self.limit_mw = limit
        self.written.append(limit)
        return 200
