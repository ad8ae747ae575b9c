"""The log: its records, hidden secrets, refusing disks, and the cost of a record."""

import json
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mara.runtime.observe.log import KEPT_FILES_COUNT, MAX_FILE_BYTES, MAX_WAITING_RECORDS, Log, open_log
from mara.settings import Settings, read_settings

CANARIES = ("sk-ant-api03-CANARY_key-0123", "mara_CANARY0123456789token", "CANARYbearer.abc", "CANARY-p@ss/word")
LEAKS = (
    f"key {CANARIES[0]} refused",
    f"token={CANARIES[1]}",
    f"{{'Authorization': 'Bearer {CANARIES[2]}'}}",
    "request headers x-api-key: CANARYheader, accept: */*",
    "ANTHROPIC_API_KEY=CANARYvariable refused",
    f"postgresql://mara:{CANARIES[3]}@db.example/mara is locked",
    "postgresql://db.example/mara?user=mara&password=CANARYquery&sslmode=require",
)
log = logging.getLogger("mara.test")


def settings_for(path: Path, **options: object) -> Settings:
    return read_settings({}, {"log_file": path, **options})


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture(autouse=True)
def _logging_left_as_found() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("mara")
    before = list(root.handlers), root.level, own.level
    yield
    assert (root.handlers, root.level, own.level) == before


def test_a_record_is_one_json_line_with_its_fields_and_a_utc_stamp(path: Path) -> None:
    with open_log(settings_for(path)):
        log.info("budget %s", "spent", extra={"tick": 7, "kind": "sla", "site": 2, "share": 0.5, "sites": ["oslo"]})
    (line,) = lines_of(path)
    stamp = line.pop("timestamp")
    assert stamp.endswith("Z")
    assert datetime.fromisoformat(stamp).utcoffset() == timedelta(0)
    assert line == {
        "level": "INFO",
        "logger": "mara.test",
        "message": "budget spent",
        "tick": 7,
        "kind": "sla",
        "site": 2,
        "share": 0.5,
        "sites": ["oslo"],
    }


def test_plain_text_is_one_line_a_record(path: Path) -> None:
    with open_log(settings_for(path, log_json=False)):
        log.warning("grid limit reached", extra={"tick": 7, "where": "oslo"})
    text = path.read_text(encoding="utf-8")
    assert text.endswith('Z WARNING mara.test: grid limit reached tick=7 where="oslo"\n')
    assert text.count("\n") == 1


def test_the_level_is_mara_s_own_and_others_are_heard_from_warnings_on(path: Path) -> None:
    with open_log(settings_for(path, log_level="DEBUG")):
        log.debug("ours")
        logging.getLogger("httpx").info("theirs")
        logging.getLogger("httpx").warning("their trouble")
    assert [line["message"] for line in lines_of(path)] == ["ours", "their trouble"]


def test_warnings_are_captured(path: Path) -> None:
    with open_log(settings_for(path)), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an old call", DeprecationWarning, stacklevel=1)
    (line,) = lines_of(path)
    assert line["logger"] == "py.warnings"
    assert "an old call" in line["message"]


@pytest.mark.parametrize("log_json", [True, False])
@pytest.mark.parametrize("leak", LEAKS)
def test_a_secret_is_nowhere_in_the_log(path: Path, leak: str, log_json: bool) -> None:
    with open_log(settings_for(path, log_json=log_json)):
        log.info("said %s", leak)
        log.info(leak)
        log.info("field", extra={"command": leak, "nested": {"of": [leak, (leak,)]}, leak: 1, "bytes": leak.encode()})
        log.error("stack", stack_info=True, extra={"error": ValueError(leak)})
        try:
            raise RuntimeError(leak) from ValueError(leak)
        except RuntimeError:
            log.exception("failed")
    text = path.read_text(encoding="utf-8")
    assert "CANARY" not in text
    assert "***" in text
    assert "RuntimeError" in text


def test_a_field_named_after_a_secret_is_hidden_whatever_it_holds(path: Path) -> None:
    with open_log(settings_for(path)):
        log.info("signed in", extra={"api_key": "hunter2", "headers": {"Cookie": "a=b"}, "session_token": "xyz"})
    (line,) = lines_of(path)
    assert (line["api_key"], line["headers"], line["session_token"]) == ("***", {"Cookie": "***"}, "***")


@pytest.mark.parametrize("log_json", [True, False])
def test_control_and_bidirectional_characters_are_written_out(path: Path, log_json: bool) -> None:
    nasty = "a\x1b[2Jb\r\nfake line\u202ec\u2066d\x9be\u200bf\ud800"
    with open_log(settings_for(path, log_json=log_json)):
        log.info(nasty, extra={"customer": nasty, nasty: nasty})
        try:
            raise ValueError(nasty)
        except ValueError:
            log.exception("failed")
    text = path.read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in text)
    assert r"\x1b[2Jb" in text
    assert r"\u202e" in text
    if log_json:
        decoded = json.dumps(lines_of(path), ensure_ascii=False)
        assert all(c.isprintable() for c in decoded)
    assert not [line for line in text.splitlines() if line.startswith("fake")]


