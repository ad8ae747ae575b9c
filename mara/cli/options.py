"""Options that need more than a type: instants."""

from datetime import UTC, datetime

from mara.errors import ConfigError


def moment_of(text: str | None, option: str) -> datetime | None:
    """An ISO 8601 instant or date, UTC where it names no zone; None stays None.

    Raises:
        ConfigError: not such a text.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{option} must be a date or time like 2023-01-31 or 2023-01-31T12:00Z, got {text!r}"
        ) from error
