"""Create the tables of orders, their outcomes, open quotes and first answers.

They hold what is confirmed between two ticks.
"""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0007"
down_revision = "0006"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_ROWID = {"sqlite_strict": True}
NOW = {
    "sqlite": sa.text("(CAST(strftime('%s', 'now') AS INTEGER))"),
    "postgresql": sa.text("(CAST(extract(epoch FROM now()) AS BIGINT))"),
}


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("command", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("ordered_tick", WHOLE, nullable=False),
        sa.Column("repeat_key", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", WHOLE, nullable=False, server_default=NOW[op.get_bind().dialect.name]),
        sa.PrimaryKeyConstraint("number", name="pk_orders"),
        **BY_ROWID,
    )
    op.create_index("ix_orders_about", "orders", ["about"])
    op.create_index("ix_orders_repeat_key", "orders", ["repeat_key"])
    op.create_table(
        "order_outcomes",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("tick", WHOLE, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_order_outcomes"),
        sa.ForeignKeyConstraint(["number"], ["orders.number"], name="fk_order_outcomes_number_orders"),
        **BY_ROWID,
    )
    op.create_table(
        "quotes",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("offered", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_quotes"),
        sa.UniqueConstraint("quote_id", name="uq_quotes_quote_id"),
        **BY_ROWID,
    )
    op.create_table(
        "answers",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", WHOLE, nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_answers"),
        sa.UniqueConstraint("place", name="uq_answers_place"),
        **BY_ROWID,
    )
    protect(["orders", "order_outcomes"])
