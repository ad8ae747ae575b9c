#!/usr/bin/env python3
"""Write docs/map.md: each module with the first line of its docstring."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("mara", "components", "pages")
HEAD = """# The map: every module in one line

Made by `python scripts/module_map.py` from the modules' own first lines; a test holds it to them.
Which floor stands on which, and where a change belongs, is in [ARCHITECTURE.md](../ARCHITECTURE.md).
"""
HEAD_OF_MODULE = re.compile(r'"""[^"\\]*"""\n')
"""Pattern of a docstring at the beginning of a file, which is parsed sooner than all of it."""


def module_map() -> str:
    """Return the page as text: a heading for each package, a row for each module."""
    folders = [folder for package in PACKAGES for folder in _folders_of(ROOT / package)]
    return HEAD + "".join(_section(folder) for folder in folders)


def _folders_of(top: Path) -> list[Path]:
    found = {path.parent for path in top.rglob("*.py")}
    return sorted(folder for folder in found if "versions" not in folder.parts)


def _section(folder: Path) -> str:
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    rows = [f"| `{path.stem}` | {_first_line(path)} |\n" for path in modules]
    table = "".join(("| module | what it is |\n", "|---|---|\n", *rows, "\n")) if rows else ""
    return f"\n## `{folder.relative_to(ROOT)}/`\n\n{_first_line(folder / '__init__.py')}\n\n{table}".rstrip() + "\n"


def _first_line(path: Path) -> str:
    if not path.exists():
        return ""
    source = path.read_text(encoding="utf-8")
    head = HEAD_OF_MODULE.match(source)
    text = ast.get_docstring(ast.parse(head[0] if head else source)) or ""
    return text.split("\n", maxsplit=1)[0].replace("|", "\\|")


if __name__ == "__main__":
    (ROOT / "docs" / "map.md").write_text(module_map(), encoding="utf-8")
