"""Which files of the server an order from a screen may read: whoever sits at it all, others those that are named."""

from dataclasses import dataclass
from pathlib import Path

from mara.api.security.authenticator import LOCAL, Identity
from mara.errors import CommandError
from mara.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableFiles:
    """Folders with all that is in them; None for everything that Mara can read."""

    folders: tuple[Path, ...] | None

    def demand(self, path: Path) -> None:
        """Insist that a path is in reach; says nothing of what is there where it is not.

        Raises:
            CommandError: it is outside.
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


def reach_of(who: Identity, settings: Settings, history: Path | None) -> ReadableFiles:
    """What somebody's orders may read; `history` is what the live run replays."""
    if who is LOCAL:
        return ANYWHERE
    named = [Path(text.strip()) for text in settings.data_folders.split(",") if text.strip()]
    return ReadableFiles(folders=tuple(folder.resolve() for folder in (*named, *([history] if history else []))))
