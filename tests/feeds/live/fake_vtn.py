"""An imitated VTN of OpenADR 3, which refuses what the standard does not allow.

It speaks version 3.0.1: tokens by client credentials, programs, events and reports. Its faults follow a script.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

from tests.feeds.live.fakes import FakeWeb, SimulatedTime

HOST = "vtn.example"
BASE = f"https://{HOST}/openadr3/3.0.1"
CLIENT, SECRET = "mara-ven", "s3cret:of-the-ven"
PAGING = frozenset({"skip", "limit"})
QUERIES = {
    "/programs": PAGING | {"targetType", "targetValues"},
    "/events": PAGING | {"targetType", "targetValues", "programID"},
    "/reports": PAGING | {"programID", "eventID", "clientName"},
}
REPORT = {"programID", "eventID", "clientName", "reportName", "payloadDescriptors", "resources"}
STATES = {"NORMAL", "ERROR", "IDLE_NORMAL", "RUNNING_NORMAL", "RUNNING_CURTAILED", "IDLE_CURTAILED"}


@dataclass
class FakeVtn:
    """A VTN with one program.

    Attributes:
        events: by id, as the standard writes them.
        lasts_s: life of a token.
        script: answers instead of the usual one to what is asked with a token, from the front; each is used once.
        asked: method and path of each request.
    """

    now: SimulatedTime
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    lasts_s: float = 3_600.0
    script: list[httpx.Response] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    program: str = "grid-capacity"

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/openadr3/3.0.1")
        self.asked.append(f"{request.method} {path}")
        if path == "/auth/token":
            return self._token(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(token, 0.0) <= self.now.at_s:
            return problem(401, "the token is missing or has expired")
        if self.script:
            return self.script.pop(0)
        collection = "/" + path.split("/")[1]
        if collection not in QUERIES:
            return problem(404, f"no path {path}")
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        if request.method in {"POST", "PUT"} and collection == "/reports":
            return self._report(request, path, query)
        if request.method != "GET" or path != collection:
            return problem(405, "method not allowed")
        if query.keys() - QUERIES[collection]:
            return problem(400, f"unknown parameter {min(query.keys() - QUERIES[collection])}")
        skip, limit = int(query.get("skip", "0")), int(query.get("limit", "50"))
        if skip < 0 or not 0 <= limit <= 50:
            return problem(400, "limit should be 0 to 50")
        found = [one for one in self._objects(collection) if _fits(one, query)]
        return httpx.Response(200, json=found[skip : skip + limit])

    def put(self, event_id: str, kind: str, *intervals: tuple[float, str, Any], **more: Any) -> None:
        """Make or change an event: intervals are a begin [UTC seconds], a length, and a value."""
        before = self.events.get(event_id, {})
        units = {"PRICE": {"units": "KWH", "currency": "EUR"}, "GHG": {"units": "GHG"}}.get(kind, {"units": "KW"})
        described = {} if kind.startswith("ALERT_") else {"payloadDescriptors": [{"payloadType": kind, **units}]}
        self.events[event_id] = {
            "id": event_id,
            "objectType": "EVENT",
            "createdDateTime": before.get("createdDateTime", instant(self.now.at_s)),
            "modificationDateTime": instant(self.now.at_s),
            "programID": "p-1",
            "eventName": None,
            **described,
            "intervals": [
                {
                    "id": number,
                    "intervalPeriod": {"start": instant(begin_s), "duration": length, "randomizeStart": None},
                    "payloads": [{"type": kind, "values": [value]}],
                }
                for number, (begin_s, length, value) in enumerate(intervals)
            ],
            **more,
        }

    def _objects(self, collection: str) -> list[dict[str, Any]]:
        if collection == "/programs":
            others = [{"id": f"p-{n}", "programName": f"other {n}"} for n in range(2, 60)]
            return [*others, {"id": "p-1", "programName": self.program, "programLongName": None}]
        return list((self.events if collection == "/events" else self.reports).values())

    def _token(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return problem(405, "method not allowed")
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return problem(415, "the form should be application/x-www-form-urlencoded")
        form = dict(parse_qsl(request.content.decode(), strict_parsing=True))
        if form.keys() != {"grant_type", "client_id", "client_secret"} or form["grant_type"] != "client_credentials":
            return httpx.Response(400, json={"error": "invalid_request"})
        if (form["client_id"], form["client_secret"]) != (CLIENT, SECRET):
            return httpx.Response(401, json={"error": "invalid_client", "error_description": f"not {form}"})
        token = f"t0ken-{len(self.tokens)}"
        self.tokens[token] = self.now.at_s + self.lasts_s
        return httpx.Response(
            200, json={"access_token": token, "token_type": "Bearer", "expires_in": int(self.lasts_s)}
        )

    def _report(self, request: httpx.Request, path: str, query: Mapping[str, str]) -> httpx.Response:
        if request.headers.get("content-type") != "application/json":
            return problem(415, "the body should be application/json")
        report, report_id = json.loads(request.content), path.removeprefix("/reports").removeprefix("/")
        fault = "no parameters" if query else self._fault_of(report)
        if fault:
            return problem(400, fault)
        if bool(report_id) != (request.method == "PUT") or (report_id and report_id not in self.reports):
            return problem(404, "no such report")
        key = ("eventID", "clientName")
        if not report_id and any(all(one[k] == report[k] for k in key) for one in self.reports.values()):
            return problem(409, "an identical report exists")
        report_id = report_id or f"r-{len(self.reports)}"
        self.reports[report_id] = {"id": report_id, "objectType": "REPORT", **report}
        return httpx.Response(200 if request.method == "PUT" else 201, json=self.reports[report_id])

    def _fault_of(self, report: dict[str, Any]) -> str:
        """Find what the schema of a report does not allow; empty for nothing."""
        if report.keys() - REPORT or {"programID", "eventID", "clientName", "resources"} - report.keys():
            return f"fields of a report are wrong: {sorted(report)}"
        if report["programID"] != "p-1" or report["eventID"] not in self.events:
            return "no such program or event"
        for resource in report["resources"]:
            if resource.keys() != {"resourceName", "intervals"}:
                return f"fields of a resource are wrong: {sorted(resource)}"
            for interval in resource["intervals"]:
                if interval.keys() - {"id", "intervalPeriod", "payloads"} or not isinstance(interval["id"], int):
                    return f"fields of an interval are wrong: {sorted(interval)}"
                if not re.fullmatch(r"PT\d+S", interval["intervalPeriod"]["duration"]):
                    return "the duration is none"
                datetime.fromisoformat(interval["intervalPeriod"]["start"])
                for payload in interval["payloads"]:
                    [value] = payload["values"]
                    if payload["type"] == "USAGE" and not (isinstance(value, float) and value >= 0.0):
                        return "USAGE is a number from 0 on"
                    if payload["type"] == "OPERATING_STATE" and value not in STATES:
                        return f"no such state: {value}"
        return ""


class WebWithVtn(FakeWeb):
    """Imitated providers, and a VTN beside them."""

    def __init__(self, web: FakeWeb, vtn: FakeVtn) -> None:
        super().__init__(web.interfaces)
        self.vtn = vtn

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != HOST or self.is_cut:
            return super().handle_request(request)
        request.read()
        return self.vtn.answer(request)


def problem(status: int, detail: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "refused", "status": status, "detail": detail}, headers=headers)


def instant(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _fits(one: dict[str, Any], query: Mapping[str, str]) -> bool:
    return all(one.get(name) == value for name, value in query.items() if name not in PAGING)
