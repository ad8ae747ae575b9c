"""Histories that come with Mara: real market hours with their licences."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from mara.errors import FeedInvalid
from mara.spelling import nearest

FOLDER: Final = Path(str(files("mara"))) / "data" / "histories"
README: Final = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedHistory:
    """A history folder of the package.

    Attributes:
        name: the value of `--history`.
        title: one line that names the markets and the period.
        folder: path of its files.
    """

    name: str
    title: str
    folder: Path

    @property
    def licences(self) -> str:
        """Text of the folder's README: origin and licence of each column."""
        return (self.folder / README).read_text(encoding="utf-8")


def shipped_histories() -> tuple[ShippedHistory, ...]:
    """Return the shipped histories in order of their names."""
    return tuple(_shipped())


def history_folder(path: Path) -> Path:
    """Return the folder that a path or a shipped history's name stands for.

    An existing folder wins over a shipped name; a path of several parts is never taken for a name.

    Raises:
        FeedInvalid: a bare name is neither; the message lists the shipped names.
    """
    if path.exists() or path.name != str(path):
        return path
    if (folder := shipped_folder(str(path))) is not None:
        return folder
    named = [shipped.name for shipped in _shipped()]
    near = nearest(str(path), named)
    guess = f"did you mean {near}?" if near else f"name a folder, or a shipped history: {', '.join(named)}"
    raise FeedInvalid(f"{path} should be a history folder, is not there: {guess}")


def shipped_folder(name: str) -> Path | None:
    """Find the folder of a shipped history; None where a folder at hand has the name."""
    if Path(name).exists():
        return None
    return next((shipped.folder for shipped in _shipped() if shipped.name == name), None)


def _shipped() -> Iterator[ShippedHistory]:
    for folder in sorted(path for path in FOLDER.iterdir() if (path / README).is_file()):
        title = (folder / README).read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
        yield ShippedHistory(name=folder.name, title=title.removeprefix("# "), folder=folder)
