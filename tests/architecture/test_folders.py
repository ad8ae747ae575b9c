"""The rules for folders: at most 15 modules, files under 40 lines need a reason."""

import ast
from collections import Counter

from tests.architecture.house import PACKAGES, ROOT, python_files, said_of

MOST_MODULES_PER_FOLDER = 15
LEAST_LINES_PER_FILE = 40
BY_FLOORS = {"mara/core"}
"""Folders with more modules, whose order is given by import contracts."""

SMALL: dict[str, str] = {
    "mara/templates.py": "one loader of Jinja2 templates for the API and the report, neither of which knows the other",
    "components/shared/optimizer_labels.py": "labels of plans on several pages",
    # file: why it is a file of its own though it has under 40 lines
    "pages/serving/window.py": "the optional extra `native`, which nothing else of the pages knows",
    "mara/api/routes/json_values.py": "JSON of the core's values, for the API, the command line and the tools alike",
    "mara/core/day.py": "a part of World, so below it; daybook, which fills it in, stands above dispatch",
    "components/overview/money_panel.py": "a panel, in a file of its own as each of them",
    "components/preferences/preference_menu.py": "elements of a browser alone, which the server learns nothing of",
    "components/time_range/range_picker.py": "an element, in a file of its own as each of them",
    "pages/serving/shown_range.py": "pages of several kinds read the range from their address",
    "mara/env_file.py": "`settings`, which alone calls it, is as long as a file may be",
    "mara/core/rules_version.py": "the version that a change of advance raises: found by its name",
    "mara/store/schema/append_only.py": "only migrations call it; it needs their connection, as nothing else here does",
    "mara/assembly/people.py": "the commands on users need no other part of a run, and start faster without",
    "mara/runtime/progress.py": "the command line draws what backtests and studies tell, without importing them",
    "mara/figures.py": "the command line and a backtest's page format reports alike, and neither stands on the other",
    "mara/runtime/actor.py": "the gate sets the acting user, the order book reads it; neither may know the other",
    "mara/runtime/signals/watchdog_process.py": "the entry of a process of its own, which must start at once",
    "mara/signals/outlets/document_file.py": "an outlet, in a file of its own as each of them",
    "mara/feeds/live/providers/pacific.py": "a part of the world with one provider so far; the others have files too",
    "mara/optimizers/advisor/fact_ledger.py": "the tools fill it, an answer is checked against it; it knows neither",
}


def test_no_folder_holds_more_modules_than_one_look_takes_in() -> None:
    held = Counter(str(path.parent.relative_to(ROOT)) for path in python_files(*PACKAGES) if path.name != "__init__.py")
    assert {folder: count for folder, count in held.items() if count > MOST_MODULES_PER_FOLDER}.keys() <= BY_FLOORS


def test_a_file_of_few_lines_says_why_it_is_one() -> None:
    small = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*PACKAGES)
        if path.name not in {"__init__.py", "__main__.py"}
    }
    assert sorted(name for name, lines in small.items() if lines < LEAST_LINES_PER_FILE and name not in SMALL) == []
    assert [name for name in SMALL if small.get(name, LEAST_LINES_PER_FILE) >= LEAST_LINES_PER_FILE] == []


def test_every_package_says_what_it_holds() -> None:
    assert [
        said_of(path, 1, "no docstring")
        for path in python_files(*PACKAGES)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ] == []
