"""Create the table of what meters told in each tick, and the ledger's line of their corrections."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0016"
down_revision = "0015"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXACT: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
MONEY = (
    "cash mining inference contract_premium contract_standard contract_flexible contract_spot sellback energy hedge carbon"
    " migration_premium migration_standard migration_flexible restart credit_premium credit_standard credit_flexible"
).split()
ENERGY = "bought hedge mining inference contracts cooling sold".split()
LATER_MONEY = (
    "day_ahead adder demand_charge coincident_peak battery_wear export_revenue reserve_revenue deployment_revenue"
    " reserve_penalty supply cfd take_or_pay"
).split()
LATER_ENERGY = "battery exported".split()
LEGS = (
    *(f"{kind}_micro_usd" for kind in MONEY),
    *(f"{kind}_wh" for kind in ENERGY),
    *(f"{kind}_micro_usd" for kind in LATER_MONEY),
    *(f"{kind}_wh" for kind in LATER_ENERGY),
)
NEW = "meter_micro_usd"
MONEY_BALANCES = " + ".join(f"{kind}_micro_usd" for kind in (*MONEY, *LATER_MONEY, "meter")) + " = 0"
ENERGY_BALANCES = " + ".join(f"{kind}_wh" for kind in (*ENERGY, *LATER_ENERGY)) + " = 0"


def upgrade() -> None:
    op.create_table(
        "meters",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        sa.Column("is_metered", WHOLE, nullable=False),
        sa.Column("power_mw", EXACT, nullable=True),
        sa.Column("down_kinds", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_meters"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        rebuild()
        return
    op.add_column("ledger", sa.Column(NEW, WHOLE, nullable=False, server_default="0"))
    op.alter_column("ledger", NEW, server_default=None)
    op.drop_constraint(op.f("ck_ledger_money_balances"), "ledger", type_="check")
    op.create_check_constraint(op.f("ck_ledger_money_balances"), "ledger", MONEY_BALANCES)


def rebuild() -> None:
    """Copy the ledger into a table with one more leg: SQLite changes no constraint of one that is there."""
    op.execute("ALTER TABLE ledger RENAME TO ledger_before")
    op.create_table(
        "ledger",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        *(sa.Column(leg, WHOLE, nullable=False) for leg in (*LEGS, NEW)),
        sa.CheckConstraint(MONEY_BALANCES, name=op.f("ck_ledger_money_balances")),
        sa.CheckConstraint(ENERGY_BALANCES, name=op.f("ck_ledger_energy_balances")),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_ledger"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    names = ", ".join(("tick", "site", *LEGS))
    op.execute(f"INSERT INTO ledger ({names}, {NEW}) SELECT {names}, 0 FROM ledger_before ORDER BY tick, site")
    op.execute("DROP TABLE ledger_before")
    protect(["ledger"])
