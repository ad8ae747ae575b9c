"""Histories that come with Mara, by name: real market hours that may be redistributed, with their licences."""

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
        name: what `--history` takes.
        title: one line that says which markets and which period.
        folder: where its files lie.
    """

    name: str
    title: str
    folder: Path

    @property
    def licences(self) -> str:
        """The folder's README: origin and licence of each column."""
        return (self.folder / README).read_text(encoding="utf-8")


def shipped_histories() -> tuple[ShippedHistory, ...]:
    """Return the histories that this Mara ships, by name."""
    return tuple(_shipped())


def history_folder(path: Path) -> Path:
    """Return the folder that a path or a shipped history's name stands for.

    A folder at hand wins over a name; a path of several parts is never taken for a name.

    Raises:
        FeedInvalid: a bare name of neither; the message names what is shipped.
    """
    if path.exists() or path.name != str(path):
        return path
    named = {shipped.name: shipped.folder for shipped in _shipped()}
    if str(path) in named:
        return named[str(path)]
    near = nearest(str(path), named)
    guess = f"did you mean {near}?" if near else f"name a folder, or a shipped history: {', '.join(named)}"
    raise FeedInvalid(f"{path} should be a history folder, is not there: {guess}")


def _shipped() -> Iterator[ShippedHistory]:
    for folder in sorted(path for path in FOLDER.iterdir() if (path / README).is_file()):
        title = (folder / README).read_text(encoding="utf-8").split("\n", maxsplit=1)[0]
        yield ShippedHistory(name=folder.name, title=title.removeprefix("# "), folder=folder)
