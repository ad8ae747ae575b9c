"""No component sends an event under a name that browsers use for their own events.

A native dialog fires `cancel` on Esc and a form field fires `change`; NiceGUI listens on the component's root
element, so that such an event reached a listener of the same name and ordered what nobody had asked for.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, python_files, said_of

SCRIPTS = sorted(path for path in (ROOT / "components").rglob("*.js") if "static" not in path.parts)
COMPONENT = re.compile(r"^(?=export default \{|(?:export )?const [A-Z]\w* = \{)", re.MULTILINE)
"""Pattern of the beginnings of a script's components, exported or within it."""
EMITTED = re.compile(r"\bemit\(([^,)]*)")
SENT = re.compile(r"""\w\((["'](?:order|show|ask)-[a-z-]+["'])""")
"""Pattern of an event name given to any function, which may emit it."""
NAMED = re.compile(r"""["']([^"']+)["']""")
DECLARED = re.compile(r"\bemits: \[([^\]]*)\]")
UNREAD = re.compile(r"\bdefineEmits\b|\bdefineModel\b|\bemits: (?!\[)|[\"'`]update:")
"""Other ways of Vue to declare an event, which this test would not read."""
OURS = re.compile(r"(order|show|ask)-[a-z]+(-[a-z]+)*")
"""Pattern of allowed names; a browser's own events have no hyphen.

Events that change or cost something begin with `order`, others with `show` or `ask`.
"""
WITHIN = re.compile(r"[a-z]+(-[a-z]+)+")
"""Pattern of events between components, which never reach Python."""


def heard_by(path: Path) -> list[tuple[int, str, str]]:
    """Find line, event and script of the events that a file's components listen to."""
    classes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef))
    return [
        (call.lineno, str(ast.literal_eval(call.args[0])), _script_of(made))
        for made in classes
        for call in ast.walk(made)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "self.on"
    ]


def _script_of(made: ast.ClassDef) -> str:
    return next((str(ast.literal_eval(word.value)) for word in made.keywords if word.arg == "component"), "")


def components_in(script: str) -> list[str]:
    """Split a script into the texts of its components."""
    return [text for text in COMPONENT.split(script) if COMPONENT.match(text)]


def is_root(component: str) -> bool:
    """True if a component is exported, so that NiceGUI listens to its events."""
    return component.startswith("export default")


def declared_by(component: str) -> set[str]:
    """The events that a component declares, so that Vue attaches no native listener."""
    return {name for words in DECLARED.findall(component) for name in NAMED.findall(words)}


def emitted_by(component: str) -> list[str]:
    """The events that a component emits, in its methods and in its template."""
    return [name for words in (*EMITTED.findall(component), *SENT.findall(component)) for name in NAMED.findall(words)]


def declared_in(script: Path) -> set[str]:
    """The events that Python may listen to."""
    roots = [text for text in components_in(script.read_text(encoding="utf-8")) if is_root(text)]
    return {name for root in roots for name in declared_by(root)}


def faults_of(script: str) -> list[str]:
    """List what is wrong with the events of a script's components."""
    wrong = [f"{found[0]} declares events in a way that is not read here" for found in UNREAD.finditer(script)]
    inside = components_in(script)
    if len(EMITTED.findall(script)) != sum(len(EMITTED.findall(text)) for text in inside):
        wrong.append("an event is emitted outside of a component")
    for text in inside:
        declared, ours = declared_by(text), OURS if is_root(text) else WITHIN
        wrong += [f"{name} is no name of ours" for name in sorted(declared) if not ours.fullmatch(name)]
        wrong += [f"{name} is not declared in emits" for name in emitted_by(text) if name not in declared]
    return wrong


def test_every_event_of_a_component_has_a_name_of_our_own_and_is_declared() -> None:
    assert [said_of(path, 1, fault) for path in SCRIPTS for fault in faults_of(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ('export default {\n  emits: ["cancel"],\n};', "cancel is no name of ours"),
        ('const Part = {\n  emits: ["typed"],\n};', "typed is no name of ours"),
        ('export default {\n  emits: ["field-typed"],\n};', "field-typed is no name of ours"),
        ("export default {\n  template: `<b @click=\"$emit('show-it')\">`,\n};", "show-it is not declared in emits"),
        ("export default {\n  template: `<b @click=\"send('order-it')\">`,\n};", "order-it is not declared in emits"),
        (
            'const Part = {\n  emits: ["show-it"],\n};\nexport default {\n  go() { this.$emit("show-it"); },\n};',
            "show-it is not declared in emits",
        ),
        ('const emit = defineEmits(["cancel"]);', "defineEmits declares events in a way that is not read here"),
        ("export default {\n  emits: { cancel: null },\n};", "emits:  declares events in a way that is not read here"),
        ('const go = (emit) => emit("cancel");', "an event is emitted outside of a component"),
    ],
)
def test_a_native_or_undeclared_event_would_be_found(script: str, fault: str) -> None:
    assert fault in faults_of(script)


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
