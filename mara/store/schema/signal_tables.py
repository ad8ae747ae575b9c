"""Tables of signals: telemetry, and the log of modes and device writes."""

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from mara.store.schema.tables import BY_ROWID, NOW, Row, binary, exact, key, whole, words


class TelemetryRow(Row, table=True):
    """A meter's reading, with the instant at which it became known.

    `machine_group` is empty for a whole site. One meter has one reading an instant.
    """

    __tablename__ = "telemetry"
    __table_args__ = (UniqueConstraint("site", "machine_group", "at_epoch_ms"), BY_ROWID)
    number: int = key()
    site: int = whole()
    machine_group: str = words()
    at_epoch_ms: int = whole()
    known_at_epoch_ms: int = whole()
    power_w: int = whole()
    hashrate_ths: float | None = exact(nullable=True)
    rate_tokens_per_s: float | None = exact(nullable=True)
    quality: str = words()


class SignalLine(Row, table=True):
    """A change of a site's mode, or a write to a device; append-only.

    A hash chain covers every column but `stored_at`.
    """

    __tablename__ = "signal_log"
    __table_args__ = BY_ROWID
    number: int = key()
    at_epoch_ms: int = whole()
    tick: int = whole()
    kind: str = words()
    site_id: str = Field(sa_type=Text, index=True)
    machine_group: str = words()
    actor: str = words()
    address: str = words()
    reason: str = words()
    before_state: str = words()
    after_state: str = words()
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()
    stored_at: int = whole(server_default=NOW)
