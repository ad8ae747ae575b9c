"""Reports as people read them: nested names joined by dots, numbers with as many digits as tell something."""

from collections.abc import Iterator, Mapping
from typing import Any


def flat(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested names joined by dots."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def text_of(value: object) -> str:
    """A value with thousands marked, as few digits as tell something."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
