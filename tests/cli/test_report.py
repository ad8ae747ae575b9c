"""Reports of commands: a table on a terminal, plain lines in a pipe or file."""

import io

import pytest

from mara.cli.report import show

REPORT = {"ticks": 12_000, "fleet": "[bold]ten", "sla": {"premium": {"bad_ticks": 3}}, "notes": ["told elsewhere"]}


def test_elsewhere_than_on_a_terminal_a_report_is_lines_of_fixed_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show(REPORT, as_json=False)
    assert capsys.readouterr().out == (
        "ticks                              12,000\n"
        "fleet                              [bold]ten\n"
        "sla.premium.bad_ticks              3\n"
    )


def test_on_a_terminal_a_report_is_a_table_of_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    show(REPORT, as_json=False)
    said = [line.split() for line in screen.getvalue().splitlines()]
    assert said == [["ticks", "12,000"], ["fleet", "[bold]ten"], ["sla.premium.bad_ticks", "3"]]
