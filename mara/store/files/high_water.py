"""How far a run came, remembered outside its database: to notice when that is missing, or ends earlier than it did."""

import json
from dataclasses import dataclass
from typing import Final, Self

RECORD_BYTES: Final = 256
"""Written at once and always as long, so that a shorter one leaves no tail of a longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HighWater:
    """What stands in the lock file: who writes, which run, and the first tick that is not stored."""

    process: int
    run_id: str = ""
    next_tick: int = 0

    @property
    def line(self) -> bytes:
        shown = {"process": self.process, "run_id": self.run_id, "next_tick": self.next_tick}
        return json.dumps(shown).encode().ljust(RECORD_BYTES - 1) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """None where nothing is remembered: a new file, or one of an older Mara, which wrote the process alone."""
        try:
            found = json.loads(line)
            if isinstance(found, int):
                return cls(process=found)
            return cls(process=int(found["process"]), run_id=str(found["run_id"]), next_tick=int(found["next_tick"]))
        except (ValueError, TypeError, KeyError):
            return None
