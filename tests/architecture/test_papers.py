"""The documents agree with the code: settings, decisions, changes, and paths.

No document holds a path of one person's machine.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mara import __version__
from mara.core.alert import KINDS
from mara.settings import PREFIX, Settings, variable_of
from tests.architecture.house import ROOT, said_of, tracked_files

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
SETTING_ROW = (f"| `{PREFIX}", "| `ANTHROPIC_")
MERGE_MARK = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
DECISION_SECTIONS = ["Status", "Context", "Decision", "Consequences"]
MOST_BYTES_OF_A_TEXT = 2_000_000
INDEX_ADDRESS = re.compile(
    r"(index-url|extra-index-url|find-links|registry)\s*[=:]?\s*[\"']?(https?|file):|https?://[^\s\"']*/(simple|packages)/"
)
PLACEHOLDER = re.compile(
    r"\b(TODO|TBD|FIXME|coming soon|lorem ipsum|placeholder|(?<!`)(?<!--day-ahead )planned)\b", re.IGNORECASE
)


def lines_with(path: Path, sought: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Find the lines of a text file in which a pattern is found; few files have any."""
    if path.stat().st_size > MOST_BYTES_OF_A_TEXT:
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if sought.search(text):
        yield from ((n, line) for n, line in enumerate(text.splitlines(), start=1) if sought.search(line))


def setting_rows() -> list[str]:
    """Make the rows that the README's table of settings must have."""
    shown = {name: "" if field.default is None else str(field.default) for name, field in Settings.model_fields.items()}
    shown["start"] = Settings().start.isoformat().replace("+00:00", "Z")
    return [
        f"| `{variable_of(name)}` | {f'`{shown[name]}`' if shown[name] else 'unset'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def test_the_readme_lists_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in readme if line.startswith(SETTING_ROW)] == setting_rows()


def test_the_changelog_tells_what_this_version_brought() -> None:
    assert re.search(
        rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_decisions_are_numbered_without_a_repeat() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name) for path in DECISIONS)
    assert len(numbers) == len(set(numbers)) > 0


@pytest.mark.parametrize("path", DECISIONS, ids=[path.stem for path in DECISIONS])
def test_a_decision_says_status_context_decision_and_consequences(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^\W*(Status|Context|Decision|Consequences)\b", text, re.MULTILINE) == DECISION_SECTIONS


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_a_paper_promises_nothing_that_is_not_there(name: str) -> None:
    assert [said_of(ROOT / name, n, line) for n, line in lines_with(ROOT / name, PLACEHOLDER)] == []


def test_no_tracked_file_holds_both_sides_of_a_merge() -> None:
    assert [said_of(path, n, line) for path in tracked_files() for n, line in lines_with(path, MERGE_MARK)] == []


def test_the_handbook_says_when_each_kind_of_alert_is_raised() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/operations/README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert KINDS.keys() <= set(told)


def test_no_tracked_file_names_a_package_index_or_this_machine() -> None:
    machine = [str(ROOT.parent) + "/", str(Path.home()) + "/"]
    named = [re.compile(re.escape(place)) for place in machine if len(place) > len("/x/")]
    assert [
        said_of(path, n, line.strip()[:120])
        for path in tracked_files()
        for sought in (INDEX_ADDRESS, *named)
        for n, line in lines_with(path, sought)
    ] == []
