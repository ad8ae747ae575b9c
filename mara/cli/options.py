"""Options that need more than a type: instants, and files to be written."""

from datetime import UTC, datetime
from pathlib import Path

from mara.errors import ConfigError


def moment_of(text: str | None, option: str) -> datetime | None:
    """Parse an ISO 8601 instant or date.

    A text without a zone is taken as UTC; None stays None.

    Raises:
        ConfigError: the text is neither an instant nor a date.
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


def refuse_homeless(file: Path | None, option: str) -> None:
    """Refuse an output file whose folder does not exist, before the work begins.

    An hour's work would else be lost for lack of a folder.

    Raises:
        ConfigError: the file's folder does not exist, or the path is a folder.
    """
    if file is None:
        return
    if not file.parent.is_dir():
        raise ConfigError(f"{option} {file} should be a file in a folder that is there: make {file.parent} first")
    if file.is_dir():
        raise ConfigError(f"{option} {file} should be a file, a folder came: name a file in it")
