"""A log record as one line, JSON or plain text.

Secrets are hidden, and control characters are escaped that a terminal would obey.
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

MAX_TEXT_LENGTH: Final = 20_000
"""Characters of one text in a line; a longer one is cut."""
MAX_DEPTH: Final = 4
"""Deepest nesting of a field; values below it are written as Python's `repr`."""
HIDDEN: Final = "***"


def json_lines() -> logging.Formatter:
    """Make a formatter that writes a record as one JSON object.

    Its keys: timestamp, level, logger, message, the record's extra fields, exc_info.
    """
    return JsonFormatter(_FIELDS, style=",", rename_fields=_NAMES, timestamp=True, json_serializer=_json_line)


def plain_lines() -> logging.Formatter:
    """Make a formatter that writes a record as plain text.

    A traceback follows in indented lines, so that none can be taken for a record.
    """
    return JsonFormatter(_FIELDS, style=",", rename_fields=_NAMES, timestamp=True, json_serializer=_plain_line)


def redacted(text: str) -> str:
    """Replace keys, tokens and passwords in a text, and whatever resembles one."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


def escaped(text: str) -> str:
    r"""Replace control, bidirectional and invisible characters by their escapes.

    For example ``\x1b`` and ``\u202e``.
    """
    return text if text.isprintable() else _UNSAFE.sub(_written_out, text)


def clean(value: object, key: str = "", depth: int = 0) -> Any:
    """Convert a value to plain JSON values, with its texts redacted and escaped.

    `key` is the value's name: under a name such as `password` the value is hidden.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {_clean_text(str(k)): clean(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [clean(item, key, depth + 1) for item in value]
    return HIDDEN if _SECRET_KEY.search(key) else _clean_text(str(value))


def _clean_text(text: str) -> str:
    return escaped(redacted(text)[:MAX_TEXT_LENGTH])


def _clean_lines(text: str) -> str:
    """Redact and escape the lines of a traceback, which keeps its line breaks."""
    return "\n".join(escaped(line) for line in redacted(text)[:MAX_TEXT_LENGTH].split("\n"))


def _cleaned(fields: dict[str, Any]) -> dict[str, Any]:
    moment: datetime = fields.pop("timestamp")
    stamp = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = {key: _clean_lines(str(fields.pop(key))) for key in _LINED if key in fields}
    return {"timestamp": stamp, **clean(fields), **lines}


def _json_line(fields: dict[str, Any], **_: object) -> str:
    return json.dumps(_cleaned(fields), ensure_ascii=False)


def _plain_line(fields: dict[str, Any], **_: object) -> str:
    whole = _cleaned(fields)
    below = [whole.pop(key) for key in _LINED if key in whole]
    first = " ".join([whole.pop("timestamp"), whole.pop("level"), whole.pop("logger") + ":", str(whole.pop("message"))])
    extra = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in whole.items()]
    return "\n    ".join([" ".join([first, *extra]), *"\n".join(below).splitlines()])


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


_FIELDS: Final = "levelname,name,message"
_NAMES: Final = {"levelname": "level", "name": "logger"}
_LINED: Final = ("exc_info", "stack_info")

_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    r"\U000e0000-\U000e007f]"
)
_SENSITIVE: Final = r"password|passwd|pwd|secret|api[_-]?key|authorization|cookie"
_SECRET_KEY: Final = re.compile(rf"{_SENSITIVE}|(?:^|[_-])token$", re.IGNORECASE)
_SECRETS: Final = (
    (re.compile(r"sk-ant-[A-Za-z0-9_-]+"), f"sk-ant-{HIDDEN}"),
    # Six characters on: a token has 43, and a path such as mara_ops stays readable.
    (re.compile(r"mara_[A-Za-z0-9_-]{6,}"), f"mara_{HIDDEN}"),
    (re.compile(r"\b(bearer(?:\s|%20)+)[^\s\"',;]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # As a header of a request stands in a text.
    (re.compile(r"(api[_-]?key\s*:\s*)[^\s,;\"'}]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # Up to the last @ of the word: an unquoted password may hold / and @ itself.
    (re.compile(r"(://[^\s:/@?#\"'<>]{0,256}:)\S{0,1024}@"), rf"\1{HIDDEN}@"),
    (
        re.compile(rf"((?:{_SENSITIVE}|\btoken)(?:[\"']?\s*=\s*[\"']?|[\"']\s*:\s*[\"']))[^\s&;,\"']+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
)
