"""The import folder: no access outside of it, and files are stored whole or not."""

import errno
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.assembly.imports import folder as folders
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.trash import Trash, told_of
from mara.errors import CommandError
from tests.assembly.imports.desks import PRICES, SetClock, chunks, desk_in, price_bytes


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "imports"


@pytest.fixture
def desk(root: Path, clock: SetClock) -> ImportDesk:
    return desk_in(root, clock)


def kept(root: Path) -> list[str]:
    """List all files below the folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "name",
    ["../secret.csv", "/etc/passwd", "sub/../../secret.csv", "", ".", "a\0b", "trash/x", "histories/x", "\ud800"],
)
def test_no_name_leads_out_of_the_folder(desk: ImportDesk, root: Path, name: str) -> None:
    (root.parent / "secret.csv").write_text("x")
    with pytest.raises(CommandError, match="import folder"):
        desk.folder.path_of(name)


def test_a_link_that_leads_out_is_refused_and_not_listed(desk: ImportDesk, root: Path) -> None:
    (root.parent / "secret.csv").write_text("x")
    (root / "link.csv").symlink_to(root.parent / "secret.csv")
    (root / "out").symlink_to(root.parent, target_is_directory=True)
    for name in ("link.csv", "out/secret.csv"):
        with pytest.raises(CommandError, match="leads out of the import folder: copy the file into it"):
            desk.folder.path_of(name)
    for pattern in ("*.csv", "out/*.csv", "**/*.csv"):
        with pytest.raises(CommandError, match="leads out"):
            desk.folder.refuse_outside([pattern])
    assert desk.folder.files() == ()


def test_a_server_without_a_folder_says_how_to_get_one() -> None:
    with pytest.raises(CommandError, match="set MARA_IMPORT_FOLDER"):
        folders.ImportFolder(root=None, most_bytes=1).path_of("x.csv")


async def test_a_file_is_received_by_its_content_whatever_its_name(desk: ImportDesk, root: Path) -> None:
    assert await desk.receive("photo.png", chunks(price_bytes(), 1_000)) == ("uploads/photo.png", ("smard",))
    assert (root / "uploads" / "photo.png").read_bytes() == price_bytes()
    assert [file.name for file in await desk.files()] == ["uploads/photo.png"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"\x89PNG\r\n\x1a\n" * 99, "uploads/a.csv: should be in a layout"),
        ("a.csv", b"x" * 1_000_001, "should have at most 1 MB, has more: split it"),
        ("a.csv", b"", "is empty: choose the file again"),
        ("../a.csv", b"x", "no slash"),
        (".hidden", b"x", "no point in front"),
        ("a\nb", b"x", "rename it"),
        ("\ud800", b"x", "rename it"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    desk: ImportDesk, root: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        await desk.receive(name, chunks(content))
    assert words in str(refusal.value)
    assert str(root) not in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert kept(root) == []


async def test_a_taken_name_is_refused_and_the_first_file_stays(desk: ImportDesk, root: Path) -> None:
    await desk.receive(PRICES, chunks(price_bytes()))
    with pytest.raises(CommandError, match="is there already"):
        await desk.receive(PRICES, chunks(price_bytes(3)))
    assert (root / "uploads" / PRICES).read_bytes() == price_bytes()


async def test_a_full_disk_and_a_broken_connection_leave_nothing(
    desk: ImportDesk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken_off() -> AsyncIterator[bytes]:
        yield b"begin"
        raise ConnectionResetError

    with pytest.raises(CommandError):
        await desk.receive(PRICES, broken_off())
    assert kept(root) == []

    class Disk:
        free = 0

    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk)
    with pytest.raises(CommandError, match="the disk is full: make room on the server"):
        await desk.receive(PRICES, chunks(price_bytes()))
    assert kept(root) == []


async def test_a_removed_file_comes_back_until_its_time_is_over(desk: ImportDesk, root: Path, clock: SetClock) -> None:
    await desk.receive(PRICES, chunks(price_bytes()))
    entry = await desk.remove_file(f"uploads/{PRICES}")
    assert await desk.files() == ()
    assert [one.names for one in desk.deleted()] == [(f"uploads/{PRICES}",)]
    await desk.restore(entry)
    assert (root / "uploads" / PRICES).read_bytes() == price_bytes()
    await desk.remove_file(f"uploads/{PRICES}")
    clock.pass_days(8)
    desk_in(root, clock)
    assert kept(root) == []


def test_what_comes_back_from_the_trash_comes_back_whole_or_not_at_all(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("histories/north", "north.toml")
    (root / names[0]).mkdir(parents=True)
    (root / names[1]).write_text("spec")
    trash = Trash(root=root)
    entry = trash.discard(names, datetime(2026, 1, 1, tzinfo=UTC))
    replace = os.replace

    def refusing(source: Path, target: Path) -> None:
        if target == root / names[1]:
            raise OSError(errno.EACCES, "Permission denied")
        replace(source, target)

    monkeypatch.setattr("os.replace", refusing)
    with pytest.raises(CommandError, match="was not brought back"):
        trash.restore(entry)
    assert not any((root / name).exists() for name in names)
    assert [set(one.names) for one in trash.deleted()] == [set(names)]
    monkeypatch.undo()
    trash.restore(entry)
    assert all((root / name).exists() for name in names)


async def test_files_of_the_server_are_not_removed_over_the_network(desk: ImportDesk, root: Path) -> None:
    (root / "mine.csv").write_text("x")
    for name in ("mine.csv", "uploads/../mine.csv"):
        with pytest.raises(CommandError):
            await desk.remove_file(name)
    assert kept(root) == ["mine.csv"]


async def test_what_a_killed_server_left_half_done_is_swept_up(root: Path) -> None:
    (root / "uploads").mkdir(parents=True)
    (root / "uploads" / ".upload-x").write_text("half")
    (root / "histories" / ".north.y").mkdir(parents=True)
    desk_in(root)
    assert kept(root) == []
    assert os.listdir(root / "histories") == []


def test_errors_of_the_disk_are_told_in_words() -> None:
    assert "permissions" in told_of(OSError(errno.EACCES, "Permission denied"))
