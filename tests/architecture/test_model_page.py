"""The page of the model names every variable and row of the linear program.

The modules that it names exist.
"""

import inspect
import re
from dataclasses import fields

from mara.optimizers.lp import rows
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.instruments import families as contract_rows
from tests.architecture.house import ROOT

PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
PROGRAM = PAGE[PAGE.index("## 5. The linear program") : PAGE.index("## 6. ")]
MODULES = PAGE[PAGE.index("## 17. Where each part lives") : PAGE.index("## 18. ")]
NOT_VARIABLES = {"metered", "hedged", "batteries", "feeding", "billed", "billed_site", "supplied", "resting", "width"}
FAMILY = re.compile(r"(?:at_most\(|Rows\(name=)\"(\w+)\"")


def test_the_page_names_every_variable_of_the_program() -> None:
    names = {field.name for field in fields(Columns)} - NOT_VARIABLES
    assert sorted(name for name in names if f"`{name}`" not in PROGRAM) == []


def test_the_page_names_every_family_of_rows() -> None:
    source = inspect.getsource(rows) + inspect.getsource(contract_rows)
    families = FAMILY.findall(source)
    assert len(families) == len(set(families)) > 0
    assert [name for name in families if f"`{name}`" not in PROGRAM] == []


def test_the_modules_of_the_model_are_there() -> None:
    named = re.findall(r"`([a-z_/]+[a-z])`", MODULES.replace("`mara/`", ""))
    assert [
        name for name in named if not ((ROOT / "mara" / name).is_dir() or (ROOT / "mara" / f"{name}.py").is_file())
    ] == []
