"""Add reasons, provenance and prices of plans, and hashes of the engine's parts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

EXACT: Any = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("headline", sa.Text(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("shadow", sa.LargeBinary(), nullable=True),
        sa.Column("provenance", sa.Text(), nullable=True),
        sa.Column("baseline_usd", EXACT, nullable=True),
        sa.Column("solve_wall_s", EXACT, nullable=True),
    ):
        op.add_column("optimization_runs", column)
    op.add_column("engine_parts", sa.Column("content_hash", sa.LargeBinary(), nullable=True))
