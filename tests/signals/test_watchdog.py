"""The watchdog releases devices when Mara dies or hangs, not when Mara has ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mara.signals.executors import watchdog
from mara.signals.executors.hold import Hold, HoldFile, releases_in
from mara.signals.executors.luxos import luxos_miners
from mara.signals.executors.watchdog import BEAT, DONE, Ending, release_all, watch
from tests.signals.devices import CLOCK, a_miner, serving

PATIENCE_S = 30.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_the_end_of_the_beats_is_a_death_and_the_word_done_is_none(pipe: tuple[int, int]) -> None:
    heard, beats = pipe
    os.write(beats, BEAT * 3)
    os.write(beats, DONE)
    assert watch(heard, PATIENCE_S) is Ending.DONE
    os.write(beats, BEAT)
    os.close(beats)
    assert watch(heard, PATIENCE_S) is Ending.DEATH


def test_silence_for_a_lease_is_a_hang(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], BEAT)
    assert watch(pipe[0], 0.02) is Ending.HANG


def test_what_a_release_needs_is_ready_before_it_is_needed(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "QUIET_S", 0.01)
    prepared: list[str] = []
    os.write(pipe[1], BEAT)
    assert watch(pipe[0], 0.05, lambda: prepared.append("ready")) is Ending.HANG
    assert prepared == ["ready"]


def held(folder: Path, host: str) -> None:
    """Put a miner to sleep and hold it, as a Mara does that dies afterwards."""
    spec = {"site": "oslo", "kind": "luxos", "hosts": [host], "unit_power_mw": 0.0035}
    executor = luxos_miners([host], 0.0035, CLOCK.monotonic_s)
    owners = executor.read()
    wanted = executor.state_for(0.0, owners)
    hold = Hold(site_id="oslo", lease="this", spec=spec, owners=owners, ours=(wanted,))
    HoldFile(folder, folder / "locks", "oslo").write(hold)
    executor.apply(wanted)


def test_a_killed_mara_leaves_its_miners_in_their_owners_state(tmp_path: Path) -> None:
    """The watchdog is a separate process, which sees its input end after a kill -9."""
    fake = a_miner()
    with serving(fake.answer) as port:
        held(tmp_path, f"127.0.0.1:{port}")
        assert fake.mode == "Sleep"
        words = [sys.executable, "-m", "mara.runtime.signals.watchdog_process", str(tmp_path), "60", "this"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(b"a secret\n" + BEAT)
            _, told = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, fake.mode) == (0, "None")
        assert b"oslo: 127.0.0.1" in told
        assert b"restored" in told
    (note,) = releases_in(tmp_path)
    assert (note.site_id, note.said.endswith("wakeup restored")) == ("oslo", True)
    assert dict(note.before) == {f"127.0.0.1:{port}": "sleep"}


def test_a_miner_that_does_not_answer_is_tried_again_until_it_does(tmp_path: Path) -> None:
    fake = a_miner()
    pauses: list[float] = []
    with serving(fake.answer) as port:
        held(tmp_path, f"127.0.0.1:{port}")
        fake.fault = "refuse"

        def pause(pause_s: float) -> None:
            pauses.append(pause_s)
            if len(pauses) == 3:
                fake.fault = ""

        said = release_all(tmp_path, "", CLOCK.now, CLOCK.monotonic_s, pause, tries=10)
    assert (len(pauses), fake.mode) == (3, "None")
    assert said == [f"oslo: 127.0.0.1:{port}=wakeup restored"]


def test_what_a_person_has_set_since_is_left_alone(tmp_path: Path) -> None:
    fake = a_miner()
    with serving(fake.answer) as port:
        host = f"127.0.0.1:{port}"
        spec = {"site": "oslo", "kind": "luxos", "hosts": [host], "unit_power_mw": 0.0035}
        fake.mode = "Sleep"
        held_state = Hold(site_id="oslo", spec=spec, owners=((host, "off"),), ours=(((host, "wakeup"),),))
        HoldFile(tmp_path, tmp_path / "locks", "oslo").write(held_state)
        (said,) = release_all(tmp_path, "", CLOCK.now, CLOCK.monotonic_s, lambda _: None, tries=1)
    assert (said, fake.sessions_count) == (f"oslo: left alone: somebody set {host}=sleep", 0)


def test_a_watchdog_leaves_alone_what_a_later_mara_holds(tmp_path: Path) -> None:
    fake = a_miner()
    with serving(fake.answer) as port:
        held(tmp_path, f"127.0.0.1:{port}")
        release = partial(release_all, tmp_path, "", CLOCK.now, CLOCK.monotonic_s, lambda _: None, tries=1)
        assert (release(lease="an earlier one"), fake.mode) == ([], "Sleep")
        release(lease="this")
    assert fake.mode == "None"


def test_a_mara_that_hung_in_the_middle_of_a_write_is_undone_once_more_when_it_dies(tmp_path: Path) -> None:
    """What was held when it hung is still known when its late write arrives."""
    fake = a_miner()
    with serving(fake.answer) as port:
        held(tmp_path, f"127.0.0.1:{port}")
        words = [sys.executable, "-m", "mara.runtime.signals.watchdog_process", str(tmp_path), "0.2", "this"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(b"a secret\n" + BEAT)
            assert b"restored" in process.stderr.readline()
            assert fake.mode == "None"
            fake.mode = "Sleep"  # the write that was under way
            process.stdin.close()
            assert b"restored" in process.stderr.readline()
            process.wait(PATIENCE_S)
    assert fake.mode == "None"
    (note,) = releases_in(tmp_path)
    assert note.said.count("restored") == 2
