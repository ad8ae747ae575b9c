"""Imitated Kubernetes API with a ClusterQueue of Kueue; it checks every field."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from mara.signals.executors.kueue import API
from mara.signals.imitations.serving import serving_http, untold

TOKEN: Final = "a token of the imitated cluster"  # noqa: S105  of an imitation
POLICIES: Final = {"None", "Hold", "HoldAndDrain"}
QUOTA_PATH: Final = "/spec/resourceGroups/0/flavors/0/resources/0/nominalQuota"
JSON_PATCH: Final = "application/json-patch+json"


class ImitatedCluster:
    """A cluster that admits up to a quota of GPUs.

    Args:
        told: called with each change of its queue.
        token: of the account that may change it.
    """

    def __init__(self, quota_count: int = 60, told: Callable[[str], None] | None = None, *, token: str = TOKEN) -> None:
        self.quota_count = quota_count
        self.policy = "None"
        self.version = 1
        self.fault = ""
        self.history: list[str] = []
        self.outside: list[Any] = []
        """Patches of what nobody but its owner may change, or of what it does not take."""
        self._told = told or untold
        self._token = token
        self._one_at_a_time = threading.Lock()

    @property
    def setting(self) -> str:
        """Policy and quota, as one text."""
        return f"{self.policy} {self.quota_count}"

    @setting.setter
    def setting(self, text: str) -> None:
        policy, count = text.split()
        self.policy, self.quota_count, self.version = policy, int(count), self.version + 1

    def serving(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[str]:
        """Serve the API, each call in a thread; yield the URL."""
        return serving_http(self, host, port)

    def answer(self, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, object]:
        """Obey a call; return its status, and the queue as it then is."""
        with self._one_at_a_time:
            return self._obey(path, headers, body), self._queue()

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
        if headers.get("authorization") != f"Bearer {self._token}":
            return 401
        if path != f"{API}/inference":
            return 404
        if body is None:
            return 200
        if headers.get("content-type") != JSON_PATCH:
            return 415
        return self._patched(json.loads(body))

    def _patched(self, patch: list[dict[str, Any]]) -> int:
        first, *changes = patch
        if first != {"op": "test", "path": "/metadata/resourceVersion", "value": str(self.version)}:
            return 422
        wanted = self.policy, self.quota_count
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