def test_a_record_that_cannot_be_rendered_is_kept_as_it_came(path: Path) -> None:
    with nobody_else_listening(), open_log(settings_for(path)):
        log.info("%d ticks", "many")
        log.info("odd", extra={"share": float("nan"), "deep": {"a": {"b": {"c": {"d": {"e": 1}}}}}})
    first, second = lines_of(path)
    assert first["message"] == "%d ticks ('many',)"
    assert second["share"] == "nan"


def test_a_long_text_is_cut(path: Path) -> None:
    with open_log(settings_for(path)):
        log.info("x" * 1_000_000)
    assert path.stat().st_size < 25_000


def test_the_file_turns_over_at_ten_megabytes_and_five_old_ones_are_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (MAX_FILE_BYTES, KEPT_FILES_COUNT) == (10_000_000, 5)
    monkeypatch.setattr("mara.runtime.observe.log.MAX_FILE_BYTES", 2_000)
    with open_log(settings_for(path)):
        for n in range(200):
            log.info("tick", extra={"tick": n})
    kept = sorted(path.parent.iterdir())
    assert [f.name for f in kept] == ["app.log", *(f"app.log.{n}" for n in range(1, 6))]
    assert all(f.stat().st_size <= 2_000 for f in kept)


@pytest.mark.parametrize("place", ["missing/app.log", "."])
def test_a_log_that_cannot_be_opened_is_told_in_one_line_and_all_goes_on(
    tmp_path: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_log(settings_for(tmp_path / place)):
        log.error("nobody hears this")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"mara: cannot log to {tmp_path / place} (")


def test_a_full_disk_neither_raises_nor_prints(capfd: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this machine")
    with open_log(settings_for(full)):
        for n in range(1_000):
            log.info("tick", extra={"tick": n})
    assert capfd.readouterr() == ("", "")


def test_the_log_tells_how_many_lines_it_missed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_log(settings_for(path)) as opened:
        file = file_of(opened)
        with monkeypatch.context() as broken:
            broken.setattr(file, "shouldRollover", refusing)
            for _ in range(3):
                log.info("lost")
            wait_until_written(opened)
        log.info("kept")
    kept, gap = lines_of(path)
    assert kept["message"] == "kept"
    assert (gap["message"], gap["level"], gap["lost_count"]) == ("log lines were lost", "WARNING", 3)


def test_logging_goes_on_at_once_while_the_disk_hangs(path: Path) -> None:
    with nobody_else_listening(), open_log(settings_for(path)) as opened:
        file = file_of(opened)
        file.acquire()  # the writer waits for this lock as it would for a disk
        try:
            begun_s = time.perf_counter()
            for n in range(MAX_WAITING_RECORDS + 500):
                log.info("tick", extra={"tick": n})
            passed_s = time.perf_counter() - begun_s
        finally:
            file.release()
        wait_until_written(opened)
        log.info("later")
    written = lines_of(path)
    messages = [line["message"] for line in written]
    missed = sum(line.get("lost_count", 0) for line in written)
    assert passed_s < 10.0
    assert messages.count("tick") + missed == MAX_WAITING_RECORDS + 500
    assert missed >= 499
    assert messages[-1] == "later"


def test_closing_twice_is_harmless(path: Path) -> None:
    opened = open_log(settings_for(path))
    opened.close()
    opened.close()


def test_a_record_costs_the_caller_less_than_thirty_microseconds(path: Path) -> None:
    each_us: list[float] = []
    with nobody_else_listening(), open_log(settings_for(path)) as opened:
        for batch in range(40):
            begun_s = time.thread_time()
            for n in range(100):
                log.info("contract shed inside its budget", extra={"tick": n, "kind": "sla", "site": batch})
            each_us.append((time.thread_time() - begun_s) * 1e4)
            wait_until_written(opened)
    assert min(each_us) < 30.0


@contextmanager
def nobody_else_listening() -> Iterator[None]:
    """Remove pytest's log handlers, which format in the caller's thread.

    They raise at a record that cannot be rendered.
    """
    root = logging.getLogger()
    others = list(root.handlers)
    for other in others:
        root.removeHandler(other)
    try:
        yield
    finally:
        for other in others:
            root.addHandler(other)


def refusing(record: logging.LogRecord) -> bool:
    raise OSError(28, "No space left on device")


def file_of(opened: Log) -> logging.Handler:
    assert opened._listener is not None
    file: logging.Handler = opened._listener.handlers[0]
    return file


def wait_until_written(opened: Log) -> None:
    assert opened._listener is not None
    opened._listener.queue.join()  # type: ignore[attr-defined]
