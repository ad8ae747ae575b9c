"""Checks of a SPEC before it is built: its files lie in the import folder."""

import shutil
from collections.abc import Iterator

from mara.assembly.imports.draft import shipped_file
from mara.assembly.imports.folder import SHIPPED, ImportFolder
from mara.errors import CommandError, ConfigError
from mara.feeds.files.history_file import BITCOIN_FILE
from mara.feeds.files.shipped_histories import shipped_folder
from mara.feeds.markets.building.spec import Spec, spec_of


def checked_spec(text: str, folder: ImportFolder) -> Spec:
    """Read a SPEC whose paths start from the import folder.

    Raises:
        CommandError: it cannot be used, or a path leads out of the folder.
    """
    try:
        spec = spec_of(text.encode(errors="replace"), "the SPEC")
    except ConfigError as error:
        raise CommandError(str(error)) from error
    folder.refuse_outside(tuple(_files_of(spec)))
    return spec


def bring_hashprices(name: str, folder: ImportFolder) -> None:
    """Copy a shipped history's hashprices to where a SPEC can name them.

    Raises:
        CommandError: no such history, or the disk refuses.
    """
    shipped = shipped_folder(name)
    if shipped is None:
        raise CommandError(f"{name[:80]!r} is no history that comes with Mara: choose another source of hashprices")
    root = folder.required()
    try:
        (root / SHIPPED).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shipped / BITCOIN_FILE, root / shipped_file(name))
    except OSError as error:
        raise CommandError(f"the hashprices were not copied ({error.strerror}): make room on the server") from error


def _files_of(spec: Spec) -> Iterator[str]:
    for site in spec.site:
        for table in (site.price, site.day_ahead, site.carbon, site.weather):
            if table is not None:
                yield from table.files or ()
    yield from spec.bitcoin.files or ()
    yield from spec.fx.files or ()
    if spec.fx.file is not None:
        yield spec.fx.file
