"""The files of the repository that the architecture tests read."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("mara", "pages", "components")
CODE_FOLDERS = (*PACKAGES, "tests", "bench")


def python_files(*folders: str) -> list[Path]:
    """List every Python file under folders, without migrations, which alembic writes."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def tracked_files() -> list[Path]:
    """List the files that git tracks; outside a checkout, the files of the code folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return python_files(*CODE_FOLDERS)
    return [path for path in (ROOT / name for name in listed.stdout.split("\0") if name) if path.is_file()]


def said_of(path: Path, line: int, text: str) -> str:
    """Format a finding with path and line, as editors parse it."""
    return f"{path.relative_to(ROOT)}:{line}: {text}"
