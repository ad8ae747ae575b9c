"""Every control of every page, used by a viewer, changes nothing.

Controls are found, not listed: all elements of all pages with their listeners. A new one is tried too, and fails
until this file says what a browser sends with it.
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nicegui import Client

from mara.api.security.authenticator import CALLER, LOCAL, SCOPE_KEY, Identity
from mara.api.security.permissions import RIGHTS, Permission
from mara.core.quote import QuoteRequest
from mara.errors import CommandError
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.store.access.users import ROLES
from pages.frame import PAGES as IN_NAVIGATION
from pages.serving import publisher
from tests.assembly.imports.desks import draft
from tests.ui.conftest import UNDO_S, Screen, element_of
from tests.ui.platform import FakePlatform
from tests.ui.quotes import quote_for
from tests.ui.test_backtest_page import ENTERED, pairs_of, refusal_on
from tests.ui.test_reasoning import READY

PAGES = (*(path for path, _ in IN_NAVIGATION), "/calendar", "/what-if", "/sites/oslo")
DESK_CALLS = {"files", "inspect", "spec_of", "build", "cancel", "remove_file", "delete_history", "restore"}
"""Calls of the import desk that need a right.

Those that only read need it too, because they read files of the server.
"""
DRAFT = draft()
ABOUT_ALERTS = {"acknowledge", "reopen", "silence", "unsilence"}
READS = {"series", "announced_limits", "warnings", "start", "stop", "latest", "archive", "advisor"}
"""Reading members of the engine; every other one changes something."""
CHANGES = {name for name in vars(publisher.PlatformView) if not name.startswith("_")} - READS
SENT: dict[str, Any] = {
    "orderSpeed": 3_600,
    "click": {},
    "showContract": {"id": "c003"},
    "showInside": {"key": "1"},
    "showEvidence": {},
    "askWhatIf": {"price": "5"},
    "askWhy": {"text": "Why was Texas off?"},
    "orderAnswer": {"text": "Why was Texas off?"},
    "orderAdvice": {},
    "orderQuote": {"tier": "premium", "power": "5", "hours": "48", "number": 3},
    "orderBook": {"id": "q-0001", "customer": "Acme"},
    "orderCancel": {},
    "orderExclude": {"kind": "grid order", "begins": "2025-07-03 14:00", "hours": "1", "reason": "limit"},
    "orderRetract": {"site": "oslo", "contract": "", "begins": "2025-07-05T14:00:00+00:00"},
    "orderPropose": {"zone": "utc"},
    "orderLook": {"begins": "2025-07-06T14:00", "ends": "2025-07-06T15:00", "reason": "cooling"},
    "orderAnnounce": {"begins": "2025-07-06T14:00", "ends": "2025-07-06T15:00", "reason": "cooling"},
    "askLedger": {"site": "oslo", "line": "", "from": "2025-07-01", "to": "2025-07-02"},
    "orderDown": {"sites": ["oslo"], "minutes": 60},
    "orderRestore": {"sites": ["oslo"]},
    "submit": pairs_of(
        {**ENTERED, "seed": "1", "scenarios": "2", "days": "1", "workers": "1", "site": "oslo", "mode": "shadow"}
    ),
    "change": [["history", "four_markets_2023"]],
    "orderUndo": {"key": "1"},
    "showAlerts": {"since": "2025-07-01T10:00", "until": ""},
    "orderAcknowledge": {"numbers": [1]},
    "orderReopen": {"numbers": [1]},
    "orderSilence": {"numbers": [1], "until": "2025-07-02T14:00Z"},
    "orderUnsilence": {"numbers": [1]},
    "askFiles": {},
    "askReports": {"files": ["a.csv"], "layouts": {}},
    "askMore": {"files": ["a.csv"], "layouts": {}, "own": {}, "find": "", "skip": 0},
    "orderReadingEnd": {},
    "askSpec": {"draft": DRAFT},
    "orderBuild": {"name": "north", "draft": DRAFT, "from": "", "to": "", "fill": "none"},
    "orderBuildEnd": {},
    "orderRemoveFile": {"name": "uploads/a.csv"},
    "orderRunBuilt": {"name": "four_markets_2023"},
    "orderRunHistory": {"name": "four_markets_2023"},
    "orderDeleteHistory": {"name": "north"},
    "orderRestoreHistory": {"entry": "1-0"},
}
"""Arguments that a browser sends with each event that the server listens to."""
OF_NICEGUI = {"sub_pages_open", "sub_pages_navigate", "update:modelValue"}
"""Events that NiceGUI's own elements listen to."""
FIRST = ("showContract",)
"""Events to send first, because they open the subject of later ones."""


class Watched(FakePlatform):
    """Records the changing calls that reach the engine, the job runner and the server."""

    def __init__(self) -> None:
        super().__init__()
        self.reached: list[str] = []
        self.advisor = cast(AdvisorScheduler, SimpleNamespace(state=READY, converse=self._note("explained")))
        self.publisher.tell(READY)
        self.quotes["q-0001"] = quote_for(QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0), self.tick + 1)
        for name in CHANGES:
            setattr(self, name, self._noted(name, getattr(self, name)))
        for name in ABOUT_ALERTS:
            setattr(self.alerts, name, self._noted(name, getattr(self.alerts, name)))

    def _note(self, name: str) -> Any:
        def note(*_: object, **__: object) -> None:
            self.reached.append(name)
            raise CommandError("noted")

        return note

    def _desk_note(self, name: str) -> Any:
        async def note(*_: object) -> Any:
            self.reached.append(f"desk {name}")
            return []

        return note

    def _noted(self, name: str, call: Any) -> Any:
        def noted(*given: Any, **named: Any) -> Any:
            if not named.get("only_look"):
                self.reached.append(name)
            return call(*given, **named)

        return noted


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakePlatform:
    monkeypatch.setitem(SENT, "submit", [*SENT["submit"], ["history", str(tmp_path)]])
    monkeypatch.setenv("MARA_DATA_FOLDERS", str(tmp_path))
    return Watched()


