"""Create the table of rules in force; ticks so far were made by the first version."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect
from mara.store.encoding.chain import audit_hash

revision = "0006"
down_revision = "0005"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_ROWID = {"sqlite_strict": True}
FIRST_RULES = 1


def upgrade() -> None:
    lines = op.create_table(
        "rules_in_force",
        sa.Column("number", WHOLE, nullable=False, autoincrement=False),
        sa.Column("from_tick", WHOLE, nullable=False),
        sa.Column("rules_version", WHOLE, nullable=False),
        sa.Column("mara_version", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entry_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rules_in_force"),
        **BY_ROWID,
    )
    protect(["rules_in_force"])
    run = op.get_bind().exec_driver_sql("SELECT min(tick), (SELECT version FROM runs) FROM checkpoints").one()
    if run[0] is None:
        return
    line = (1, run[0], FIRST_RULES, run[1])
    names = ("number", "from_tick", "rules_version", "mara_version")
    hashes = {"previous_hash": b"", "entry_hash": audit_hash(b"", line)}
    op.bulk_insert(lines, [dict(zip(names, line, strict=True)) | hashes])
