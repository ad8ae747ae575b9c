"""Files on the server that a user's backtest may read.

The local user may read any file; users who log in only those in folders that the settings name.
"""

from dataclasses import dataclass
from pathlib import Path

from mara.api.security.authenticator import LOCAL, Identity
from mara.errors import CommandError
from mara.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableFiles:
    """Folders whose files a user may read; None for every file that Mara can read."""

    folders: tuple[Path, ...] | None

    def require(self, path: Path) -> None:
        """Check that a path may be read; the refusal does not tell whether it exists.

        Raises:
            CommandError: the path is in none of the folders.
        """
        if self.folders is None:
            return
        try:
            found = path.resolve()
        except (OSError, RuntimeError, ValueError):
            found = None
        if found is None or not any(found.is_relative_to(folder) for folder in self.folders):
            raise CommandError(
                "files are read from folders that this server names for it, the path is in none of them: have it added "
                "to MARA_DATA_FOLDERS"
            )


ANYWHERE = ReadableFiles(folders=None)


def readable_by(user: Identity, settings: Settings, *histories: Path | None) -> ReadableFiles:
    """Collect the folders that a user may read.

    Args:
        histories: folders of histories that everybody may run; None for what is not there.
    """
    if user is LOCAL:
        return ANYWHERE
    named = [Path(text.strip()) for text in settings.data_folders.split(",") if text.strip()]
    return ReadableFiles(folders=tuple(folder.resolve() for folder in (*named, *filter(None, histories))))
