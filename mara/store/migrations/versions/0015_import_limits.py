"""Most power that the grid's operator let each site draw; older rows have none."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("markets", sa.Column("import_limit", sa.LargeBinary(), nullable=True))
