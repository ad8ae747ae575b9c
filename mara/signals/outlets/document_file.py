"""Outlet that keeps the newest dispatch document in a file, replaced as a whole."""

import os
from pathlib import Path
from typing import Final

from mara.core.dispatch_document import DispatchDocument
from mara.signals.document_json import document_bytes

SUFFIX: Final = ".mara-new"


class DocumentFile:
    """Writes each document beside the file and renames it: readers see a whole one."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, document: DispatchDocument) -> str:
        """Replace the file; return the reason why that failed, empty on success."""
        new = self._path.with_name(self._path.name + SUFFIX)
        try:
            with new.open("wb") as file:
                file.write(document_bytes(document) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            return f"{self._path} could not be written ({error.strerror}): make its folder writable"
        return ""

    def close(self) -> None:
        """Leave the newest document where it is."""
