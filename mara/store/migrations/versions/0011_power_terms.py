"""What the power system tells beside prices, batteries and products of a site, and their lines in the ledger, whose
balances have more legs; older rows have none of it, and legs of zero."""

import sqlalchemy as sa
from alembic import op

from mara.store.schema.append_only import protect

revision = "0011"
down_revision = "0010"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MONEY = (
    "cash mining inference contract_premium contract_standard contract_flexible contract_spot sellback energy hedge carbon"
    " migration_premium migration_standard migration_flexible restart credit_premium credit_standard credit_flexible"
).split()
ENERGY = "bought hedge mining inference contracts cooling sold".split()
NEW_MONEY = (
    "adder demand_charge coincident_peak battery_wear export_revenue reserve_revenue deployment_revenue reserve_penalty"
    " supply cfd take_or_pay"
).split()
NEW_ENERGY = "battery exported".split()
LEGS = (
    *(f"{kind}_micro_usd" for kind in MONEY),
    *(f"{kind}_wh" for kind in ENERGY),
    "day_ahead_micro_usd",
)
NEW_LEGS = (*(f"{kind}_micro_usd" for kind in NEW_MONEY), *(f"{kind}_wh" for kind in NEW_ENERGY))
MONEY_BALANCES = " + ".join(f"{kind}_micro_usd" for kind in (*MONEY, "day_ahead", *NEW_MONEY)) + " = 0"
ENERGY_BALANCES = " + ".join(f"{kind}_wh" for kind in (*ENERGY, *NEW_ENERGY)) + " = 0"
FLEXIBILITY = ("battery_w", "stored_wh", "exported_w", "award_w", "called_w")


def upgrade() -> None:
    op.add_column("markets", sa.Column("power", sa.LargeBinary(), nullable=True))
    for name in FLEXIBILITY:
        op.add_column("allocations", sa.Column(name, WHOLE, nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        rebuild()
        return
    for leg in NEW_LEGS:
        op.add_column("ledger", sa.Column(leg, WHOLE, nullable=False, server_default="0"))
        op.alter_column("ledger", leg, server_default=None)
    for name, rule in (("money_balances", MONEY_BALANCES), ("energy_balances", ENERGY_BALANCES)):
        op.drop_constraint(op.f(f"ck_ledger_{name}"), "ledger", type_="check")
        op.create_check_constraint(op.f(f"ck_ledger_{name}"), "ledger", rule)


def rebuild() -> None:
    """Copy the ledger into a table with more legs: SQLite changes no constraint of one that is there."""
    op.execute("ALTER TABLE ledger RENAME TO ledger_before")
    op.create_table(
        "ledger",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        *(sa.Column(leg, WHOLE, nullable=False) for leg in (*LEGS, *NEW_LEGS)),
        sa.CheckConstraint(MONEY_BALANCES, name=op.f("ck_ledger_money_balances")),
        sa.CheckConstraint(ENERGY_BALANCES, name=op.f("ck_ledger_energy_balances")),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_ledger"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    names, zeros = ", ".join(("tick", "site", *LEGS)), ", ".join("0" for _ in NEW_LEGS)
    op.execute(
        f"INSERT INTO ledger ({names}, {', '.join(NEW_LEGS)}) SELECT {names}, {zeros} FROM ledger_before "
        "ORDER BY tick, site"
    )
    op.execute("DROP TABLE ledger_before")
    protect(["ledger"])
