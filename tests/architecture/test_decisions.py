"""The index of decisions agrees with the records, and links in documents resolve."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.house import ROOT, said_of

FOLDER = ROOT / "docs" / "decisions"
RECORDS = {path.name[:4]: path for path in sorted(FOLDER.glob("[0-9]*.md"))}
PAPERS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
STATUS = re.compile(r"^\W*Status\W+(?P<said>\S.*)$", re.MULTILINE)
LATER = re.compile(r"(?:superseded|amended) by (?P<numbers>[^;]+)", re.IGNORECASE)
EARLIER = re.compile(r"(?:supersedes|amends) (?P<numbers>[^;]+)", re.IGNORECASE)
NUMBER = re.compile(r"\b\d{4}\b")
INDEX_ROW = re.compile(
    r"^\| \[(?P<number>\d{4})\]\((?P<file>[^)]+)\) \| (?P<title>.+?) \| (?P<status>.+?) "
    r"\| (?P<later>.*?) ?\| (?P<touches>.+) \|$"
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
ABROAD = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def status_of(number: str) -> str:
    """Read the status that a record states."""
    found = STATUS.search(RECORDS[number].read_text(encoding="utf-8"))
    assert found is not None, f"{RECORDS[number].name} has no Status line"
    return found["said"].strip()


def named_in(pattern: re.Pattern[str], status: str) -> list[str]:
    """List the numbers of the records that a clause such as "superseded by" names."""
    return [number for clause in pattern.finditer(status) for number in NUMBER.findall(clause["numbers"])]


def row_of(number: str) -> tuple[str, str, str, str, list[str]]:
    """Derive a record's row in the index, as far as it follows from the record."""
    title = RECORDS[number].read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number} ")
    status = status_of(number)
    return number, RECORDS[number].name, title, status.split(";")[0].strip(), named_in(LATER, status)


def index_rows() -> Iterator[re.Match[str]]:
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        if row := INDEX_ROW.match(line):
            yield row


def told_of(row: re.Match[str]) -> tuple[str, str, str, str, list[str]]:
    """Cut an index row to the cells that follow from its record."""
    return row["number"], row["file"], row["title"], row["status"], re.findall(r"\[(\d{4})\]", row["later"])


def is_there(name: str) -> bool:
    """True if mara or the top folder holds a file, folder or module of that name."""
    return any((folder / f"{name}{ending}").exists() for folder in (ROOT, ROOT / "mara") for ending in ("", ".py"))


def anchors_of(paper: Path) -> set[str]:
    """List the anchors of a document's headings, as GitHub makes them."""
    text = CODE.sub(lambda code: code[0].strip("`") if "\n" not in code[0] else "", paper.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(paper: Path) -> Iterator[str]:
    text = CODE.sub(lambda code: "\n" * code[0].count("\n"), paper.read_text(encoding="utf-8"))
    for link in LINK.finditer(text):
        target, _, anchor = unquote(link["target"]).partition("#")
        if ABROAD.match(link["target"]):
            continue
        file = (paper.parent / target).resolve() if target else paper
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors_of(file)):
            yield said_of(paper, text.count("\n", 0, link.start()) + 1, link["target"])


def test_the_index_has_every_record_with_its_title_and_status() -> None:
    assert [told_of(row) for row in index_rows()] == [row_of(number) for number in RECORDS]


def test_the_index_names_files_that_are_there() -> None:
    touched = {(row["number"], name) for row in index_rows() for name in row["touches"].split(", ")}
    assert sorted(place for place in touched if not is_there(place[1])) == []


def test_a_record_is_superseded_or_amended_by_one_that_says_so_too() -> None:
    said = {(old, new) for old in RECORDS for new in named_in(LATER, status_of(old))}
    answered = {(old, new) for new in RECORDS for old in named_in(EARLIER, status_of(new))}
    assert {number for pair in said | answered for number in pair} <= set(RECORDS)
    assert said == answered


@pytest.mark.parametrize("paper", PAPERS, ids=[path.relative_to(ROOT).as_posix() for path in PAPERS])
def test_every_relative_link_of_a_paper_leads_somewhere(paper: Path) -> None:
    assert list(broken_links(paper)) == []
