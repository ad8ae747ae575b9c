"""Protocol of meter sources, and the thread in which each of them is listened to."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from mara.core.metering import Reading
from mara.errors import DeviceError

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
"""Pauses between tries to reach a source; they double."""
CLOSE_S: Final = 5.0
"""Longest wait for a source at the end of a run."""
MOST_TOLD: Final = 100
"""Most reasons of refusals that are remembered, so that each is logged once."""

log = logging.getLogger("mara.meters")

Take: TypeAlias = Callable[[Sequence[Reading]], str]
"""Stores readings; returns why they are refused, empty on success.

Raises StoreError where they are not stored for another reason.
"""


class MeterSource(Protocol):
    """Meters of real sites, which tell their readings or are asked for them.

    `name` is shown in the log, so it holds no secret.
    """

    @property
    def name(self) -> str: ...

    def listen(self, take: Take, refused: Callable[[str], None], is_over: threading.Event) -> None:
        """Hand over readings until it is over.

        Args:
            take: called with each batch of readings.
            refused: called with the reason why something else than readings came, or readings were not taken.

        Raises:
            DeviceError: the source is lost; it is listened to again after a pause.
        """
        ...


class MeterListener:
    """Listens to a source in a thread, and begins again where it was lost.

    What does not come is unknown: no reading is ever made up here.
    """

    def __init__(self, source: MeterSource, take: Take, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._source = source
        self._take = take
        self._first_wait_s = first_wait_s
        self._is_over = threading.Event()
        self._lost = ""
        self._told: dict[str, None] = {}
        self._thread = threading.Thread(target=self._listen, name=f"mara-meter-{source.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take nothing more; harmless when repeated."""
        self._is_over.set()
        self._thread.join(CLOSE_S)

    def _listen(self) -> None:
        wait_s = self._first_wait_s
        while not self._is_over.is_set():
            try:
                self._source.listen(self._taken, self._refused, self._is_over)
            except DeviceError as error:
                if not self._lost:
                    log.warning("meters not reached", extra={"source": self._source.name, "reason": str(error)})
                wait_s = min(2.0 * wait_s, LONGEST_WAIT_S) if self._lost else self._first_wait_s
                self._lost = str(error)
                self._is_over.wait(wait_s)

    def _taken(self, readings: Sequence[Reading]) -> str:
        if self._lost:
            log.warning("meters reached again", extra={"source": self._source.name})
            self._lost = ""
        refusal = self._take(readings)
        if refusal:
            self._refused(refusal)
        return refusal

    def _refused(self, reason: str) -> None:
        """Log each kind of refusal once, not at every message."""
        kind = "".join(character for character in reason if not character.isdigit())
        if kind not in self._told and len(self._told) < MOST_TOLD:
            self._told[kind] = None
            log.warning("telemetry refused", extra={"source": self._source.name, "reason": reason})
