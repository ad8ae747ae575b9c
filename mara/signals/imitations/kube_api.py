"""Imitated Kubernetes API with a ClusterQueue of Kueue; it checks every field."""

import copy
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from mara.signals.executors.kueue import API
from mara.signals.imitations.serving import DROP_S, untold

TOKEN: Final = "a token of the imitated cluster"  # noqa: S105  of an imitation
POLICIES: Final = {"None", "Hold", "HoldAndDrain"}
QUOTA_PATH: Final = "/spec/resourceGroups/0/flavors/0/resources/0/nominalQuota"
JSON_PATCH: Final = "application/json-patch+json"


class ImitatedCluster:
    """A cluster that admits up to a quota of GPUs.

    Args:
        told: called with each change of its queue.
    """

    def __init__(self, quota_count: int = 60, told: Callable[[str], None] | None = None) -> None:
        self.quota_count = quota_count
        self.policy = "None"
        self.version = 1
        self.fault = ""
        self.history: list[str] = []
        self.outside: list[Any] = []
        """Patches of what nobody but its owner may change, or of what it does not take."""
        self._told = told or untold
        self._is_over = threading.Event()
        self._one_at_a_time = threading.Lock()

    @property
    def setting(self) -> str:
        """Policy and quota, as one text."""
        return f"{self.policy} {self.quota_count}"

    @setting.setter
    def setting(self, text: str) -> None:
        policy, count = text.split()
        self.policy, self.quota_count, self.version = policy, int(count), self.version + 1

    @contextmanager
    def serving(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve the API, each call in a thread; yield the URL."""
        cluster = self

        class QueueCall(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.respond(None)

            def do_PATCH(self) -> None:
                self.respond(self.rfile.read(int(self.headers["content-length"])))

            def respond(self, body: bytes | None) -> None:
                if cluster.fault == "silent":
                    cluster._is_over.wait(60.0)
                    return
                with cluster._one_at_a_time:
                    status = cluster._obey(self.path, dict(self.headers.items()), body)
                    said = json.dumps(cluster._queue()).encode()
                if cluster.fault == "reboot" and body:
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                step = 1 if cluster.fault == "slow" else len(said)
                for at in range(0, len(said), step):
                    self.wfile.write(said[at : at + step])
                    cluster._is_over.wait(DROP_S if step == 1 else 0.0)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        class ApiServer(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: Any) -> None:
                """Say nothing of those who have gone."""

        with ApiServer((host, port), QueueCall) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            yield f"http://{host}:{server.server_port}"
            self._is_over.set()
            server.shutdown()
            thread.join()
            self._is_over.clear()

    def _queue(self) -> dict[str, Any]:
        resources = [{"name": "nvidia.com/gpu", "nominalQuota": str(self.quota_count)}]
        groups = [{"coveredResources": ["nvidia.com/gpu"], "flavors": [{"name": "h100", "resources": resources}]}]
        return {
            "apiVersion": "kueue.x-k8s.io/v1beta1",
            "kind": "ClusterQueue",
            "metadata": {"name": "inference", "resourceVersion": str(self.version)},
            "spec": {"queueingStrategy": "BestEffortFIFO", "stopPolicy": self.policy, "resourceGroups": groups},
        }

    def _obey(self, path: str, headers: dict[str, str], body: bytes | None) -> int:
        sent = {name.lower(): value for name, value in headers.items()}
        if sent.get("authorization") != f"Bearer {TOKEN}":
            return 401
        if path != f"{API}/inference":
            return 404
        if body is None:
            return 200
        if sent.get("content-type") != JSON_PATCH:
            return 415
        return self._patched(json.loads(body))

    def _patched(self, patch: list[dict[str, Any]]) -> int:
        first, *changes = patch
        if first != {"op": "test", "path": "/metadata/resourceVersion", "value": str(self.version)}:
            return 422
        wanted = copy.copy((self.policy, self.quota_count))
        for change in changes:
            match change:
                case {"op": "add", "path": "/spec/stopPolicy", "value": str(policy), **rest}:
                    is_taken = policy in POLICIES and not rest
                    wanted = policy, wanted[1]
                case {"op": "replace", "path": path, "value": str(count), **rest}:
                    is_taken = path == QUOTA_PATH and count.isdigit() and not rest
                    wanted = wanted[0], int(count) if count.isdigit() else 0
                case _:
                    is_taken = False
            if not is_taken:
                self.outside.append(change)
                return 422
        if self.fault == "refuse":
            return 403
        if self.fault != "ignore":
            self.policy, self.quota_count = wanted
            self.version += 1
            self.history.append(self.setting)
            self._told(f"stopPolicy {self.policy}, quota {self.quota_count}")
        return 200
