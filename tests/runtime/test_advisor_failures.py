"""Failures of Claude leave the linear program's plan in force, and state why."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mara.errors import AdviceError, CommandError
from mara.runtime.advisor import claude_service
from mara.runtime.advisor.circuit_breaker import CircuitBreaker
from mara.store.store import Store
from tests.claude.fake_messages import refused_url
from tests.claude.script import Call, Fault, Script, Talk, Turn, broken_answer, cut_at_max_tokens, truncated_answer
from tests.runtime.advised import AMPLE, Stage, claim, evidence_of, grounded, problem_at, row, sensible, staged
from tests.runtime.made_up import ManualClock

STILL_ASKED = (Call("get_site", {"site_id": "s01"}),)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("advised") / "mara.db"
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _nothing_is_an_error(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    if "bug" not in request.node.name:
        assert [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR] == []


def asked_twice(stage: Stage) -> None:
    """Plan the tick that asks Claude, and the tick after the failure.

    Both follow the linear program.
    """
    first = stage.plan(problem_at(0))
    second = stage.plan(problem_at(1))
    assert (first.optimizer, second.optimizer) == ("lp", "lp")
    assert second.provenance is not None
    assert second.provenance.failure == stage.message
    assert second.provenance.claims == ()


def over_capacity(mw: float) -> Script:
    def answer(talk: Talk) -> Turn:
        most = evidence_of(talk)["E0.s01_immersion_miner_mw"]
        return grounded([row("s01", "immersion_miner", most + mw)])

    return answer


def ungrounded(talk: Talk) -> Turn:
    return grounded([row("s01", "air_miner", 1.0)], claim("It saves 400 dollars.", "E0.s01_racks_mw"))


WHOLE = grounded([row("s01", "gpu", 1.0)])
ROWS: tuple[tuple[str, Script, str, bool], ...] = (
    # what happens, what the service does, what the panel says, whether the breaker opens at once
    ("401", [Fault.status(401)], "AI credentials rejected", True),
    ("402", [Fault.status(402)], "AI credentials rejected", True),
    ("403", [Fault.status(403)], "AI credentials rejected", True),
    ("404", [Fault.status(404)], "AI model retired: set MARA_CLAUDE_MODEL", True),
    ("400", [Fault.status(400)], "AI request rejected", True),
    ("own spend limit", [Fault.own_spend_limit()], "AI spend limit reached", True),
    ("the tier's spend limit", [Fault.tier_spend_limit()], "AI spend limit reached", True),
    ("429", [Fault.status(429, retry_after=600)], "AI rate limited until 00:10 UTC", True),
    ("429 for days", [Fault.status(429, retry_after=900_000)], "AI rate limited until 01:00 UTC", True),
    ("500", [Fault.status(500)], "AI busy", False),
    ("529", [Fault.status(529)], "AI busy", False),
    ("an error event", [Fault.sse_error()], "AI busy", False),
    ("silence", [Fault.hang()], "AI timed out", False),
    ("silence mid-stream", [Fault.hang(after=2)], "AI timed out", False),
    ("a drip", [Fault.drip(0.02)], "AI timed out", False),
    ("a drop mid-stream", [Fault.drop()], "AI connection lost", False),
    ("an early end", [Fault.silent_eof()], "AI connection lost", False),
    ("a page of HTML", [Fault.html()], "AI connection lost", False),
    ("a broken event", [Fault.broken_event()], "AI answer unusable", False),
    ("a huge answer", [Fault.huge(3.0)], "AI answer unusable", False),
    ("an answer that is no JSON", [broken_answer()], "AI answer unusable", False),
    ("an answer cut off", [truncated_answer(grounded([row("s01", "gpu", 1.0)]))], "AI answer unusable", False),
    (
        "an answer cut by its length",
        [cut_at_max_tokens(grounded([row("s01", "gpu", 1.0)]))],
        "AI answer unusable",
        False,
    ),
    ("a refusal", [Turn(refusal="cyber")], "AI declined (cyber)", False),
    ("more turns than there are", [Turn(calls=STILL_ASKED)] * 6, "AI budget used", False),
    ("an ungrounded number, twice", [ungrounded] * 2, "AI answer not grounded", False),  # type: ignore[list-item]
)


def script_of(script: Script) -> Script:
    """Make a script from a list that may hold functions of the conversation."""
    if callable(script):
        return script
    entries = iter(script)

    def answer(talk: Talk) -> Turn | Fault:
        entry = next(entries)
        return entry(talk) if callable(entry) else entry  # type: ignore[redundant-expr]  # functions are allowed in lists

    return answer


@pytest.mark.parametrize(("script", "message", "rests"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_failure_leaves_the_linear_program_s_plan_in_force_and_is_told_in_plain_words(
    store: Store, script: Script, message: str, rests: bool
) -> None:
    deadline_s = 0.4 if message == "AI timed out" else 60.0
    with staged(script_of(script), store, deadline_s=deadline_s) as stage:
        asked_twice(stage)
        assert stage.message == message
        assert stage.last_run.message == message
        assert stage.last_run.outcome == "kept"
        assert bool(stage.advisor._breaker.reason) is rests
        assert stage.advisor.state.state == ("resting" if rests else "ready")
        assert stage.fake is not None
        assert stage.fake.rejections == []


def test_a_refused_connection_is_a_lost_one(store: Store) -> None:
    with staged(None, store, url=refused_url()) as stage:
        asked_twice(stage)
        assert stage.message == "AI connection lost"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (over_capacity(30.0), "AI plan infeasible"),
        (lambda _: grounded([row(s, m, 0.0) for s in ("s01", "s02") for m in ("air_miner", "immersion_miner")]), ""),
    ],
    ids=["over capacity", "worse than the band"],
)
def test_a_plan_that_is_not_good_enough_is_not_followed(store: Store, entry: Script, message: str) -> None:
    with staged(entry, store) as stage:
        asked_twice(stage)
        assert stage.message.startswith(message or "AI plan not better")
        assert stage.last_run.message == stage.message


def test_a_site_that_does_not_exist_in_the_answer_makes_it_unusable(store: Store) -> None:
    wrong = replace(grounded([row("s99", "gpu", 1.0)]), schema_kept=False)
    with staged([wrong], store) as stage:
        asked_twice(stage)
        assert stage.message == "AI answer unusable"


def test_a_site_that_does_not_exist_in_a_tool_call_is_told_and_corrected(store: Store) -> None:
    def answer(talk: Talk) -> Turn | Fault:
        if talk.turn == 0:
            return Turn(calls=(Call("get_site", {"site_id": "s99"}),), schema_kept=False)
        if talk.turn == 1:
            assert talk.results[-1].is_error
            assert "there is no site 's99'" in str(talk.results[-1].content)
        return sensible(talk)

    with staged(answer, store) as stage:
        stage.plan(problem_at(0))
        assert stage.plan(problem_at(1)).optimizer == "claude"


def test_an_ungrounded_number_is_mended_in_one_repair(store: Store) -> None:
    def answer(talk: Talk) -> Turn | Fault:
        if talk.turn == 0:
            return ungrounded(talk)
        assert "'4' is a number" in talk.last
        return sensible(talk) if talk.turn > 1 else grounded([row("s01", "air_miner", 7.0)])

    with staged(answer, store) as stage:
        stage.plan(problem_at(0))
        assert stage.plan(problem_at(1)).optimizer == "claude"
        assert stage.fake is not None
        assert len(stage.fake.bodies) == 2


def test_three_busy_answers_in_a_row_open_the_breaker(store: Store) -> None:
    with staged([Fault.status(529)] * 3, store, is_automatic=False) as stage:
        stage.plan(problem_at(0))
        for _ in range(3):
            assert stage.advisor.state.why_not == ""
            stage.advisor.ask()
            stage.wait()
        assert stage.advisor.state.why_not == "AI busy"
        with pytest.raises(CommandError, match="AI busy"):
            stage.advisor.ask()


def test_the_breaker_rests_for_longer_each_time_until_something_succeeds() -> None:
    clock, busy = ManualClock(), AdviceError("AI busy", is_counted=True)
    breaker = CircuitBreaker(clock)
    rests_s = []
    for _ in range(9):
        breaker.tripped(busy)
        begun_s = clock.at_s
        while breaker.reason:
            clock.at_s += 1.0
        rests_s.append(clock.at_s - begun_s)
    assert rests_s == [0.0, 0.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    breaker.succeeded()
    breaker.tripped(busy)
    assert breaker.reason == ""


def test_while_the_breaker_is_open_nobody_is_asked_and_then_again(store: Store) -> None:
    with staged([Fault.status(401)] * 2, store) as stage:
        stage.plan(problem_at(0))
        stage.later(120.0)
        stage.plan(problem_at(24, price=(90.0, 20.0, 60.0)))
        assert stage.advisor.state.why_not == "AI credentials rejected"
        assert stage.fake is not None
        assert len(stage.fake.bodies) == 1
        stage.later(900.0)
        stage.plan(problem_at(25, price=(90.0, 20.0, 60.0)))
        assert len(stage.fake.bodies) == 2


def test_a_rejected_request_is_logged_and_never_sent_again_as_it_was(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with staged([Fault.status(400)], store) as stage:
        stage.plan(problem_at(0))
        stage.later(3_600.0)
        stage.plan(problem_at(1))
        stage.advisor.ask()
        stage.wait()
        assert stage.fake is not None
        assert len(stage.fake.bodies) == 1
        assert stage.message == "AI request rejected"
        (told,) = (r for r in caplog.records if r.getMessage() == "no advice")
        assert stage.fake.request_ids[-1] in told.detail  # type: ignore[attr-defined]
        assert "invalid_request_error" in told.detail  # type: ignore[attr-defined]
        assert "test-key" not in str([vars(record) for record in caplog.records])


def test_a_bug_of_ours_is_logged_with_its_traceback_and_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    with staged([], store) as stage:
        monkeypatch.setattr(claude_service, "consulted", broken)
        asked_twice(stage)
        assert stage.message == "AI internal error"
        assert stage.advisor._breaker.reason == "AI internal error"
    assert any(r.exc_info and "by zero" in str(r.exc_info[1]) for r in caplog.records)


def test_without_a_key_nobody_is_asked(store: Store) -> None:
    with staged(None, store, off="AI not configured", budget=AMPLE) as stage:
        assert stage.plan(problem_at(0)).optimizer == "lp"
        assert stage.plan(problem_at(1)).provenance is None
        assert stage.advisor.state.message == stage.advisor.state.why_not == "AI not configured"
        assert stage.advisor.state.state == "off"
