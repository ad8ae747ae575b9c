"""The rules of ARCHITECTURE.md that no linter has: sizes, names, empty `__init__`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import (
    CODE_FOLDERS,
    PACKAGES,
    ROOT,
    Statements,
    classes_in,
    python_files,
    read_once,
    said_of,
)

MOST_LINES_PER_FILE = 400
MOST_LINES_PER_FUNCTION = 60
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "models", "services", "service", "manager", "misc"}
BANNED_WORDS = {"handle", "process", "manage", "do", "util", "utils", "helper", "helpers", "data", "info"}
FOREIGN_NAMES = {
    "process_bind_param",  # called by sqlalchemy
    "process_result_value",
    "handleError",  # by logging
    "data_received",  # by asyncio
    "handle_websocket_upgrade",  # by uvicorn
    "handle",  # by socketserver
    "handle_error",
    "do_GET",  # by http.server
    "do_PUT",
    "do_PATCH",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@read_once(*CODE_FOLDERS)
def functions_in(statements: Statements) -> Iterator[tuple[int, str, int]]:
    """First line, name and length of each function."""
    for node in statements:
        if isinstance(node, Function):
            yield node.lineno, node.name, (node.end_lineno or 0) - node.lineno


@read_once(*CODE_FOLDERS)
def modules_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each module that names are imported from."""
    return ((node.lineno, node.module or "") for node in statements if isinstance(node, ast.ImportFrom))


def type_checkers_in(path: Path) -> Iterator[int]:
    """Line of each name in a file that stands for the type checker."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "TYPE_CHECKING" in text else ():
        if isinstance(node, ast.alias | ast.Name) and getattr(node, "name", getattr(node, "id", "")) == "TYPE_CHECKING":
            yield node.lineno


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_no_file_is_longer_than_the_house_allows() -> None:
    lengths = [(path, len(path.read_text(encoding="utf-8").splitlines())) for path in python_files(*CODE_FOLDERS)]
    assert [said_of(path, n, "file too long") for path, n in lengths if n > MOST_LINES_PER_FILE] == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert [
        said_of(path, line, f"{name} is too long")
        for path in python_files(*CODE_FOLDERS)
        for line, name, length in functions_in(path)
        if length >= MOST_LINES_PER_FUNCTION
    ] == []


def test_no_module_is_a_drawer_for_everything() -> None:
    assert [said_of(path, 1, "no noun") for path in python_files(*CODE_FOLDERS) if path.stem in BANNED_MODULES] == []


def test_no_package_hands_on_names_of_its_modules() -> None:
    assert [
        said_of(path, line, "an __init__ imports nothing of the house")
        for path in python_files(*CODE_FOLDERS)
        if path.name == "__init__.py"
        for line, module in modules_in(path)
        if module.split(".")[0] in CODE_FOLDERS
    ] == []


def test_names_say_what_happens_and_not_that_something_does() -> None:
    assert [
        said_of(path, line, f"{name} has a banned word")
        for path in python_files(*PACKAGES)
        for line, name in (*((line, name) for line, name, _ in functions_in(path)), *classes_in(path))
        if name not in FOREIGN_NAMES and words_of(name) & BANNED_WORDS
    ] == []


def test_no_import_is_made_for_the_type_checker_alone() -> None:
    assert [
        said_of(path, line, "needing TYPE_CHECKING means the type sits on the wrong floor")
        for path in python_files(*PACKAGES)
        for line in type_checkers_in(path)
    ] == []


def test_no_style_on_screen_asks_what_an_element_holds() -> None:
    sheets = [path for path in (ROOT / "components").rglob("*.css") if path.name != "print.css"]
    assert sheets
    assert [
        said_of(
            path, line, "`:has()` is judged anew at every change of a page: mark the page's root (`live_text(marks=…)`)"
        )
        for path in sheets
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if ":has(" in text
    ] == []
