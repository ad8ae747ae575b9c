"""Mara's environment is made with a Python that was built with optimizations, where there is one."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def made(path: Path, *, is_optimized: bool, can_make_environments: bool) -> Path:
    """A program that answers the two questions that the script asks of a Python."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f"  *--enable-optimizations*) exit {not is_optimized:d} ;;\n"
        f"  *ensurepip*) exit {not can_make_environments:d} ;;\n"
        "esac\n"
        "exit 2\n"
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("is_optimized", "system_will_do", "is_system_chosen"),
    [(True, True, False), (False, True, True), (False, False, False)],
    ids=["the first is optimized", "the first is not", "the system's cannot make environments"],
)
def test_the_system_s_python_is_chosen_only_where_the_first_one_is_not_optimized(
    tmp_path: Path, is_optimized: bool, system_will_do: bool, is_system_chosen: bool
) -> None:
    first = made(tmp_path / "bin" / "python3", is_optimized=is_optimized, can_make_environments=True)
    system = made(tmp_path / "usr" / "python3", is_optimized=False, can_make_environments=system_will_do)
    assert chosen(f"{first.parent}:/usr/bin:/bin", system) == (str(system) if is_system_chosen else "python3")


def test_the_system_s_python_is_no_other_one_under_a_second_name(tmp_path: Path) -> None:
    system = made(tmp_path / "usr" / "python3", is_optimized=False, can_make_environments=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(system)
    assert chosen(f"{tmp_path / 'bin'}:/usr/bin:/bin", system) == "python3"


def chosen(path: str, system: Path) -> str:
    env = {"PATH": path, "SYSTEM_PYTHON": str(system)}
    done = subprocess.run(["bash", ".ci/python"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()
