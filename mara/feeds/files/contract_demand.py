"""Demand of a contracts file: contracts live at the start, and later requests."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mara.core.booking import contract_of, list_rate_usd_per_mwh
from mara.core.contract import ContractRequest, SlaContract
from mara.core.world import RunConfig
from mara.errors import FeedInvalid
from mara.feeds.files.contract_file import read_contracts, requests_by_tick

IDS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """Demand of a run: contracts that are live at its start, and requests by tick.

    Attributes:
        contracts: contracts that are live from the first tick on.
        requests: the requests that arrive in a tick.
        notes: lines for the operator who started the run.
    """

    contracts: tuple[SlaContract, ...] = ()
    requests: Callable[[int], tuple[ContractRequest, ...]] | None = None
    notes: tuple[str, ...] = ()


def demand_of_file(file: Path, config: RunConfig, end_tick: int | None = None) -> Demand:
    """Read the demand of a contracts file for a run.

    A contract accepted in one tick starts in the next, so each request arrives one tick before its start.

    Args:
        end_tick: the first tick that the run cannot reach, where there is one.

    Raises:
        FeedInvalid: the file cannot be used, or none of its contracts lies within the run.
    """
    read = read_contracts(file, config.grid, end_tick)
    now = tuple(
        contract_of(arrival.request, list_rate_usd_per_mwh(arrival.request.tier, config), 0)
        for arrival in read.arrivals
        if arrival.start_tick == 0
    )
    later = (replace(arrival, start_tick=arrival.start_tick - 1) for arrival in read.arrivals if arrival.start_tick > 0)
    return Demand(
        contracts=now,
        requests=requests_by_tick(later),
        notes=_notes(file, config, read.outside_ids, end_tick, len(read.arrivals)),
    )


def _notes(
    file: Path, config: RunConfig, outside_ids: tuple[str, ...], end_tick: int | None, inside_count: int
) -> tuple[str, ...]:
    if not outside_ids:
        return ()
    end = f" up to {config.grid.at(end_tick):%Y-%m-%dT%H:%MZ}" if end_tick is not None else " on"
    period = f"{config.grid.at(0):%Y-%m-%dT%H:%MZ}{end}"
    if not inside_count:
        raise FeedInvalid(
            f"{file} should have contracts that run in the period, {period}; all {len(outside_ids):,} lie outside it: "
            "correct starts_at_utc, or choose another period"
        )
    named = ", ".join(outside_ids[:IDS_SHOWN])
    more = f" and {len(outside_ids) - IDS_SHOWN:,} more" if len(outside_ids) > IDS_SHOWN else ""
    whole = len(outside_ids) + inside_count
    return (f"{len(outside_ids):,} of {whole:,} contracts of {file} lie outside the period, {period}: {named}{more}",)
