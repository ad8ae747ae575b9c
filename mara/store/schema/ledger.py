"""The ledger table: double entry in money and energy, a row a tick and site.

A row is one entry and each column a leg, exported under the key ``{seq}:{site}:{tier}:{kind}``. CHECK constraints
refuse a row whose legs do not sum to zero in each unit. Income is positive, expense negative; cash takes the opposite.
The sums of each UTC day that is over stand in a table of the same columns.
"""

from typing import Any, Final

from sqlalchemy import CheckConstraint

from mara.core.finance import ENERGY_LINE_COUNT, LINE_COUNT, EnergyLine, Line
from mara.store.schema.tables import BY_KEY, Row, columns_of, key, whole

CASH: Final = "cash_micro_usd"
MONEY_LEGS: Final = tuple(f"{line.name.lower()}_micro_usd" for line in Line)
FIRST_LINES: Final = slice(0, Line.DAY_AHEAD)
LATER_LINES: Final = slice(Line.DAY_AHEAD, Line.METER)
LAST_LINES: Final = slice(Line.METER, LINE_COUNT)
"""Lines of money of the first ledgers, and those that came later, in two steps.

The columns of the latter stand after those of energy.
"""
ENERGY_LEGS: Final = tuple(f"{line.name.lower()}_wh" for line in EnergyLine)
FIRST_ENERGY: Final = slice(0, EnergyLine.BATTERY)
LATER_ENERGY: Final = slice(EnergyLine.BATTERY, ENERGY_LINE_COUNT)
"""Lines of energy of the first ledgers, and those that came later."""


def _balanced() -> tuple[Any, ...]:
    """Table arguments that refuse a row whose legs do not sum to zero in each unit."""
    return (
        CheckConstraint(" + ".join((CASH, *MONEY_LEGS)) + " = 0", name="money_balances"),
        CheckConstraint(" + ".join(ENERGY_LEGS) + " = 0", name="energy_balances"),
        BY_KEY,
    )


class _Legs(Row):
    """The columns of an entry, and of a sum of entries: a leg each, by tick and site."""

    tick: int = key()
    site: int = key()
    cash_micro_usd: int = whole()
    mining_micro_usd: int = whole()
    inference_micro_usd: int = whole()
    contract_premium_micro_usd: int = whole()
    contract_standard_micro_usd: int = whole()
    contract_flexible_micro_usd: int = whole()
    contract_spot_micro_usd: int = whole()
    sellback_micro_usd: int = whole()
    energy_micro_usd: int = whole()
    hedge_micro_usd: int = whole()
    carbon_micro_usd: int = whole()
    migration_premium_micro_usd: int = whole()
    migration_standard_micro_usd: int = whole()
    migration_flexible_micro_usd: int = whole()
    restart_micro_usd: int = whole()
    credit_premium_micro_usd: int = whole()
    credit_standard_micro_usd: int = whole()
    credit_flexible_micro_usd: int = whole()
    bought_wh: int = whole()
    hedge_wh: int = whole()
    mining_wh: int = whole()
    inference_wh: int = whole()
    contracts_wh: int = whole()
    cooling_wh: int = whole()
    sold_wh: int = whole()
    day_ahead_micro_usd: int = whole()
    adder_micro_usd: int = whole()
    demand_charge_micro_usd: int = whole()
    coincident_peak_micro_usd: int = whole()
    battery_wear_micro_usd: int = whole()
    export_revenue_micro_usd: int = whole()
    reserve_revenue_micro_usd: int = whole()
    deployment_revenue_micro_usd: int = whole()
    reserve_penalty_micro_usd: int = whole()
    supply_micro_usd: int = whole()
    cfd_micro_usd: int = whole()
    take_or_pay_micro_usd: int = whole()
    battery_wh: int = whole()
    exported_wh: int = whole()
    meter_micro_usd: int = whole()


class LedgerEntry(_Legs, table=True):
    """A site's income, expense and energy flows in a tick."""

    __tablename__ = "ledger"
    __table_args__ = _balanced()


class LedgerDay(_Legs, table=True):
    """The sums of a site's entries in a UTC day that is over.

    `tick` is the day's first, or the run's where the run began later. The row is written with the day's last tick.
    """

    __tablename__ = "ledger_days"
    __table_args__ = _balanced()


LEGS: Final = columns_of(LedgerEntry)[1][2:]
"""The columns of both tables after tick and site, in their order."""
SUMS_BY_SITE: Final = (
    f"SELECT site, {', '.join(f'sum({leg}) AS {leg}' for leg in LEGS)}"  # noqa: S608  # names of ours
    " FROM ledger WHERE tick >= ? AND tick < ? GROUP BY site ORDER BY site"
)
"""SQL for the sum of each leg over a range of ticks, by site."""
