"""Add power by workload and extremes of the price to the hourly roll-up."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: Any = sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    for name in ("energy_price_low_usd_per_mwh", "energy_price_high_usd_per_mwh"):
        op.add_column("hourly", sa.Column(name, EXACT, nullable=True))
    for name in ("air_miner_w", "hydro_miner_w", "immersion_miner_w", "gpu_w", "asic_w", "contracts_w"):
        op.add_column("hourly", sa.Column(name, WHOLE, nullable=True))
