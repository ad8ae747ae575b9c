"""The ledger table: double entry in money and energy, a row a tick and site.

A row is one entry and each column a leg, exported under the key ``{seq}:{site}:{tier}:{kind}``. CHECK constraints
refuse a row whose legs do not sum to zero in each unit. Income is positive, expense negative; cash takes the opposite.
"""

from typing import Final

from sqlalchemy import CheckConstraint

from mara.core.finance import ENERGY_LINE_COUNT, LINE_COUNT, EnergyLine, Line
from mara.store.schema.tables import BY_KEY, Row, key, whole

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


class LedgerEntry(Row, table=True):
    """A site's income, expense and energy flows in a tick."""

    __tablename__ = "ledger"
    __table_args__ = (
        CheckConstraint(" + ".join((CASH, *MONEY_LEGS)) + " = 0", name="money_balances"),
        CheckConstraint(" + ".join(ENERGY_LEGS) + " = 0", name="energy_balances"),
        BY_KEY,
    )
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
