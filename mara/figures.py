"""Formatting of reports for people: dotted names, numbers with few digits."""

from collections.abc import Iterator, Mapping


def flat(report: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Flatten a nested report to pairs of dotted name and value."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def text_of(value: object) -> str:
    """Format a value with few digits, and with commas between thousands."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
