"""What the house consists of: the files that its rules are read from."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("mara", "pages", "components")
CODE_FOLDERS = (*PACKAGES, "tests", "bench")


def python_files(*folders: str) -> list[Path]:
    """Every Python file under the folders, migrations left out: alembic writes those."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def tracked_files() -> list[Path]:
    """Every file that git knows and that is there; outside a checkout, the files of the code folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return python_files(*CODE_FOLDERS)
    return [path for path in (ROOT / name for name in listed.stdout.split("\0") if name) if path.is_file()]


def said_of(path: Path, line: int, text: str) -> str:
    """A finding as editors understand it."""
    return f"{path.relative_to(ROOT)}:{line}: {text}"
