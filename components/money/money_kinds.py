"""Kinds of money: ledger lines in groups that charts tell apart."""

from dataclasses import dataclass
from typing import Final

from mara.core.finance import COST_LINES, Line
from mara.core.ledger_words import line_label


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyKind:
    """Ledger lines that are drawn as one series.

    `look` is the number of a colour with its hatching, as the legend's swatches have them.
    """

    key: str
    label: str
    look: int
    lines: tuple[Line, ...]


def _of_one_line(key: str, look: int, line: Line) -> MoneyKind:
    """Make a kind of one line, which bears its name."""
    return MoneyKind(key=key, label=line_label(line.name.lower()), look=look, lines=(line,))


KINDS: Final = (
    MoneyKind(
        key="contracts",
        label="Contracts",
        look=1,
        lines=(Line.CONTRACT_PREMIUM, Line.CONTRACT_STANDARD, Line.CONTRACT_FLEXIBLE, Line.CONTRACT_SPOT),
    ),
    _of_one_line("mining", 4, Line.MINING),
    _of_one_line("inference", 2, Line.INFERENCE),
    MoneyKind(
        key="reserve",
        label="Reserves and feeding in",
        look=3,
        lines=(Line.EXPORT_REVENUE, Line.RESERVE_REVENUE, Line.DEPLOYMENT_REVENUE, Line.RESERVE_PENALTY),
    ),
    MoneyKind(key="energy", label="Energy", look=5, lines=(Line.ENERGY, Line.METER)),
    MoneyKind(key="hedge", label="Hedge and day-ahead", look=6, lines=(Line.SELLBACK, Line.HEDGE, Line.DAY_AHEAD)),
    MoneyKind(key="supply", label="Contracted supply", look=7, lines=(Line.SUPPLY, Line.CFD, Line.TAKE_OR_PAY)),
    _of_one_line("adders", 8, Line.ADDER),
    MoneyKind(
        key="demand",
        label="Demand charges and transmission",
        look=9,
        lines=(Line.DEMAND_CHARGE, Line.COINCIDENT_PEAK),
    ),
    _of_one_line("carbon", 10, Line.CARBON),
    MoneyKind(
        key="moves",
        label="Moves and restarts",
        look=11,
        lines=(Line.MIGRATION_PREMIUM, Line.MIGRATION_STANDARD, Line.MIGRATION_FLEXIBLE, Line.RESTART),
    ),
    MoneyKind(
        key="credits",
        label="SLA penalties",
        look=12,
        lines=(Line.CREDIT_PREMIUM, Line.CREDIT_STANDARD, Line.CREDIT_FLEXIBLE),
    ),
    _of_one_line("wear", 13, Line.BATTERY_WEAR),
)
"""All kinds, earnings first; every line is in one of them."""
COSTS: Final = frozenset(COST_LINES)
"""Lines that count as costs; all others are revenue."""
