"""Refusals of TOML files, which name the line at fault, the field and a remedy."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mara.errors import ConfigError
from mara.spelling import nearest

MAX_SHOWN_LENGTH: Final = 80
"""Most characters of a refused value that a message repeats."""

Loc = tuple[int | str, ...]
"""Location in a file: table names, the number of a table in a list, the field."""

_SHAPES: Final = {"model_type": "a table", "dict_type": "a table"}
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_OF_TYPE: Final = "_type"
"""End of the kinds of errors about a value's type."""
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]")
_KEY: Final = re.compile(r"\s*([\w.\"'-]+?)\s*=")


class Refuser:
    """Maker of the errors of one TOML file, which name the line at fault.

    Args:
        field_text: writes a location for a message.
    """

    def __init__(self, source: str, text: str, field_text: Callable[[Loc], str]) -> None:
        self._source, self._text, self._field_text = source, text, field_text

    def __call__(self, loc: Loc, expected: str, remedy: str = "correct it") -> ConfigError:
        line = line_of(self._text, loc)
        place = f"{self._source} line {line}" if line else self._source
        return ConfigError(f"{place}: {self._field_text(loc)} {expected}: {remedy}")

    def of_schema(self, details: list[ErrorDetails], tables: Mapping[str, type[BaseModel]], what: str) -> ConfigError:
        """Phrase the first error of a schema.

        Args:
            tables: tables by the last name of their header, to suggest a field for a misspelt one.
            what: name of the file's kind, such as `a fleet file`.
        """
        detail = _first_of(details)
        # what the file itself names may hold any sign
        if detail["type"] == "extra_forbidden":
            return self(detail["loc"], *_unknown_field(detail["loc"], tables, what))
        # a value of several types has their names in its place, such as `constrained-str`
        loc = tuple(part for part in detail["loc"] if isinstance(part, int) or _NAME.fullmatch(part))
        if detail["type"] == "missing":
            return self(loc, "is required", "add it")
        if detail["loc"][-1] == "[key]":
            return self(detail["loc"][:-1], "should be named in lower_snake_case", "rename it")
        expected = expectation_of(detail)
        if detail["type"] == "tuple_type":
            names = [part for part in loc if isinstance(part, str)]
            expected = (
                f"should be a list of tables, each [[{'.'.join(names)}]]" if names[-1] in tables else "should be a list"
            )
        return self(loc, f"{expected}, came {shown_value(detail['input'])}")


def expectation_of(detail: ErrorDetails) -> str:
    """Phrase the rule that a value broke: ``should be greater than 0``."""
    if detail["type"] in _SHAPES:
        return f"should be {_SHAPES[detail['type']]}"
    _, should, what = detail["msg"].partition("should")
    return should + what if should else detail["msg"].removeprefix("Value error, ")


def shown_value(value: object) -> str:
    """Repeat a refused value, cut short."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_LENGTH else text[:MAX_SHOWN_LENGTH] + "…"


def line_of(text: str, loc: Loc) -> int | None:
    """Find the line that sets `loc`, else that of its table; None without either."""
    places: dict[Loc, int] = {}
    header: Loc = ()
    counts: dict[Loc, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _HEADER.match(line):
            header = _path_of(found[2], counts)
            if found[1] == "[[":
                counts[header] = counts.get(header, -1) + 1
                header = (*header, counts[header])
            places.setdefault(header, number)
        elif found := _KEY.match(line):
            places.setdefault((*header, *_names_of(found[1])), number)
    return next((places[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in places), None)


def _first_of(details: list[ErrorDetails]) -> ErrorDetails:
    """Choose the error to report: an unknown field first, else the first one.

    A misspelt required field gives two errors; the misspelling is the one to correct. So does a field that may have
    several types: what is wrong beside the type says more.
    """
    misspelt = next((detail for detail in details if detail["type"] == "extra_forbidden"), None)
    if misspelt is not None:
        return misspelt
    of_field = [detail for detail in details if _field_of(detail) == _field_of(details[0])]
    return next((detail for detail in of_field if not detail["type"].endswith(_OF_TYPE)), details[0])


def _field_of(detail: ErrorDetails) -> Loc:
    """Location of the field of an error, without its place in a list or among types."""
    loc = detail["loc"]
    end = next((n for n, part in enumerate(loc) if isinstance(part, str) and not _NAME.fullmatch(part)), len(loc))
    return loc[:end]


def _unknown_field(loc: Loc, tables: Mapping[str, type[BaseModel]], what: str) -> tuple[str, str]:
    names = [part for part in loc if isinstance(part, str)]
    table = names[-2] if len(names) > 1 else ""
    fields = list(tables[table].model_fields)
    near = nearest(names[-1], fields, least_share=0.0)
    remedy = f"correct or remove it (known: {', '.join(fields)})"
    return f"is not a field of {f'[{table}]' if table else what}; the nearest is {near}", remedy


def _path_of(dotted: str, counts: dict[Loc, int]) -> Loc:
    """Convert a table's dotted name such as ``site.climate`` to a location.

    The name of a list of tables is followed by the number of the last table read so far.
    """
    path: Loc = ()
    for name in _names_of(dotted)[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return (*path, _names_of(dotted)[-1])


def _names_of(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def read_any(raw: dict[str, Any], name: str) -> list[Any]:
    """Return a list of tables of a file; empty where there is none."""
    value = raw.get(name)
    return value if isinstance(value, list) else []
