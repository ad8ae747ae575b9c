"""The files of the repository that the architecture tests read."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
PACKAGES = ("mara", "pages", "components")
CODE_FOLDERS = (*PACKAGES, "tests", "bench")

Found = TypeVar("Found")
Nodes = Sequence[ast.AST]
_FINDERS: dict[Callable[[Nodes], Iterable[Any]], dict[Path, list[Any]]] = {}


def python_files(*folders: str) -> list[Path]:
    """List every Python file under folders, without migrations, which alembic writes."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def read_once(find: Callable[[Nodes], Iterable[Found]]) -> Callable[[Path], list[Found]]:
    """Make a reader of files from a function that finds something in their nodes.

    A file is parsed once for all readers, because parsing takes much longer than they do. Its nodes are not kept.
    """
    mine: dict[Path, list[Found]] = {}
    _FINDERS[find] = mine

    def found_in(path: Path) -> list[Found]:
        if path not in mine:
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))
            for each, found in _FINDERS.items():
                found[path] = list(each(nodes))
        return mine[path]

    return found_in


@read_once
def classes_in(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Line and name of each class."""
    return ((node.lineno, node.name) for node in nodes if isinstance(node, ast.ClassDef))


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
