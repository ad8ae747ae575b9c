"""The rules for words: class names, docstrings, units, sources of formulas."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from mara import errors
from tests.architecture.house import (
    PACKAGES,
    ROOT,
    Statements,
    classes_in,
    python_files,
    read_once,
    said_of,
    statements_below,
)
from tests.architecture.test_core_records import UNITS

RIDDLES = (
    "Of",
    "What",
    "Whether",
    "Whoever",
    "Whose",
    "Whom",
    "Who",
    "Where",
    "Wherever",
    "How",
    "When",
    "Whenever",
    "Why",
)
"""Words that no docstring begins with: they hide what the thing is or does."""
LONGEST_FIRST_LINE = 80
LEAST_UNITS_SHARE = 0.95
Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef

OTHER_UNITS = {
    "ratio": "a multiple of a stated other number",
    "factor": "a multiplier",
    "z": "a standard normal score",
    "rows": "a duration in the steps of a series: hours, days or weeks",
    "epoch_s": "UTC seconds since 1970",
    "ms": "real milliseconds, on screens",
    "px": "pixels of a screen",
    "bytes": "size in memory or on disk",
    "pct": "percent, on screens",
    "k": "thermodynamic temperature",
    "km": "distance",
    "per_mwh": "price of energy in a market's own currency",
    "usd_per_unit": "worth of one more of what a row of the program counts",
    "usd_per_day": "money rate of a budget",
    "usd_per_hour": "money rate of a budget",
    "usd_per_mw_day": "part of a month's demand charge that a day bears",
    "mw_per_minute": "ramp of a device",
    "per_contract_day": "events of a contract in a day",
}
NUMBERS = {"float", "float | None", "Floats", "Floats | None"}


@read_once(*PACKAGES)
def documented(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring."""
    for node in statements:
        if isinstance(node, ast.Module | Named) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text
        yield from _attribute_docstrings(node)


def _attribute_docstrings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts under assignments: the documentation of constants and fields."""
    if not isinstance(node, ast.Module | ast.ClassDef):
        return
    for before, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(before, ast.Assign | ast.AnnAssign)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield after.lineno, after.value.value


def test_no_class_name_stands_for_two_things() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in python_files(*PACKAGES):
        for line, name in classes_in(path):
            found[name].append(said_of(path, line, name))
    assert [places for places in found.values() if len(places) > 1] == []


def test_no_docstring_begins_with_a_riddle() -> None:
    assert [
        said_of(path, line, text.splitlines()[0])
        for path in python_files(*PACKAGES)
        for line, text in documented(path)
        if re.match(rf"({'|'.join(RIDDLES)})\b", text)
    ] == []


def test_every_docstring_begins_with_one_whole_sentence() -> None:
    """Menus and tooltips show the first line alone, so it must be a whole sentence."""
    wrong = []
    for path in python_files(*PACKAGES):
        for line, text in documented(path):
            first = text.splitlines()[0].strip()
            if not first.endswith((".", "?", ":")) or len(first) > LONGEST_FIRST_LINE:
                wrong.append(said_of(path, line, first))
    assert wrong == []


@read_once(*PACKAGES)
def floats_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each parameter or field that is a float or an array of floats."""
    for node in statements:
        if isinstance(node, Function):
            arguments = node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                if one.annotation is not None and ast.unparse(one.annotation) in NUMBERS:
                    yield one.lineno, one.arg
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and ast.unparse(field.annotation) in NUMBERS
                ):
                    yield field.lineno, field.target.id


def has_unit(name: str) -> bool:
    return any(name == unit or name.endswith(f"_{unit}") for unit in UNITS.keys() | OTHER_UNITS.keys())


def test_names_of_floats_say_their_unit_in_the_whole_house() -> None:
    named = [(path, line, name) for path in python_files(*PACKAGES) for line, name in floats_in(path)]
    bare = [said_of(path, line, name) for path, line, name in named if not has_unit(name)]
    assert len(named) > 500
    assert len(bare) <= (1 - LEAST_UNITS_SHARE) * len(named), "\n".join(bare)


