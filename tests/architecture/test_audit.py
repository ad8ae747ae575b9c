"""The audit of dependencies reports success only where it really audited."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLEAN = {"name": "tidy", "version": "1.0", "vulns": []}
BAD = {"name": "leaky", "version": "1.0", "vulns": [{"id": "ADV-1", "fix_versions": ["1.1"]}]}


def audited(folder: Path, answer: object, **settings: str) -> tuple[int, str]:
    """Run the audit script with a given answer of its tool; None: server unreachable."""
    tool = folder / "pip_audit.py"
    tool.write_text(
        "import sys\n"
        f"answer = {json.dumps(answer)!r}\n"
        "if answer == 'null': sys.exit('no connection')\n"
        "open(sys.argv[sys.argv.index('--output') + 1], 'w').write(answer)\n"
        f"sys.exit({'leaky' in str(answer):d})\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "PYTHONPATH": str(folder)} | settings
    done = subprocess.run(["bash", ".ci/audit"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"dependencies": [CLEAN]}, 0, "requirements.lock: 1 dependencies audited, no advisory"),
        ({"dependencies": [CLEAN, BAD]}, 1, "leaky 1.0 has advisory ADV-1; mended in: 1.1"),
        (None, 0, "advisories could not be reached: not audited"),
        ({"dependencies": []}, 0, "advisories could not be reached: not audited"),
        ({"dependencies": [CLEAN, {"name": "odd", "skip_reason": "?"}]}, 0, "not audited"),
    ],
    ids=["clean", "bad", "unreachable", "nothing", "skipped"],
)
def test_an_audit_says_what_it_found_or_that_there_was_none(
    tmp_path: Path, answer: object, code: int, said: str
) -> None:
    ended, told = audited(tmp_path, answer)
    assert ended == code
    assert said in told


def test_where_an_audit_is_required_none_is_a_failure(tmp_path: Path) -> None:
    assert audited(tmp_path, None, AUDIT="required")[0] == 1


def test_a_check_audits() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    for target in ("test:", "check:"):
        recipe = lines[next(at for at, line in enumerate(lines) if line.startswith(target)) + 1]
        assert "audit" in recipe.split()
