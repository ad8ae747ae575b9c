"""No event that a component sends to the server shares a name with one that a browser makes by itself.

A native dialog fires `cancel` on Esc and a form field fires `change`; NiceGUI listens on the component's root element,
so that such an event reached a listener of the same name and ordered what nobody had asked for.
"""

import ast
import re
from pathlib import Path

from tests.architecture.house import ROOT, python_files, said_of

SCRIPTS = sorted(path for path in (ROOT / "components").rglob("*.js") if "static" not in path.parts)
EMITTED = re.compile(r"\$emit\(([^,)]*)")
NAMED = re.compile(r'"([^"]+)"')
DECLARED = re.compile(r"emits: \[([^\]]*)\]")
OURS = re.compile(r"(order|show|ask)-[a-z]+(-[a-z]+)*")
"""What changes or costs something orders; the rest shows or asks. No browser's event has a hyphen."""


def heard_by(path: Path) -> list[tuple[int, str, str]]:
    """Line, event and script of what the components of a file listen to on themselves."""
    classes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef))
    return [
        (call.lineno, str(ast.literal_eval(call.args[0])), _script_of(made))
        for made in classes
        for call in ast.walk(made)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.on"
    ]


def _script_of(made: ast.ClassDef) -> str:
    return next((str(ast.literal_eval(word.value)) for word in made.keywords if word.arg == "component"), "")


def declared_in(script: Path) -> set[str]:
    """The events that a script declares, so that Vue attaches no native listener of that name."""
    found = DECLARED.search(script.read_text(encoding="utf-8"))
    return set(NAMED.findall(found[1])) if found else set()


def test_every_event_of_a_component_has_a_name_of_our_own_and_is_declared() -> None:
    wrong = []
    for script in SCRIPTS:
        text, declared = script.read_text(encoding="utf-8"), declared_in(script)
        emitted = [name for words in EMITTED.findall(text) for name in NAMED.findall(words)]
        wrong += [said_of(script, 1, f"{name} is no name of ours") for name in declared if not OURS.fullmatch(name)]
        wrong += [said_of(script, 1, f"{name} is not declared in emits") for name in emitted if name not in declared]
    assert wrong == []


def test_components_listen_to_what_their_script_declares_and_to_nothing_else() -> None:
    heard = [(path, *one) for path in python_files("components", "pages") for one in heard_by(path)]
    assert len(heard) > 10
    assert [
        said_of(path, line, f"{event} is not declared by {script or 'any script'}")
        for path, line, event, script in heard
        if not script or event not in declared_in(path.parent / script)
    ] == []
    declared = {(script.name, event) for script in SCRIPTS for event in declared_in(script)}
    assert declared == {(Path(script).name, event) for _, _, event, script in heard}
