"""Strict reading of a `.env` file: a line that sets nothing is refused."""

import re
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from mara.errors import ConfigError

MAX_SHOWN_LENGTH = 80  # characters of a refused value that its message repeats
_ALMOST_OURS = re.compile(r"mara(?!_)", re.IGNORECASE)


def refuse_bad_lines(path: Path) -> None:
    """Refuse a `.env` file with a line that sets nothing, probably by mistake."""
    if not path.is_file():
        return
    for binding in parse_stream(StringIO(path.read_text(encoding="utf-8-sig"))):
        text = binding.original.string.strip().partition("\n")[0][:MAX_SHOWN_LENGTH]
        shown = repr(text if "=" not in text else text.partition("=")[0] + "=…")
        if binding.error:
            raise _bad_line(path, binding, f"{shown} is no setting", "a name, = and a value, such as MARA_SEED=7")
        if binding.key is not None and binding.value is None:
            raise _bad_line(path, binding, f"{shown} has no value", f"{binding.key}=VALUE")
        if binding.key is not None and _ALMOST_OURS.match(binding.key):
            raise _bad_line(path, binding, f"{shown} is no name of ours", "one that begins with MARA_")


def _bad_line(path: Path, binding: Binding, what: str, expected: str) -> ConfigError:
    # A line is reported where its text begins, blank lines before it belong to it.
    blank = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
    return ConfigError(f"{path} line {binding.original.line + blank}: {what}: write {expected}, or take it out")