@pytest.fixture
def reached(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The changing calls that were carried out, whatever their result."""
    watched = cast(Watched, screen.platform)
    workbench = type(screen.desk._jobs)  # of this screen: its modules are loaded anew
    monkeypatch.setattr(workbench, "start", lambda self, task: watched.reached.append("start_work"))
    monkeypatch.setattr(workbench, "cancel", lambda self: watched.reached.append("end_work"))
    for name in DESK_CALLS:
        monkeypatch.setattr(screen.desk._desk, name, watched._desk_note(name))
    screen.desk.begin_anew = lambda: watched.reached.append("new_run")
    return watched.reached


def act(role: str) -> None:
    """Send further messages of this test as a user in that role."""
    CALLER.set({"type": "websocket", "headers": [], SCOPE_KEY: Identity(name="vic", role=role)})


def listeners_of(client: Client) -> list[tuple[int, str, str]]:
    """Element, listener and type of all events that a page can send to the server.

    Types in `FIRST` come first.
    """
    found = [
        (element.id, listener.id, listener.type)
        for element in client.elements.values()
        for listener in element._event_listeners.values()
        if listener.handler is not None and listener.type not in OF_NICEGUI
    ]
    return sorted(found, key=lambda one: one[2] not in FIRST)


async def try_everything(screen: Screen) -> None:
    """Send every event of every page, as a websocket would."""
    for path in PAGES:
        client = await screen.open(path)
        for element, listener, kind in listeners_of(client):
            assert kind in SENT, f"{path}: say in SENT what a browser sends with {kind!r}"
            message = {"id": element, "client_id": client.id, "listener_id": listener}
            client.handle_event({**message, "args": [json.dumps(SENT[kind])]})
            await asyncio.sleep(0.004)
    await asyncio.sleep(1.5 * UNDO_S)


async def test_whoever_may_only_look_changes_nothing_by_any_control_of_any_page(
    screen: Screen, reached: list[str]
) -> None:
    """The pages were served to an admin; the messages come from a viewer."""
    act("viewer")
    await try_everything(screen)
    assert reached == []


async def test_an_operator_reaches_every_changing_call_by_some_control(screen: Screen, reached: list[str]) -> None:
    """It shows that the test above really tries every changing call."""
    act("operator")
    await try_everything(screen)
    expected = (
        CHANGES
        | ABOUT_ALERTS
        | {"start_work", "end_work", "new_run", "explained"}
        | {f"desk {name}" for name in DESK_CALLS}
    )
    assert set(reached) == expected


async def test_controls_that_a_role_may_not_use_are_absent_or_say_why(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = sys.modules["pages.serving.current_user"]
    monkeypatch.setattr(users, "page_user", lambda: Identity(name="vic", role="viewer"))
    screen.desk.begin_anew = lambda: None
    for path in PAGES:
        client = await screen.open(path)
        kinds = {kind for _, _, kind in listeners_of(client)}
        assert kinds <= {
            "showContract",
            "showInside",
            "showEvidence",
            "askWhy",
            "orderUndo",
            "showAlerts",
            "askLedger",
            "askWhatIf",
        }, path
        for marker in ("Pause", "Resume", "optimize-now", "outage", "bt-cancel", "begin-anew"):
            await screen.user.should_not_see(marker=marker)
    await screen.open("/sla")
    await screen.user.should_see("No quotes and bookings here: that needs the role operator, vic is viewer")
    assert element_of(screen.user, "contract-sheet").props["forbidden"].startswith("that needs the role operator")
    await screen.open("/backtest")
    assert refusal_on(screen).startswith("Run backtest: that needs the role operator")


async def test_every_call_of_the_wrapper_is_judged_and_needs_what_the_table_says(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that no control leads to yet are included."""
    judged: list[Permission] = []

    async def judge(_: object, deed: Permission) -> Identity:
        judged.append(deed)
        raise CommandError("not judged kindly")

    monkeypatch.setattr(sys.modules["pages.authorization"], "permit", judge)
    act("admin")
    calls = {name: call for name, call in vars(type(screen.desk)).items() if inspect.iscoroutinefunction(call)}
    for name, call in calls.items():
        places = list(inspect.signature(call).parameters.values())[1:]
        given = [cast(Any, None) for place in places if place.kind is place.POSITIONAL_OR_KEYWORD]
        before = len(judged)
        if name == "order":
            continue  # judged by the kind of each command, below
        with pytest.raises(CommandError, match="not judged kindly"):
            await call(screen.desk, *given)
        assert len(judged) == before + 1, name
    assert set(judged) == set(Permission) - {Permission.OUTAGE, Permission.RESTORE, Permission.TELEMETRY}


def test_the_table_of_rights_names_every_deed_and_no_viewer_may_any() -> None:
    assert set(RIGHTS) == set(Permission)
    assert all(ROLES.index(role) > ROLES.index("viewer") for role in RIGHTS.values())
    assert LOCAL.may("admin")
