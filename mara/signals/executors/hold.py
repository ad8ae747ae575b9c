"""Hold on a device: its owner's settings, on disk from before the first write.

Whoever finds the file of a Mara that has died can bring the device back. A lock beside it keeps out a second writer.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mara.errors import ConfigError, DeviceError
from mara.signals.executors.base import DeviceState

HOLD: Final = ".hold.json"
RELEASED: Final = ".released.json"
OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The memory of a device that Mara has written.

    Attributes:
        group: machines that are held; empty for the whole site.
        lease: lease under which they were written; a watchdog gives back what its own Mara held.
        spec: settings of its executor, as the executors file has them.
        owners: state before the first write; of silent devices it is not known, and they are not written.
        ours: states that Mara wrote last, or was about to write; any other was set by somebody else.
    """

    site_id: str
    group: str = ""
    lease: str = ""
    spec: Mapping[str, Any]
    owners: DeviceState
    ours: tuple[DeviceState, ...]

    @property
    def name(self) -> str:
        """The site, and the group where one is held alone."""
        return f"{self.site_id} {self.group}".rstrip()


class HoldFile:
    """Hold on the devices of a site, in a file, locked while this process may write.

    Args:
        locks: folder that all Maras of this machine share.
        group: machines that are held; empty for the whole site.
    """

    def __init__(self, folder: Path, locks: Path, site_id: str, group: str = "") -> None:
        self.site_id = site_id
        self.group = group
        self._path = folder / f"{_file_name(site_id)}{f'.{group}' if group else ''}{HOLD}"
        self._locks = locks
        self._lock: int | None = None

    def lock(self, device: str) -> None:
        """Become the one writer of a device.

        Raises:
            DeviceError: another Mara writes it.
        """
        if self._lock is not None:
            return
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._locks / f"{_digest(device)[:24]}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise DeviceError(f"another Mara writes the devices of {self.site_id}: disarm it there first") from error
        self._lock = descriptor

    def unlock(self) -> None:
        """Let others write the device; harmless when repeated."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def exists(self) -> bool:
        """Tell whether something is held."""
        return self._path.exists()

    def read(self) -> Hold | None:
        """Read what is held; None where nothing is.

        Raises:
            ConfigError: the file is not one that Mara wrote.
        """
        return hold_in(self._path) if self._path.exists() else None

    def write(self, hold: Hold) -> None:
        """Store what is held; on disk when this returns.

        Raises:
            DeviceError: it is not on disk, so that nothing may be written to the device.
        """
        try:
            _written(self._path, _plain(hold))
        except OSError as error:
            raise DeviceError(
                f"what {self.site_id} had set cannot be kept in {self._path} ({error.strerror}): make room there, "
                "nothing more is written before"
            ) from error

    def forget_as(self, said: str) -> None:
        """Replace the hold by a note of how its device was brought back.

        Raises:
            ConfigError: the file is not one that Mara wrote.
        """
        note_released(self._path, hold_in(self._path), said, is_kept=False)

    def forget(self) -> None:
        """Remove the hold of a device that is its owner's again."""
        self._path.unlink(missing_ok=True)


def hold_in(path: Path) -> Hold:
    """Read a hold.

    Raises:
        ConfigError: the file is not one that Mara wrote.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Hold(
            site_id=plain["site_id"],
            group=plain.get("group", ""),  # older holds know neither
            lease=plain.get("lease", ""),
            spec=plain["spec"],
            owners=_state(plain["owners"]),
            ours=tuple(_state(state) for state in plain["ours"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} should be a hold that Mara wrote ({type(error).__name__}): set the device by hand"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A note of devices that were given back, to be written to the signal log."""

    path: Path
    site_id: str
    group: str
    before: DeviceState
    said: str


def releases_in(folder: Path) -> list[Release]:
    """List the releases that were noted in a folder."""
    found = []
    for path in sorted(folder.glob(f"*{RELEASED}")):
        with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
            plain = json.loads(path.read_text(encoding="utf-8"))
            site_id, group, said = str(plain["site_id"]), str(plain.get("group", "")), str(plain["said"])
            before = _state(plain["ours"][-1])
            found.append(Release(path=path, site_id=site_id, group=group, before=before, said=said))
    return found


def note_released(path: Path, hold: Hold, said: str, *, is_kept: bool) -> None:
    """Note how the devices of a hold were brought back, to be logged; drop the hold.

    Args:
        is_kept: the hold stays; what is noted later comes after it.
    """
    done = path.with_name(path.name.removesuffix(HOLD) + RELEASED)
    with suppress(OSError, ValueError, KeyError, TypeError):
        earlier = json.loads(done.read_text(encoding="utf-8"))
        said = f"{earlier['said']}; then {said}"
        hold = replace(hold, ours=(_state(earlier["ours"][-1]),))
    _written(done, {**_plain(replace(hold, spec={})), "said": said})
    if not is_kept:
        path.unlink(missing_ok=True)


def _written(path: Path, plain: Mapping[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(plain, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _plain(hold: Hold) -> dict[str, Any]:
    return {
        "site_id": hold.site_id,
        "group": hold.group,
        "lease": hold.lease,
        "spec": dict(hold.spec),
        "owners": hold.owners,
        "ours": hold.ours,
    }


def _state(plain: Any) -> DeviceState:
    return tuple((str(name), value) for name, value in plain)


def _file_name(site_id: str) -> str:
    """Name a site's file; unusual ids are told apart by a digest."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in site_id)[:60]
    return safe if safe == site_id else f"{safe}-{_digest(site_id)[:8]}"


def _digest(text: str) -> str:
    from hashlib import sha256  # brings OpenSSL, without which the watchdog's process is there sooner

    return sha256(text.encode()).hexdigest()
