"""Behaviour of all commands: help, errors in one line, tracebacks, progress bars."""

import io
import json
import os
import re
import signal
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mara.cli.app import app
from mara.cli.report import progress
from mara.errors import FeedEnded, FeedInvalid
from tests.cli.console import everything_in, ran
from tests.forked_program import ForkedProgram, forked
from tests.servers import environment

COMMANDS = [
    (),
    ("simulate",),
    ("backtest",),
    ("plan",),
    ("replay",),
    ("export",),
    ("db",),
    ("db", "upgrade"),
    ("db", "check"),
    ("db", "backup"),
    ("db", "init"),
    ("fleet",),
    ("fleet", "check"),
]
BEGUN_WITHIN_S = 120.0
"""Longest wait for a run's first ticks, also beside other tests [s]."""
NAMES = [" ".join(words) or "mara" for words in COMMANDS]


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("words", COMMANDS, ids=NAMES)
def test_every_command_explains_itself(words: tuple[str, ...], flag: str, here: Path) -> None:
    outcome = ran(*words, flag)
    assert outcome.exit_code == 0
    assert outcome.out.startswith(f"Usage: mara {' '.join(words)}".rstrip())
    assert not any(line.endswith("...") for line in outcome.out.splitlines()[1:])
    assert outcome.err == ""
    assert everything_in(here) == {}


@pytest.mark.parametrize("words", [(), ("db",), ("fleet",)], ids=["mara", "db", "fleet"])
def test_a_command_without_its_word_shows_the_help_and_counts_as_misused(words: tuple[str, ...]) -> None:
    outcome = ran(*words)
    assert outcome.exit_code == 2
    assert "Commands:" in outcome.out + outcome.err


def test_the_version_is_one_line() -> None:
    outcome = ran("--version")
    assert outcome.exit_code == 0
    assert outcome.out.startswith("mara 0.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulat",), "simulat"),
        (("simulate",), "--ticks"),
        (("simulate", "--ticks"), "--ticks"),
        (("simulate", "--ticks", "ten"), "ten"),
        (("simulate", "--ticks", "0"), "--ticks should be greater than or equal to 1, got '0'. See `mara simulate"),
        (("simulate", "--ticks", "-5"), "--ticks"),
        (("simulate", "--ticks", "5", "more"), "more"),
        (("simulate", "--tick", "5"), "--tick"),
        (("replay", "--run", "x"), "--tick"),
        (("replay", "--run", "x", "--tick", "-1"), "--tick"),
        (("replay", "--run", "x", "--tick", str(10**30)), "--tick"),
        (("export", "secrets", "--out", "x.csv"), "secrets"),
        (("export", "prices", "--out", "x.csv", "--format", "xlsx"), "xlsx"),
        (("export", "prices"), "--out"),
        (("db", "mend"), "mend"),
        (("db", "backup"), "file"),
        (("fleet", "check"), "file"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_misused_command_says_in_one_line_what_it_needs(words: tuple[str, ...], said: str, here: Path) -> None:
    outcome = ran(*words)
    assert outcome.exit_code == 2
    assert said in outcome.complaint
    assert re.search(r"[.?] See `mara[a-z ]* --help`.$", outcome.complaint)
    assert everything_in(here) == {}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"foo": "1"}, "MARA_FOO is not a setting"),
        ({"seed": "many"}, "MARA_SEED"),
        ({"start": "2025-07-01"}, "MARA_START"),
        ({"tick_minutes": "7"}, "MARA_TICK_MINUTES"),
        ({"optimizer": "oracle"}, "optimizer"),
        ({"fleet": "nowhere.toml"}, "nowhere.toml"),
        ({"history": "nowhere"}, "nowhere"),
        ({"database_url": "mysql://me:secret@host/mara"}, "sqlite:///mara.db"),
        ({"database_url": "nonsense"}, "sqlite:///mara.db"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_named_in_one_line(env: dict[str, str], said: str, here: Path) -> None:
    outcome = ran("simulate", "--ticks", 1, **env)
    assert outcome.exit_code == (3 if "history" in env else 2)
    assert said in outcome.complaint
    assert "secret" not in outcome.complaint
    assert set(everything_in(here)) <= {"app.log"}


def test_a_fault_of_ours_is_one_line_and_asks_for_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mara.assembly.runs.rehearsal_of", lambda _: 1 / 0)
    outcome = ran("simulate", "--ticks", 1, "--no-store")
    assert outcome.exit_code == 1
    assert "ZeroDivisionError" in outcome.complaint
    assert "--debug" in outcome.complaint


@pytest.mark.parametrize("words", [("--debug", "simulate"), ("simulate", "--debug")], ids=["before", "behind"])
def test_the_traceback_is_there_for_who_asks(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--ticks", "1", "--history", "nowhere"], prog_name="mara")
    assert result.exit_code == 1
    assert isinstance(result.exception, FeedInvalid)


def interrupted(run: ForkedProgram) -> int:
    """Press Ctrl-C, and again later: Python loses one that arrives in a finalizer. Return the exit code."""
    for _ in range(4):
        os.kill(run.pid, signal.SIGINT)
        with suppress(TimeoutError):
            return run.wait(8)
    raise AssertionError("four interrupts did not end it")


def ticks_stored(path: Path) -> int:
    """Count the ticks stored by a run under way; none before its tables exist."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reading:
            return int(reading.execute("SELECT count(*) FROM ticks").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_an_interrupted_simulation_keeps_what_it_stored(here: Path) -> None:
    words, complaints = ["mara", "simulate", "--ticks", "1000000", "--json"], here / "complaints.txt"
    with forked(words, here, environment(), stderr=complaints) as run:
        deadline_s = time.monotonic() + BEGUN_WITHIN_S
        while not ticks_stored(here / "mara.db"):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert interrupted(run) == 130
        assert run.stdout.read() == ""
    assert complaints.read_text().strip() == "mara: interrupted; what was stored is kept"
    assert ran("db", "check").exit_code == 0
    assert ran("simulate", "--ticks", 1, "--json").report["ticks"] == 1


def test_the_bar_is_drawn_for_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress("simulate", 10) as on_tick:
            assert (on_tick is not None) is drawn
            for tick in range(10):
                if on_tick is not None:
                    on_tick(tick)
        assert ("simulate" in stream.getvalue()) is drawn


def test_an_error_under_the_bar_is_still_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def over(*_: object) -> object:
        raise FeedEnded("the history\nis over")

    monkeypatch.setattr("mara.runtime.tick.engine.simulate", over)
    outcome = ran("simulate", "--ticks", 1, "--no-store", "--json")
    assert outcome.exit_code == 3
    assert outcome.complaint == "mara: the history is over\n"


def test_json_is_the_only_thing_on_stdout_and_has_no_infinities(history: Path) -> None:
    outcome = ran("backtest", "--history", history, "--json")
    assert outcome.err == ""
    json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
