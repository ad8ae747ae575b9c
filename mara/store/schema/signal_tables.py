"""Tables of signals: telemetry, the log of modes and writes, meters by tick."""

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from mara.store.schema.tables import BY_KEY, BY_ROWID, NOW, Row, binary, exact, key, whole, words


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


class MeterRow(Row, table=True):
    """Telling of a site's meters when a tick began; only metered ticks have rows.

    `is_metered` is 1 where the bill and the promises of the tick follow the meter. `power_mw` is the mean of the tick
    before, null where it is unknown. `down_kinds` has a bit for each kind of machines that stands still.
    """

    __tablename__ = "meters"
    __table_args__ = BY_KEY
    tick: int = key()
    site: int = key()
    is_metered: int = whole()
    power_mw: float | None = exact(nullable=True)
    down_kinds: int = whole()
