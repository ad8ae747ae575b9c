"""Begins of the conditions that a start finds, read from the stored ticks.

A simulation keeps no alerts, and a run may have been closed while something began. An alert that the first look finds
is then as old as its condition, and leads to the tick in which that began.
"""

from collections.abc import Mapping
from typing import Final

from mara.core.alert import Trouble
from mara.core.contract import TIER_KEYS, Tier
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.runtime.observe.alert_rules import PREMIUM_BUDGET_USED, SEVERAL_SITES, AlertRules, EngineSigns
from mara.runtime.published_state import EngineState, PublishedState
from mara.store.read.outages import down_since
from mara.store.read.promises import bad_ticks_reached
from mara.store.read.read_model import ReadModel

MOST_LOOKED_UP: Final = 200
"""Conditions whose begin is looked up, the first that are found."""


def begins_of(last: Snapshot, reading: ReadModel) -> dict[tuple[str, str], int]:
    """Return the tick in which each condition of the last stored tick began.

    Conditions are named by kind and subject. Those whose begin no stored tick tells are left out.

    Raises:
        StoreError: the database could not be read.
    """
    current = PublishedState(version=0, snapshot=last, state=EngineState.RUNNING)
    found = AlertRules().troubles(current, EngineSigns())[:MOST_LOOKED_UP]
    promises = _broken_in(found, last, reading)
    places = {site.id: place for place, site in enumerate(last.sites)}
    down = {one.subject: down_since(reading, places[one.subject]) for one in found if one.kind == "site"}
    ticks: dict[tuple[str, str], int | None] = {("site", site): tick for site, tick in down.items()}
    known = sorted(tick for tick in down.values() if tick is not None)
    if len(known) == len(down) >= SEVERAL_SITES:
        ticks["sites", "fleet"] = known[SEVERAL_SITES - 1]
    ticks |= {one.key: promises[one.subject] for one in found if one.subject in promises}
    return {key: tick for key, tick in ticks.items() if tick is not None}


def _broken_in(found: tuple[Trouble, ...], last: Snapshot, reading: ReadModel) -> Mapping[str, int]:
    """Return the tick of the bad tick that each contract's alert tells of."""
    contracts = {contract.id: contract for contract in last.contracts}
    asked = {one.subject: _bad_ticks_told(one, contracts[one.subject]) for one in found if one.subject in contracts}
    return bad_ticks_reached(reading, {contract_id: count for contract_id, count in asked.items() if count})


def _bad_ticks_told(found: Trouble, contract: ContractSnapshot) -> int:
    """Count the bad ticks from which on a condition stands; 0 where others decide."""
    if found.kind in {"premium", "promise"}:
        return contract.budget_ticks + 1
    is_premium = contract.tier == TIER_KEYS[Tier.PREMIUM]
    return PREMIUM_BUDGET_USED if found.kind == "burn_rate" and is_premium else 0
