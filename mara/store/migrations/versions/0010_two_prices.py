"""The day-ahead price beside the price, the position bought at it, and what it gained in the ledger, whose balance has a
leg more; older rows have no price, no position, and a leg of zero."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0010"
down_revision = "0009"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
MONEY = (
    "cash mining inference contract_premium contract_standard contract_flexible contract_spot sellback energy hedge carbon"
    " migration_premium migration_standard migration_flexible restart credit_premium credit_standard credit_flexible"
).split()
ENERGY = "bought hedge mining inference contracts cooling sold".split()
LEGS = (*(f"{kind}_micro_usd" for kind in MONEY), *(f"{kind}_wh" for kind in ENERGY))
GAIN = "day_ahead_micro_usd"
MONEY_BALANCES = f"{' + '.join(f'{kind}_micro_usd' for kind in MONEY)} + {GAIN} = 0"
ENERGY_BALANCES = f"{' + '.join(f'{kind}_wh' for kind in ENERGY)} = 0"


def upgrade() -> None:
    op.add_column("prices", sa.Column("day_ahead_usd_per_mwh", EXACT, nullable=True))
    op.add_column("allocations", sa.Column("position_w", WHOLE, nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        rebuild()
        return
    op.add_column("ledger", sa.Column(GAIN, WHOLE, nullable=False, server_default="0"))
    op.alter_column("ledger", GAIN, server_default=None)
    op.drop_constraint(op.f("ck_ledger_money_balances"), "ledger", type_="check")
    op.create_check_constraint(op.f("ck_ledger_money_balances"), "ledger", MONEY_BALANCES)


def rebuild() -> None:
    """Copy the ledger into a table with one more leg: SQLite changes no constraint of one that is there."""
    op.execute("ALTER TABLE ledger RENAME TO ledger_before")
    op.create_table(
        "ledger",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        *(sa.Column(leg, WHOLE, nullable=False) for leg in (*LEGS, GAIN)),
        sa.CheckConstraint(MONEY_BALANCES, name=op.f("ck_ledger_money_balances")),
        sa.CheckConstraint(ENERGY_BALANCES, name=op.f("ck_ledger_energy_balances")),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_ledger"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    names = ", ".join(("tick", "site", *LEGS))
    op.execute(f"INSERT INTO ledger ({names}, {GAIN}) SELECT {names}, 0 FROM ledger_before ORDER BY tick, site")
    op.execute("DROP TABLE ledger_before")
    protect(["ledger"])
