"""Contracts that a search finds as a CSV file, live and ended."""

import csv
from collections.abc import Callable, Iterable
from io import StringIO
from typing import Final

from mara.core.contract import TARGET_PPM, TIER_KEYS
from mara.core.history import ContractRow
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.standing import ContractSearch, standings_of
from mara.core.units import MICRO_USD_PER_USD, PPM
from mara.store.read.table_file import harmless

TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
Contract = ContractSnapshot | ContractRow

COLUMNS: Final[dict[str, Callable[[Contract], object]]] = {
    "contract_id": lambda contract: harmless(contract.id),
    "customer": lambda contract: harmless(contract.customer),
    "tier": lambda contract: contract.tier,
    "standing": lambda contract: " ".join(standings_of(contract)),
    "power_mw": lambda contract: contract.power_mw,
    "rate_usd_per_mwh": lambda contract: contract.rate_usd_per_mwh,
    "starts_at_utc": lambda contract: contract.starts_at.strftime(TIME),
    "ends_at_utc": lambda contract: contract.ends_at.strftime(TIME),
    "target_share": lambda contract: TARGET_PPM[TIER_KEYS.index(contract.tier)] / PPM,
    "availability_share": lambda contract: contract.availability_share,
    "bad_ticks": lambda contract: contract.bad_ticks,
    "excluded_ticks": lambda contract: contract.excluded_ticks,
}
"""Columns of live and ended contracts; the ticks of a live one are of its window."""
LIVE_COLUMNS: Final[dict[str, Callable[[ContractSnapshot], object]]] = {
    "site_id": lambda contract: harmless(contract.site_id),
    "budget_ticks": lambda contract: contract.budget_ticks,
    "burn_rate_share": lambda contract: contract.burn_rate_share,
    "credit_owed_usd": lambda contract: contract.credit_usd,
    "next_bad_tick_cost_usd": lambda contract: contract.next_bad_tick_cost_usd,
}


def contracts_csv(snapshot: Snapshot, stored: Iterable[ContractRow], search: ContractSearch) -> bytes:
    """Write one CSV row a contract that is found: live ones first, as of a tick.

    Args:
        stored: contracts as the archive has them; live ones add the credits of their closed windows.
    """
    known = {row.id: row for row in stored}
    live = {contract.id: contract for contract in snapshot.contracts}
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("timestamp_utc", *COLUMNS, *LIVE_COLUMNS, "credit_of_closed_windows_usd"))
    every: list[Contract] = [*live.values(), *(row for row in known.values() if row.id not in live)]
    for contract in every:
        if search.finds(contract, standings_of(contract)):
            writer.writerow(_values(contract, known.get(contract.id), snapshot))
    return file.getvalue().encode()


def contracts_csv_name(snapshot: Snapshot) -> str:
    """Make the name of the file from the tick's time."""
    return f"mara-contracts-{snapshot.at:%Y-%m-%dT%H%MZ}.csv"


def _values(contract: Contract, stored: ContractRow | None, snapshot: Snapshot) -> tuple[object, ...]:
    return (
        snapshot.at.strftime(TIME),
        *(column(contract) for column in COLUMNS.values()),
        *(column(contract) if isinstance(contract, ContractSnapshot) else "" for column in LIVE_COLUMNS.values()),
        "" if stored is None else stored.credit_micro_usd / MICRO_USD_PER_USD,
    )
