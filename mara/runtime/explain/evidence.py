"""Evidence of a contract as a CSV file: one row for each judged tick."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Final

from mara.core.history import ContractRow, EvidenceTick
from mara.store.read.table_file import harmless

HEADER: Final = (
    "tick",
    "timestamp_utc",
    "contract_id",
    "customer",
    "tier",
    "promised_mw",
    "state",
    "is_counted",
    "is_good",
)
NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def evidence_csv(row: ContractRow, ticks: Iterable[EvidenceTick]) -> bytes:
    """Write one CSV row a tick; no text starts a spreadsheet formula or holds a comma."""
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    own = (harmless(row.id), harmless(row.customer), row.tier)
    for tick in ticks:
        counted, good = tick.state != "excluded", tick.state == "good"
        at = tick.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow((tick.tick, at, *own, f"{tick.power_mw:g}", tick.state, int(counted), int(good)))
    return file.getvalue().encode()


def evidence_name(contract_id: str) -> str:
    """Make a file name from a contract id that is valid on every file system."""
    kept = "".join(letter if letter in NAME_CHARACTERS else "-" for letter in contract_id)[:64]
    return f"mara-evidence-{kept}.csv"
