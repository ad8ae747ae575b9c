"""The files of the repository that the architecture tests read."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
PACKAGES = ("mara", "pages", "components")
CODE_FOLDERS = (*PACKAGES, "tests", "bench")

BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
"""Fields of statements that hold further ones."""

Found = TypeVar("Found")
Statements = Sequence[ast.AST]
Find = Callable[[Statements], Iterable[Found]]
_FINDERS: list[tuple[tuple[str, ...], Find[Any], dict[Path, list[Any]]]] = []


def python_files(*folders: str) -> list[Path]:
    """List every Python file under folders, without migrations, which alembic writes."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def read_once(*folders: str) -> Callable[[Find[Found]], Callable[[Path], list[Found]]]:
    """Make a reader of the files of some folders from a function that finds something in their statements.

    A file is parsed once for all readers, because parsing takes longer than they do. Its statements are not kept.
    """

    def reader_of(find: Find[Found]) -> Callable[[Path], list[Found]]:
        mine: dict[Path, list[Found]] = {}
        _FINDERS.append((folders, find, mine))

        def found_in(path: Path) -> list[Found]:
            if path not in mine:
                statements = statements_in(ast.parse(path.read_text(encoding="utf-8"), str(path)))
                folder = path.relative_to(ROOT).parts[0]
                for read_folders, each, found in _FINDERS:
                    if folder in read_folders:
                        found[path] = list(each(statements))
            return mine[path]

        return found_in

    return reader_of


def statements_in(module: ast.Module) -> list[ast.AST]:
    """List a module and its statements, however deep; most nodes are in expressions, which are not looked into."""
    found: list[ast.AST] = [module]
    for node in found:  # which grows
        found += statements_below(node)
    return found


def statements_below(node: ast.AST) -> Iterator[ast.AST]:
    """List the statements, handlers and cases directly below a statement."""
    return chain.from_iterable(getattr(node, block, ()) for block in BLOCKS)


@read_once(*PACKAGES)
def classes_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each class."""
    return ((node.lineno, node.name) for node in statements if isinstance(node, ast.ClassDef))


def tracked_files() -> list[Path]:
    """List the files that git tracks.

    Outside a checkout, list the files of the code folders.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return python_files(*CODE_FOLDERS)
    return [path for path in (ROOT / name for name in listed.stdout.split("\0") if name) if path.is_file()]


def said_of(path: Path, line: int, text: str) -> str:
    """Format a finding with path and line, as editors parse it."""
    return f"{path.relative_to(ROOT)}:{line}: {text}"
