"""Ledger by day and line as a CSV file, in exact amounts."""

import csv
from collections.abc import Sequence
from decimal import Decimal
from io import StringIO
from typing import Final

from mara.core.history import Ledger
from mara.core.units import MICRO_USD_PER_USD
from mara.store.read.table_file import harmless

COLUMNS: Final = ("day_utc", "site_id", "line", "amount_micro_usd", "amount_usd")
"""Columns of the file; the site is empty for the whole fleet."""


def ledger_csv(days: Sequence[Ledger], line: str | None = None) -> bytes:
    """Write one CSV row a day and line.

    Args:
        line: the only line that is wanted; None for all, of which those that stay zero are left out.
    """
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    posted = {one.name for day in days for one in day.money if one.amount_micro_usd}
    wanted = posted if line is None else {line}
    for day in days:
        for one in day.money:
            if one.name in wanted:
                exact_usd = Decimal(one.amount_micro_usd) / MICRO_USD_PER_USD
                row = (f"{day.starts_at:%Y-%m-%d}", harmless(day.site_id), one.name, one.amount_micro_usd, exact_usd)
                writer.writerow(row)
    return file.getvalue().encode()


def ledger_csv_name(days: Sequence[Ledger]) -> str:
    """Make the name of the file from its first and last day."""
    ends = sorted({f"{day.starts_at:%Y-%m-%d}" for day in (*days[:1], *days[-1:])})
    return f"{'-'.join(('mara-ledger', *ends))}.csv"
