"""An OpenADR 3 server (VTN) over HTTP: its program, its events, reports to it."""

import json
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from mara.errors import FeedUnavailable
from mara.feeds.live.asking import Answer, Ask, Asker
from mara.feeds.live.declaration import Access, Pass, Provider
from mara.feeds.live.openadr.documents import AdrEvent, MadeReport, Program
from mara.feeds.live.providers.openadr import PRICE_EVENTS
from mara.feeds.live.sources import safe_address
from mara.feeds.markets.building.spec import OpenAdrTable

PROVIDER: Final = "openadr"
"""Name in MARA_FEED_KEYS."""
PAGE: Final = 50
"""Objects of one answer, the most that the standard allows."""
MOST_PAGES: Final = 40
UNAUTHORISED: Final = 401
LONGEST_TOKEN_S: Final = 86_400.0
T = TypeVar("T")
_PROGRAMS: Final = TypeAdapter(tuple[Program, ...])
_EVENTS: Final = TypeAdapter(tuple[AdrEvent, ...])
_REPORT: Final = TypeAdapter(MadeReport)
_REPORTS: Final = TypeAdapter(tuple[MadeReport, ...])


class VtnError(FeedUnavailable):
    """An OpenADR server (VTN) gave no answer that can be used; says why.

    Attributes:
        wait_s: time for which the VTN said not to ask again; 0 where it said nothing.
    """

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.wait_s = 0.0 if answer is None else answer.wait_s
        self.status = 0 if answer is None else answer.status


@dataclass(slots=True, kw_only=True)
class Vtn:
    """Interface of an OpenADR server (VTN), asked with a token that is kept fresh."""

    table: OpenAdrTable
    asker: Asker
    _provider: Provider = field(init=False)

    def __post_init__(self) -> None:
        base = safe_address(self.table.url, PROVIDER)
        login = base + "/auth/token" if self.table.token_url is None else safe_address(self.table.token_url, PROVIDER)
        access = Access(
            by=Pass.CLIENT_LOGIN,
            login=login,
            token="access_token",  # noqa: S106  a field's name
            lasts_s=LONGEST_TOKEN_S,
            form=(("grant_type", "client_credentials"),),
        )
        self._provider = Provider(
            id=PROVIDER,
            publisher=self.host,
            base=base,
            path="",
            quantity=PRICE_EVENTS.quantity,
            layouts=(PRICE_EVENTS,),
            access=access,
        )

    @property
    def host(self) -> str:
        """Name of the server."""
        return urlsplit(self.table.url).hostname or ""

    def program(self) -> Program:
        """Find the program of the SPEC by its name.

        Raises:
            VtnError: no answer, or no such program.
        """
        found = self._pages("/programs", {}, _PROGRAMS)
        named = [program for program in found if program.program_name == self.table.program]
        if len(named) != 1:
            known = ", ".join(sorted(program.program_name for program in found)[:20]) or "none"
            raise VtnError(f"{self.host} should have one program {self.table.program!r}, has {known}: correct the SPEC")
        return named[0]

    def events(self, program: Program) -> tuple[AdrEvent, ...]:
        """Read all events of a program.

        Raises:
            VtnError: no answer that is whole and readable.
        """
        return self._pages("/events", {"programID": program.id}, _EVENTS)

    def report_id(self, event: AdrEvent, ven_name: str) -> str:
        """Find the report that this client has sent about an event; empty for none.

        Raises:
            VtnError: no answer.
        """
        query = {"programID": event.program_id, "eventID": event.id, "clientName": ven_name}
        found = self._pages("/reports", query, _REPORTS)
        return found[0].id if found else ""

    def report(self, document: dict[str, Any], report_id: str) -> str:
        """Send a report, anew or in the place of an earlier one; return its id.

        Raises:
            VtnError: it was not taken.
        """
        path = f"/reports/{report_id}" if report_id else "/reports"
        body = json.dumps(document, separators=(",", ":"), allow_nan=False)
        content = self._asked(path, {}, body=body, method="PUT" if report_id else "POST")
        return _read(_REPORT, content, path).id

    def _pages(self, path: str, query: dict[str, str], kind: TypeAdapter[tuple[T, ...]]) -> tuple[T, ...]:
        found: list[T] = []
        for page in range(MOST_PAGES):
            more = _read(kind, self._asked(path, {**query, "skip": str(page * PAGE), "limit": str(PAGE)}), path)
            found += more
            if len(more) < PAGE:
                return tuple(found)
        raise VtnError(f"{path} should give at most {MOST_PAGES * PAGE} objects, gives more: end old events")

    def _asked(self, path: str, query: dict[str, str], *, body: str = "", method: str = "") -> bytes:
        ask = Ask(
            url=self._provider.base + path,
            query=tuple(query.items()),
            body=body,
            file_name="answer.json",
            method=method,
        )
        answer = self.asker.ask(self._provider, ask)
        if answer.status == UNAUTHORISED:  # the token has expired before its time: once more with a new one
            answer = self.asker.ask(self._provider, ask)
        if answer.content is None:
            raise VtnError(f"{path}: {answer.reason}", answer)
        return answer.content


def _read(kind: TypeAdapter[T], content: bytes, path: str) -> T:
    """Read an answer as a document of the standard.

    Raises:
        VtnError: it is none.
    """
    try:
        return kind.validate_json(content)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise VtnError(
            f"{path} should be answered as OpenADR 3 says, is not: {place or 'the answer'} {detail['msg'].lower()}"
        ) from error
