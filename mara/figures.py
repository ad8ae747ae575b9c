"""Reports for people: nested names joined by dots, numbers with few digits."""

from collections.abc import Iterator, Mapping


def flat(report: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Flatten a report: names of what is nested are joined by dots."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def text_of(value: object) -> str:
    """Format a value: thousands marked, only as many digits as say something."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
