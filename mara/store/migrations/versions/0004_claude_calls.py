"""Create the tables of API requests to Claude: their costs and outcomes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_ROWID = {"sqlite_strict": True}


def upgrade() -> None:
    op.create_table(
        "claude_requests",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("asked_epoch_s", WHOLE, nullable=False),
        sa.Column("most_micro_usd", WHOLE, nullable=False),
        sa.Column("cost_micro_usd", WHOLE, nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_claude_requests"),
        **BY_ROWID,
    )
    op.create_table(
        "claude_runs",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("asked_epoch_s", WHOLE, nullable=False),
        sa.Column("tick", WHOLE, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("snapshot_hash", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("cost_micro_usd", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_claude_runs"),
        **BY_ROWID,
    )
