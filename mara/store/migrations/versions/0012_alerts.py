"""Create the log of alerts: every change of an alert, by the engine or a user."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0012"
down_revision = "0011"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NOW = {
    "sqlite": sa.text("(CAST(strftime('%s', 'now') AS INTEGER))"),
    "postgresql": sa.text("(CAST(extract(epoch FROM now()) AS BIGINT))"),
}


def upgrade() -> None:
    op.create_table(
        "alert_log",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("alert", WHOLE, nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_risk_micro_usd", WHOLE, nullable=True),
        sa.Column("tick", WHOLE, nullable=False),
        sa.Column("epoch_s", WHOLE, nullable=False),
        sa.Column("until_epoch_s", WHOLE, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False, server_default=NOW[op.get_bind().dialect.name]),
        sa.PrimaryKeyConstraint("number", name="pk_alert_log"),
        sqlite_strict=True,
    )
    op.create_index("ix_alert_log_alert", "alert_log", ["alert"])
    protect(["alert_log"])
