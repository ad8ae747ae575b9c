"""Create the tables of users, tokens and sessions, and the chained access log."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0005"
down_revision = "0004"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_ROWID = {"sqlite_strict": True}


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
        **BY_ROWID,
    )
    for table in ("tokens", "sessions"):
        op.create_table(
            table,
            sa.Column("digest", sa.LargeBinary(), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("role", sa.Text(), nullable=False),
            sa.Column("expires_epoch_s", WHOLE, nullable=False),
            sa.PrimaryKeyConstraint("digest", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(["name"], ["users.name"], name=f"fk_{table}_name_users", ondelete="CASCADE"),
            **BY_ROWID,
        )
    op.create_table(
        "access_log",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("at_epoch_s", WHOLE, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_access_log"),
        **BY_ROWID,
    )
    protect(["access_log"])
