"""Delivery of the newest dispatch document from a thread, which no tick waits for."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from mara.core.dispatch_document import DispatchDocument

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
CLOSE_S: Final = 5.0
"""Longest wait for a delivery under way when the run ends."""

log = logging.getLogger("mara.dispatch")


class Outlet(Protocol):
    """Destination of dispatch documents.

    `name` is shown in the log, so it holds no secret.
    """

    @property
    def name(self) -> str: ...

    def deliver(self, document: DispatchDocument) -> str:
        """Deliver a document; return the reason why that failed, empty on success."""
        ...

    def close(self) -> None:
        """End deliveries, and what they need."""
        ...


class Mailbox:
    """Holds the newest document for an outlet until it is delivered or overtaken.

    Nothing queues up: a document that a newer one overtakes is of no use to anybody. A failed delivery is tried again
    after a wait that doubles.
    """

    def __init__(self, outlet: Outlet, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._outlet = outlet
        self._first_wait_s = first_wait_s
        self._changed = threading.Condition()
        self._newest: DispatchDocument | None = None
        self._is_closed = False
        self._failing = ""
        self._thread = threading.Thread(target=self._work, name=f"mara-outlet-{outlet.name}", daemon=True)
        self._thread.start()

    def put(self, document: DispatchDocument) -> None:
        """Hand over a document without waiting for anything."""
        with self._changed:
            self._newest = document
            self._changed.notify()

    def close(self) -> None:
        """Stop delivering, after the delivery under way; harmless when repeated."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        wait_s = self._first_wait_s
        while (document := self._next()) is not None:
            reason = self._outlet.deliver(document)
            self._note(reason, document.tick)
            if not reason:
                wait_s = self._first_wait_s
                continue
            with self._changed:
                if self._newest is None:
                    self._newest = document
                self._changed.wait_for(lambda: self._is_closed, wait_s)
            wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
        self._outlet.close()

    def _next(self) -> DispatchDocument | None:
        """Wait for a document to deliver; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._newest is not None)
            document, self._newest = self._newest, None
            return None if self._is_closed else document

    def _note(self, reason: str, tick: int) -> None:
        """Log the first failure and the recovery, not every try between them."""
        if reason and not self._failing:
            log.warning("dispatch not delivered", extra={"outlet": self._outlet.name, "reason": reason, "tick": tick})
        elif self._failing and not reason:
            log.warning("dispatch delivered again", extra={"outlet": self._outlet.name, "tick": tick})
        self._failing = reason


class Mailboxes:
    """The outlets of a run, each with a mailbox; called with each new document."""

    def __init__(self, outlets: tuple[Callable[[], Outlet], ...] = ()) -> None:
        self._makers = outlets
        self._boxes: tuple[Mailbox, ...] = ()

    def open(self) -> None:
        """Start to deliver."""
        self._boxes = tuple(Mailbox(make()) for make in self._makers)

    def put(self, document: DispatchDocument) -> None:
        """Hand a document to every outlet."""
        for box in self._boxes:
            box.put(document)

    def close(self) -> None:
        """Stop delivering; harmless when repeated."""
        boxes, self._boxes = self._boxes, ()
        for box in boxes:
            box.close()
