"""Executor for a Kubernetes cluster with Kueue, by the quota of a ClusterQueue.

It acts on admission: a lower quota admits less, a limit of zero holds the queue (`stopPolicy: Hold`). Workloads that
run are never evicted and pods never touched. Each write is a JSON Patch that first tests the version that was read.
Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
"""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.base import Capabilities, DeviceState
from mara.signals.executors.http_call import called

API: Final = "/apis/kueue.x-k8s.io/v1beta1/clusterqueues"
POLICY: Final = "stopPolicy"
QUOTA: Final = "quota"
OPEN: Final = "None"
HOLD: Final = "Hold"
WHO: Final = "the Kubernetes API"
OK: Final = 200
REFUSALS: Final = {
    401: "it does not know the token: see to token_file",
    403: "the account may not do that: give it get and patch on clusterqueues",
    404: "there is no such ClusterQueue: see to cluster_queue, and that Kueue is installed",
    409: "somebody changed it at the same moment: it is tried again",
    422: "somebody changed it at the same moment, or it does not take the value: it is tried again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The quota that is set: a resource of a flavor in a ClusterQueue."""

    queue: str
    flavor: str
    resource: str


class KueueQuota:
    """A quota of a ClusterQueue, in whole units of a resource such as GPUs.

    Args:
        token_file, ca_file: the account's token, and the certificates that are trusted; read for each call.
        unit_power_mw: IT power of a unit that is admitted.
    """

    kind = "kueue"

    def __init__(self, url: str, quota: Quota, token_file: Path, ca_file: Path | None, unit_power_mw: float) -> None:
        self._url = url.rstrip("/")
        self._quota = quota
        self._token_file = token_file
        self._ca_file = ca_file
        self._unit_power_mw = unit_power_mw

    def capabilities(self) -> Capabilities:
        quota = self._quota
        name = f"kueue://{self._url}/{quota.queue}/{quota.flavor}/{quota.resource}"
        return Capabilities(device=name, least_mw=0.0, most_mw=1e6, step_mw=self._unit_power_mw)

    def read(self) -> DeviceState:
        spec, _, resource = self._found()
        return ((POLICY, str(spec.get(POLICY, OPEN))), (QUOTA, _whole(resource.get("nominalQuota"))))

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        del pinned  # one queue is either heard or not
        own = dict(owners)
        most = own[QUOTA]
        assert isinstance(most, int)
        if limit_mw is None:
            return owners
        count = min(int(limit_mw / self._unit_power_mw + 1e-9), most)
        return ((POLICY, own[POLICY] if count else HOLD), (QUOTA, count or most))

    def apply(self, changes: DeviceState) -> None:
        _, version, resource = self._found()
        patch: list[dict[str, Any]] = [{"op": "test", "path": "/metadata/resourceVersion", "value": version}]
        for name, value in changes:
            if name == POLICY:
                patch.append({"op": "add", "path": f"/spec/{POLICY}", "value": value})  # add replaces what is there
            else:
                patch.append({"op": "replace", "path": f"{resource['path']}/nominalQuota", "value": str(value)})
        self._asked("PATCH", json.dumps(patch).encode())

    def _found(self) -> tuple[dict[str, Any], str, dict[str, Any]]:
        """Read the queue: its spec, its version, and the resource with its place."""
        queue = self._asked("GET", b"")
        try:
            spec, version = queue["spec"], str(queue["metadata"]["resourceVersion"])
            for g, group in enumerate(spec["resourceGroups"]):
                for f, flavor in enumerate(group["flavors"]):
                    for r, resource in enumerate(flavor["resources"]):
                        if (flavor["name"], resource["name"]) == (self._quota.flavor, self._quota.resource):
                            path = f"/spec/resourceGroups/{g}/flavors/{f}/resources/{r}"
                            return spec, version, {**resource, "path": path}
        except (KeyError, TypeError) as error:
            raise DeviceError(f"{WHO} should answer with a ClusterQueue, something else came") from error
        raise DeviceError(
            f"the ClusterQueue {self._quota.queue} has no {self._quota.resource} of flavor {self._quota.flavor}:"
            " correct flavor and resource"
        )

    def _asked(self, method: str, body: bytes) -> dict[str, Any]:
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
            trust = True if self._ca_file is None else ssl.create_default_context(cafile=str(self._ca_file))
        except (OSError, UnicodeDecodeError) as error:
            raise DeviceError(f"token_file or ca_file cannot be read ({type(error).__name__}): correct it") from error
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        if body:
            headers["content-type"] = "application/json-patch+json"
        status, content = called(WHO, method, f"{self._url}{API}/{self._quota.queue}", headers, body, trust)
        if status != OK:
            raise DeviceError(f"{WHO} refused ({status}): {REFUSALS.get(status, 'see its log')}")
        try:
            said: Any = json.loads(content)
        except ValueError as error:
            raise DeviceError(f"{WHO} should answer JSON, something else came: see that the URL is right") from error
        return said if isinstance(said, dict) else {}


def _whole(quantity: object) -> int:
    """Read a quantity of whole units.

    Raises:
        DeviceError: it is none.
    """
    text = str(quantity)
    if not text.isdigit():
        raise DeviceError(f"a quota of whole units was expected, {text[:30]!r} came: choose a resource that is counted")
    return int(text)