@read_once(*PACKAGES)
def no_shares_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each constant named a share whose value is outside 0..1."""
    for node in statements:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        value = getattr(node, "value", None)
        if (
            isinstance(target, ast.Name)
            and target.id.lower().endswith("_share")
            and isinstance(value, ast.Constant)
            and isinstance(value.value, int | float)
            and not 0 <= value.value <= 1
        ):
            yield target.lineno, target.id


def test_a_share_is_between_nothing_and_all() -> None:
    """Only constants are checked; a multiple is named a ratio or a factor instead."""
    assert [said_of(path, line, name) for path in python_files(*PACKAGES) for line, name in no_shares_in(path)] == []


FORMULAS = (
    "mara/core/climate.py",
    "mara/core/market.py",
    "mara/core/finance.py",
    "mara/core/sla.py",
    "mara/core/contract.py",
    "mara/core/packing.py",
    "mara/feeds/persistence.py",
    "mara/feeds/synthetic/calibration.py",
    "mara/feeds/synthetic/draws.py",
    "mara/feeds/synthetic/grid_mix.py",
    "mara/feeds/synthetic/hashprices.py",
    "mara/feeds/synthetic/humidity.py",
    "mara/feeds/synthetic/outages.py",
    "mara/feeds/synthetic/arrivals.py",
    "mara/feeds/synthetic/price_level.py",
    "mara/feeds/synthetic/prices.py",
    "mara/feeds/synthetic/weather.py",
    "mara/optimizers/lp/bound.py",
    "mara/optimizers/lp/certificate.py",
    "mara/optimizers/lp/duals.py",
    "mara/optimizers/lp/horizon.py",
    "mara/optimizers/lp/model.py",
    "mara/optimizers/scheduling/contract_scheduler.py",
    "mara/optimizers/lp/rows.py",
    "mara/optimizers/lp/solve.py",
    "mara/optimizers/lp/decomposition/master.py",
    "mara/optimizers/lp/decomposition/multipliers.py",
    "mara/optimizers/advisor/cost.py",
    "mara/optimizers/quoting/pricing.py",
    "mara/optimizers/quoting/risk.py",
    "mara/optimizers/rules/static.py",
    "mara/optimizers/rules/rules.py",
    "mara/optimizers/scheduling/economic_breach.py",
)
SOURCE = re.compile(r"Source:|Sources:|https?://|doi:|docs/model\.md#|SOURCES\.md|chosen:", re.IGNORECASE)


def test_every_module_of_formulas_names_their_source() -> None:
    assert [name for name in FORMULAS if not SOURCE.search((ROOT / name).read_text(encoding="utf-8"))] == []


def test_no_text_points_to_a_document_that_the_repository_does_not_hold() -> None:
    gone = re.compile(
        r"\b(MODEL|CONTRACT|FEATURES|UI|ADVISOR|RELIABILITY|TRAPS)(\.md)? section \d|\b(MODEL|CONTRACT)\.md"
    )
    assert [
        said_of(path, number, line.strip())
        for path in python_files(*PACKAGES, "tests", "bench")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if gone.search(line) and path.name != "test_words.py"
    ] == []


ARRAY = re.compile(r"\b(Floats|Ints|Bools|ndarray|NDArray)\b")
SHAPE = re.compile(r"\([^()]*,[^()]*\)|\bshapes?\b|\blength\b", re.IGNORECASE)
OURS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def public_functions(statements: Statements) -> Iterator[tuple[Function, str]]:
    """Each documented public function of a module or class, with the class's docstring."""
    for node in statements:
        if isinstance(node, ast.Module) or (isinstance(node, ast.ClassDef) and not node.name.startswith("_")):
            about = (ast.get_docstring(node) or "") if isinstance(node, ast.ClassDef) else ""
            for inner in node.body:
                if isinstance(inner, Function) and not inner.name.startswith("_") and ast.get_docstring(inner):
                    yield inner, about


@read_once(*PACKAGES)
def without_shape(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each function of arrays whose docstring says no shape."""
    for function, _ in public_functions(statements):
        given = function.args
        hints = [one.annotation for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)] + [function.returns]
        has_arrays = any(hint is not None and ARRAY.search(ast.unparse(hint)) for hint in hints)
        if has_arrays and not SHAPE.search(ast.get_docstring(function) or ""):
            yield function.lineno, function.name


def test_a_function_of_arrays_says_their_shape() -> None:
    assert [said_of(path, line, name) for path in python_files(*PACKAGES) for line, name in without_shape(path)] == []


def raised_in(node: ast.AST, caught: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of Mara's errors that statements raise and do not catch."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        if name in OURS and not caught & {parent.__name__ for parent in OURS[name].__mro__}:
            yield name
    if isinstance(node, ast.Try):
        names = {ast.unparse(name) for one in node.handlers if one.type for name in ast.walk(one.type)}
        for tried in node.body:
            yield from raised_in(tried, caught | names)
    for inner in statements_below(node):
        if not isinstance(inner, Named) and not (isinstance(node, ast.Try) and inner in node.body):
            yield from raised_in(inner, caught)


@read_once(*PACKAGES)
def unsaid_errors_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each function that raises an error of Mara's and does not say so."""
    for function, about in public_functions(statements):
        said = f"{about}\n{ast.get_docstring(function)}"
        if re.search(r"\bsee `|those of `", said):  # the interface names them
            continue
        for name in sorted(set(raised_in(function))):
            if not any(re.search(rf"\b{parent.__name__}\b", said) for parent in OURS[name].__mro__):
                yield function.lineno, f"{function.name} raises {name}"


def test_a_function_says_which_errors_it_raises() -> None:
    """The docstring of a command is its help, so commands stand aside."""
    named = [path for path in python_files(*PACKAGES) if path.parts[-2] != "cli"]
    assert [said_of(path, line, text) for path in named for line, text in unsaid_errors_in(path)] == []


@read_once(*PACKAGES)
def undescribed_in(statements: Statements) -> Iterator[tuple[int, str]]:
    """Line and name of each method of an interface that nothing describes."""
    for node in statements:
        if not isinstance(node, ast.ClassDef) or "Protocol" not in map(ast.unparse, node.bases):
            continue
        if re.search(r"described at `|see `", ast.get_docstring(node) or ""):
            continue
        for inner in node.body:
            if not isinstance(inner, Function) or inner.decorator_list or inner.name.startswith("_"):
                continue
            if not ast.get_docstring(inner):
                yield inner.lineno, f"{node.name}.{inner.name}"


def test_an_interface_describes_its_methods_or_says_who_does() -> None:
    assert [said_of(path, line, name) for path in python_files(*PACKAGES) for line, name in undescribed_in(path)] == []
