"""The rotating log file, written by a thread of its own.

Logging never raises and never waits for the disk. Records that cannot be kept are counted, and the next line that can
be written says how many are missing.
"""

import logging
import queue
import sys
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from types import TracebackType
from typing import Final, Self

from mara.runtime.observe.log_line import escaped, json_lines, plain_lines, redacted
from mara.settings import Settings

MAX_FILE_BYTES: Final = 10_000_000
KEPT_FILES_COUNT: Final = 5
MAX_WAITING_RECORDS: Final = 10_000
"""Most records that wait for the disk; further ones are dropped and counted.
"""
CLOSE_S: Final = 2.0
"""Longest wait for the last records to reach the disk."""


class Log:
    """The log of Mara and the warnings of others, from `open_log` to `close`."""

    def __init__(self, settings: Settings) -> None:
        lost = _Lost()
        records: queue.Queue[logging.LogRecord] = queue.Queue(MAX_WAITING_RECORDS)
        file = _opened_file(settings, lost)
        self._listener = _Writer(records, file) if file is not None else None
        # Without any handler the standard library would print warnings to stderr.
        self._handler = _Inlet(records, lost) if file is not None else logging.NullHandler()
        self._root, self._own = logging.getLogger(), logging.getLogger("mara")
        self._levels_before = self._root.level, self._own.level
        self._root.addHandler(self._handler)
        self._own.setLevel(settings.log_level)
        self._root.setLevel(max(self._own.level, logging.WARNING))
        logging.captureWarnings(True)
        if self._listener is not None:
            self._listener.start()

    def close(self) -> None:
        """Write the records that wait, and close the file.

        Takes two seconds at most; harmless when repeated.
        """
        self._root.removeHandler(self._handler)
        root_level, own_level = self._levels_before
        self._root.setLevel(root_level)
        self._own.setLevel(own_level)
        logging.captureWarnings(False)
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_log(settings: Settings) -> Log:
    """Start to log to `settings.log_file`.

    Where it cannot be opened, one line on stderr says so, and nothing is logged.
    """
    return Log(settings)


class _Lost:
    """Count of records lost since the last line written.

    Two threads increment it without a lock, so that it may be slightly too small.
    """

    count = 0


class _Inlet(QueueHandler):
    """Queues records in the caller's thread, with their message rendered.

    The message is rendered at once, because its arguments may change later.
    """

    def __init__(self, records: "queue.Queue[logging.LogRecord]", lost: _Lost) -> None:
        super().__init__(records)
        self._lost = lost

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Copy a record and render its message; other handlers get the original.

        Tracebacks are rendered later, off the caller's thread.
        """
        own = logging.LogRecord.__new__(logging.LogRecord)
        own.__dict__.update(record.__dict__)
        try:
            own.msg = record.getMessage()
        except (TypeError, ValueError, KeyError):
            own.msg = f"{record.msg} {record.args!r}"
        own.args = None
        return own

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  a name of the standard library
        """Count a record lost to a full queue, instead of printing to stderr."""
        del record
        self._lost.count += 1


class _Writer(QueueListener):
    """The thread that formats and writes records, with a time limit on its end."""

    def enqueue_sentinel(self) -> None:
        with suppress(queue.Full):
            self.queue.put(self._sentinel, timeout=CLOSE_S)  # type: ignore[attr-defined]

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self.enqueue_sentinel()
            thread.join(CLOSE_S)
            if not thread.is_alive():
                for handler in self.handlers:
                    with suppress(OSError):  # the disk is full, or gone
                        handler.close()


class _File(RotatingFileHandler):
    """The log file, with a line about records lost before the next one written."""

    def __init__(self, settings: Settings, lost: _Lost) -> None:
        super().__init__(
            settings.log_file,
            maxBytes=MAX_FILE_BYTES,
            backupCount=KEPT_FILES_COUNT,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self.setFormatter(json_lines() if settings.log_json else plain_lines())
        self._lost = lost

    def emit(self, record: logging.LogRecord) -> None:
        lost_count = self._lost.count
        super().emit(record)
        if 0 < lost_count == self._lost.count:
            super().emit(_gap(lost_count))
            if lost_count == self._lost.count:
                self._lost.count = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  a name of the standard library
        """Count a record lost to a full disk or an unprintable field.

        Nothing is printed to stderr.
        """
        del record
        self._lost.count += 1


def _gap(lost_count: int) -> logging.LogRecord:
    fields = {"name": "mara.log", "levelname": "WARNING", "msg": "log lines were lost", "lost_count": lost_count}
    return logging.makeLogRecord(fields)


def _opened_file(settings: Settings, lost: _Lost) -> _File | None:
    try:
        return _File(settings, lost)
    except OSError as error:
        line = f"mara: cannot log to {settings.log_file} ({error.strerror}): set MARA_LOG_FILE to a file that can be"
        with suppress(OSError, ValueError, AttributeError):  # stderr may be closed, or missing in a windowed program
            sys.stderr.write(escaped(redacted(f"{line} written; going on without a log")) + "\n")
        return None
