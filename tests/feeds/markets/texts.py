"""Text files of tests as lists of lines, which can be changed and written again."""

from pathlib import Path

from tests.feeds.markets.writers_europe import Files, text


def put(folder: Path, name: str, lines: list[str]) -> Path:
    (folder / name).write_bytes(text(lines))
    return folder / name


def lines_of(files: Files) -> tuple[str, list[str]]:
    name, content = next(iter(files.items()))
    return name, content.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
