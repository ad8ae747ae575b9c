"""The import contracts of pyproject.toml hold, checked by import-linter."""

import subprocess
import sys

import pytest

from tests.architecture.house import ROOT


def test_every_import_contract_is_kept() -> None:
    linter = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if linter.returncode:
        pytest.fail(linter.stdout[-4_000:] + linter.stderr[-1_000:])
