"""docs/map.md names every module, with the first line of its docstring."""

import importlib.util
import re
import tomllib
from types import ModuleType

from tests.architecture.house import PACKAGES, ROOT, python_files

PAPER = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
TREE = PAPER.split("## The tree")[1].split("## Floors")[0]
CHANGES = PAPER.split("## Where does a change belong?")[1].split("## Words and units")[0]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def module_map() -> ModuleType:
    """Import the script that writes docs/map.md, which is in no package."""
    spec = importlib.util.spec_from_file_location("module_map", ROOT / "scripts" / "module_map.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_map_of_modules_says_what_the_modules_say() -> None:
    written = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    assert written == module_map().module_map(), "run: python scripts/module_map.py"


def test_the_tree_names_every_package() -> None:
    folders = {path.parent.relative_to(ROOT) for path in python_files(*PACKAGES)}
    deep = {folder for folder in folders if {"layouts", "reading", "building"} & set(folder.parts)}
    assert [str(folder) for folder in sorted(folders - deep) if f"{folder.name}/" not in TREE] == []


def floors_of(container: str) -> list[list[str]]:
    """List the modules of a container by floor, the highest first, as the import contracts state them."""
    (contract,) = (one for one in CONTRACTS if one.get("containers") == [container] and one["type"] == "layers")
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def test_the_tree_lists_the_core_from_the_ground_up() -> None:
    rank = {name: floor for floor, names in enumerate(reversed(floors_of("mara.core"))) for name in names}
    lines = TREE.split("\n  core/ ")[1].split("\n  optimizers/ ")[0].splitlines()[1:]
    listed = [name for line in lines for name in re.split(" {3,}", line.strip())[0].split()]
    assert sorted(listed) == sorted(rank)
    assert [rank[name] for name in listed] == sorted(rank[name] for name in listed)


def test_the_floors_of_mara_are_those_of_the_import_contracts() -> None:
    said = PAPER.split("2. In mara: ")[1].split(".\n3. ")[0]
    assert [re.findall(r"\w+", floor) for floor in said.split(">")] == floors_of("mara")


def test_the_table_of_changes_names_files_that_are_there() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_.A-Z]*)`", CHANGES)) - {"mara/"}
    assert len(named) > 60
    assert [name for name in sorted(named) if not is_there(name)] == []


def test_a_name_that_its_module_does_not_have_would_be_found() -> None:
    assert is_there("optimizers/lp/case.CREDIT_RATIO")
    assert not is_there("optimizers/lp/case.CREDIT_MULTIPLE")


def is_there(name: str) -> bool:
    """Find a folder, file, module, or name within a module."""
    base = (
        ROOT if name.split("/", maxsplit=1)[0] in {"components", "pages", "docs", "tests", "bench"} else ROOT / "mara"
    )
    place = base / name
    if place.exists() or (base / f"{name}.py").exists():
        return True
    stem, _, word = name.rpartition(".")
    module = base / f"{stem}.py"
    return bool(word) and module.is_file() and re.search(rf"\b{word}\b", module.read_text(encoding="utf-8")) is not None
