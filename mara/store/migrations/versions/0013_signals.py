"""Create the tables of telemetry, and of the log of modes and device writes."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0013"
down_revision = "0012"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
BY_ROWID = {"sqlite_strict": True}
NOW = {
    "sqlite": sa.text("(CAST(strftime('%s', 'now') AS INTEGER))"),
    "postgresql": sa.text("(CAST(extract(epoch FROM now()) AS BIGINT))"),
}


def upgrade() -> None:
    op.create_table(
        "telemetry",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False),
        sa.Column("machine_group", sa.Text(), nullable=False),
        sa.Column("at_epoch_ms", WHOLE, nullable=False),
        sa.Column("known_at_epoch_ms", WHOLE, nullable=False),
        sa.Column("power_w", WHOLE, nullable=False),
        sa.Column("hashrate_ths", EXACT, nullable=True),
        sa.Column("rate_tokens_per_s", EXACT, nullable=True),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_telemetry"),
        sa.UniqueConstraint("site", "machine_group", "at_epoch_ms", name="uq_telemetry_site_machine_group_at_epoch_ms"),
        **BY_ROWID,
    )
    op.create_table(
        "signal_log",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("at_epoch_ms", WHOLE, nullable=False),
        sa.Column("tick", WHOLE, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in (
                "kind",
                "site_id",
                "machine_group",
                "actor",
                "address",
                "reason",
                "before_state",
                "after_state",
            )
        ),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False, server_default=NOW[op.get_bind().dialect.name]),
        sa.PrimaryKeyConstraint("number", name="pk_signal_log"),
        **BY_ROWID,
    )
    op.create_index("ix_signal_log_site_id", "signal_log", ["site_id"])
    protect(["signal_log"])
