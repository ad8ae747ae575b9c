"""Create the table of the ledger's sums by UTC day, and fill it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from mara.store.schema.append_only import protect

revision = "0017"
down_revision = "0016"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FIRST_MONEY = (
    "cash mining inference contract_premium contract_standard contract_flexible contract_spot sellback energy hedge carbon"
    " migration_premium migration_standard migration_flexible restart credit_premium credit_standard credit_flexible"
).split()
FIRST_ENERGY = "bought hedge mining inference contracts cooling sold".split()
LATER_MONEY = (
    "day_ahead adder demand_charge coincident_peak battery_wear export_revenue reserve_revenue deployment_revenue"
    " reserve_penalty supply cfd take_or_pay"
).split()
LATER_ENERGY = "battery exported".split()
LEGS = (
    *(f"{kind}_micro_usd" for kind in FIRST_MONEY),
    *(f"{kind}_wh" for kind in FIRST_ENERGY),
    *(f"{kind}_micro_usd" for kind in LATER_MONEY),
    *(f"{kind}_wh" for kind in LATER_ENERGY),
    "meter_micro_usd",
)
MONEY_BALANCES = " + ".join(f"{kind}_micro_usd" for kind in (*FIRST_MONEY, *LATER_MONEY, "meter")) + " = 0"
ENERGY_BALANCES = " + ".join(f"{kind}_wh" for kind in (*FIRST_ENERGY, *LATER_ENERGY)) + " = 0"
DAY_S = 86_400


def upgrade() -> None:
    op.create_table(
        "ledger_days",
        sa.Column("tick", WHOLE, nullable=False, autoincrement=False),
        sa.Column("site", WHOLE, nullable=False, autoincrement=False),
        *(sa.Column(leg, WHOLE, nullable=False) for leg in LEGS),
        sa.CheckConstraint(MONEY_BALANCES, name=op.f("ck_ledger_days_money_balances")),
        sa.CheckConstraint(ENERGY_BALANCES, name=op.f("ck_ledger_days_energy_balances")),
        sa.PrimaryKeyConstraint("tick", "site", name="pk_ledger_days"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    fill(op.get_bind())
    protect(["ledger_days"])


def fill(connection: Connection) -> None:
    """Sum each day whose last tick is stored, a day at a time to sort few rows."""
    run = connection.exec_driver_sql("SELECT start_epoch_s, tick_minutes FROM runs").first()
    next_tick = connection.exec_driver_sql("SELECT max(seq) FROM engine_state").scalar()
    if run is None or next_tick is None:
        return
    tick_s = run.tick_minutes * 60
    sums = ", ".join(f"sum({leg})" for leg in LEGS)
    first = 0
    while (end := -(-(DAY_S - (run.start_epoch_s + first * tick_s) % DAY_S) // tick_s) + first) <= next_tick:
        connection.exec_driver_sql(
            f"INSERT INTO ledger_days (tick, site, {', '.join(LEGS)})"
            f" SELECT {first}, site, {sums} FROM ledger WHERE tick >= {first} AND tick < {end} GROUP BY site"
        )
        first = end
