"""Pages from templates: input is escaped and complete, colours are defined once."""

import re

import pytest
from jinja2 import UndefinedError

from mara.templates import page_of
from tests.architecture.house import ROOT

TEMPLATES = ROOT / "mara" / "data" / "templates"
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(")


def test_what_is_filled_in_is_escaped() -> None:
    page = page_of("no_room.html", told="<b>Ann & Bob</b> look at Mara", seconds=10)
    assert "&lt;b&gt;Ann &amp; Bob&lt;/b&gt; look at Mara" in page
    assert 'value="&#34;&gt;&lt;i&gt;"' in page_of("login.html", onward="/", told="", name='"><i>')


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="told"):
        page_of("no_room.html", seconds=10)


def test_colours_are_named_in_one_template() -> None:
    named = {path.name for path in TEMPLATES.iterdir() if COLOUR.search(path.read_text(encoding="utf-8"))}
    assert named == {"colours.html"}


def test_no_page_asks_for_another_file() -> None:
    page = page_of("login.html", onward="/", told="", name="") + page_of("no_room.html", told="Full", seconds=10)
    assert not re.search(r"https?://|<script|src=|@import|url\(|<link", page)


def test_python_holds_no_pages() -> None:
    """HTML belongs in templates, because a page in a string escapes nothing."""
    found = [path for path in (ROOT / "mara").rglob("*.py") if "<!doctype" in path.read_text(encoding="utf-8").lower()]
    assert found == []
