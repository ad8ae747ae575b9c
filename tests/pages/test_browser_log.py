"""Limits on the lines that browsers may write to the log."""

from pages.serving.browser_log import ALL_LINES_PER_MINUTE, LINES_PER_MINUTE, MAX_LINE_LENGTH, BrowserLog
from tests.clocks import HandClock


def line(text: object = "hello", level: object = "error") -> dict[str, object]:
    return {"client_id": "c", "level": level, "message": text}


def test_a_browser_writes_a_few_lines_a_minute_and_is_told_of_afterwards() -> None:
    clock = HandClock()
    log = BrowserLog(clock)
    written = [log.written("one", line()) for _ in range(22_000)]
    assert sum(one is not None for one in written) == LINES_PER_MINUTE
    assert sum(log.written(f"socket {n}", line()) is not None for n in range(1_000)) <= ALL_LINES_PER_MINUTE
    clock.passed_s += 60.0
    assert log.written("one", line()) is not None


def test_a_browsers_line_is_short_on_one_line_and_no_error_of_ours() -> None:
    written = BrowserLog(HandClock()).written("one", line("x\nERROR forged\u2028" + "y" * 10_000))
    assert written is not None
    assert written["level"] == "warning"
    assert written["message"].startswith("a browser says: x ERROR")
    assert written["message"].isprintable()
    assert len(written["message"]) < MAX_LINE_LENGTH + 30


def test_what_is_no_line_is_not_written() -> None:
    log = BrowserLog(HandClock())
    for message in ("text", None, line(level="critical"), line(level=["error"]), line(text={"a": 1}), {}):
        assert log.written("one", message) is None
