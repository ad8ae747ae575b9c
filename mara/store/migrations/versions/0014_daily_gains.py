"""Create the table of gains over other policies by UTC day."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0014"
down_revision = "0013"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "daily_gains",
        sa.Column("day", WHOLE, nullable=False, autoincrement=False),
        *(
            sa.Column(name, WHOLE, nullable=False)
            for name in (
                "closed_tick",
                "from_tick",
                "ticks_count",
                "vs_rules_micro_usd",
                "vs_rules_same_budgets_micro_usd",
                "vs_static_breakeven_micro_usd",
                "vs_static_micro_usd",
                "sla_flexibility_micro_usd",
            )
        ),
        sa.PrimaryKeyConstraint("day", name="pk_daily_gains"),
        sqlite_strict=True,
    )
    protect(["daily_gains"])
