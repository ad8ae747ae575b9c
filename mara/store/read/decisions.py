"""What was decided and why, looked up by tick, site and contract: for whoever explains the past. Read-only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.contract import BAD, EXCLUDED, GOOD, SlaContract, Tier
from mara.core.events import Event, stored_event
from mara.core.finance import Line
from mara.core.units import MICRO_USD_PER_USD, W_PER_MW
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import MONEY_LEGS
from mara.store.write.plan_record import reasons_in

MOST_CONTRACTS: Final = 200
MOST_EVENTS: Final = 200
EVENTS_PER_PAGE: Final = 200
ANY_SITE: Final = -2
"""Not a site: events of all sites and of the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Running:
    """What ran in a tick, by site: miners (S, 3), merchant inference (S, 2), contracts (S, G), site power (S,) [MW]."""

    miners_mw: Floats
    merchant_mw: Floats
    contracts_mw: Floats
    site_power_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A booked contract and its number in the order of booking."""

    number: int
    contract: SlaContract


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The plan in force in a tick, as it was written down when it was adopted."""

    adopted_tick: int
    optimizer: str
    status: str
    objective_usd: float | None
    bound_usd: float | None
    note: str
    headline: str
    reasons: tuple[str, ...]


class Decisions:
    """Lookups in a run, each short and bounded."""

    def __init__(self, reading: ReadModel) -> None:
        self.reading = reading

    def running(self, tick: int) -> Running | None:
        """What ran in the tick; None once the raw rows have gone."""
        found = self.reading.ask(_RUNNING, tick)
        if not found:
            return None
        power_mw = np.array([tuple(row) for row in found], dtype=np.float64) / W_PER_MW
        parts = np.split(power_mw, (1, 4, 6), axis=1)
        return Running(
            site_power_mw=sealed(parts[0][:, 0]),
            miners_mw=sealed(parts[1]),
            merchant_mw=sealed(parts[2]),
            contracts_mw=sealed(parts[3]),
        )

    def events(
        self,
        kinds: Sequence[str],
        first_tick: int,
        end_tick: int,
        *,
        site: int = ANY_SITE,
        which: Callable[[Event], bool] | None = None,
        limit: int = MOST_EVENTS,
    ) -> tuple[Event, ...]:
        """Events of the kinds in ``[first_tick, end_tick)``, newest first; only those that `which` is true of."""
        found = self._events(kinds, first_tick, end_tick, site)
        wanted = found if which is None else filter(which, found)
        return tuple(islice(wanted, min(limit, MOST_EVENTS)))

    def _events(self, kinds: Sequence[str], first_tick: int, end_tick: int, site: int) -> Iterator[Event]:
        """Read events newest first, some rows at a time, for as long as the caller goes on."""
        config, marks = self.reading.run().config, ", ".join("?" for _ in kinds)
        query = (
            "SELECT tick, number, severity, site, kind, text FROM events"  # noqa: S608  only question marks are put in
            f" WHERE tick >= ? AND (tick < ? OR (tick = ? AND number < ?)) AND (site = ? OR ? = {ANY_SITE})"
            f" AND kind IN ({marks}) ORDER BY tick DESC, number DESC LIMIT ?"
        )
        before_tick, before_number = end_tick, 0
        while True:
            place = (first_tick, before_tick, before_tick, before_number, site, site)
            page = self.reading.ask(query, *place, *kinds, EVENTS_PER_PAGE)
            for tick, _, severity, at, kind, text in page:
                yield stored_event(tick, severity, at, kind, text, config)
            if len(page) < EVENTS_PER_PAGE:
                return
            before_tick, before_number = page[-1][0], page[-1][1]

    def customers(self) -> tuple[str, ...]:
        """Everybody who ever booked."""
        return tuple(row[0] for row in self.reading.ask("SELECT DISTINCT customer FROM sla_contracts"))

    def contracts_of(self, customer: str, tick: int) -> tuple[Booked, ...]:
        """A customer's contracts that live in the tick, newest first."""
        where = "customer = ? AND booked_tick <= ? AND ends_tick > ?"
        return self._contracts(where, customer, tick, tick)

    def last_contract_of(self, customer: str, tick: int) -> Booked | None:
        """The contract that a customer booked last, up to the tick."""
        found = self._contracts("customer = ? AND booked_tick <= ?", customer, tick)
        return found[0] if found else None

    def contract(self, contract_id: str) -> Booked | None:
        """The contract of an id."""
        found = self._contracts("contract_id = ?", contract_id)
        return found[0] if found else None

    def state(self, number: int, tick: int) -> tuple[int, int] | None:
        """A contract's state in a tick (bad, good, excluded: 0, 1, 2) and the tick since when; None before its life."""
        found = self.reading.ask(
            "SELECT state, from_tick FROM sla_intervals WHERE number = ? AND from_tick <= ?"
            " ORDER BY from_tick DESC LIMIT 1",
            number,
            tick,
        )
        return (found[0][0], found[0][1]) if found else None

    def state_ends(self, number: int, tick: int) -> int | None:
        """The first tick after this one in which a contract's state is another; None where that is not stored."""
        found = self.reading.ask(
            "SELECT min(from_tick) FROM sla_intervals WHERE number = ? AND from_tick > ?", number, tick
        )
        return None if found[0][0] is None else int(found[0][0])

    def counted(self, number: int, first_tick: int, end_tick: int) -> tuple[int, int]:
        """A contract's bad and excluded ticks in ``[first_tick, end_tick)``."""
        found = self.reading.ask(
            "SELECT from_tick, state FROM sla_intervals WHERE number = ? AND from_tick < ? ORDER BY from_tick",
            number,
            end_tick,
        )
        ends = [*(row[0] for row in found[1:]), end_tick]
        spans = {BAD: 0, EXCLUDED: 0, GOOD: 0}
        for (from_tick, state), end in zip(found, ends, strict=True):
            spans[state] += max(0, end - max(from_tick, first_tick))
        return spans[BAD], spans[EXCLUDED]

    def plan(self, tick: int) -> Adopted | None:
        """The plan in force in the tick, as far as it was written down."""
        found = self.reading.ask(_PLAN, tick)
        if not found:
            return None
        adopted, optimizer, status, objective, bound, note, headline, reasons = found[0]
        return Adopted(
            adopted_tick=adopted,
            optimizer=optimizer,
            status=status,
            objective_usd=objective,
            bound_usd=bound,
            note=note,
            headline=headline or "",
            reasons=reasons_in(reasons),
        )

    def money_usd(self, first_tick: int, end_tick: int, site: int = ANY_SITE) -> Floats:
        """Each line of the ledger over ``[first_tick, end_tick)``, of one site or of all (17,): costs are negative."""
        sums = ", ".join(f"coalesce(sum({leg}), 0)" for leg in MONEY_LEGS)
        query = f"SELECT {sums} FROM ledger WHERE tick >= ? AND tick < ? AND (site = ? OR ? = {ANY_SITE})"  # noqa: S608
        found = self.reading.ask(query, first_tick, end_tick, site, site)[0]
        assert len(found) == len(Line)
        return sealed(np.array([float(cell) for cell in found]) / MICRO_USD_PER_USD)

    def _contracts(self, where: str, *values: object) -> tuple[Booked, ...]:
        found = self.reading.ask(
            "SELECT number, contract_id, tier, customer, power_mw, rate_usd_per_mwh, starts_tick, ends_tick, timezone"  # noqa: S608
            f" FROM sla_contracts WHERE {where} ORDER BY number DESC LIMIT {MOST_CONTRACTS}",
            *values,
        )
        return tuple(_booked(row) for row in found)


_RUNNING: Final = (
    "SELECT site_power_w, air_miner_w, hydro_miner_w, immersion_miner_w, gpu_w, asic_w,"
    " premium_w, standard_w, flexible_w, spot_w FROM allocations WHERE tick = ? ORDER BY site"
)
_PLAN: Final = (
    "SELECT adopted_tick, optimizer, status, objective_usd, bound_usd, note, headline, reasons"
    " FROM optimization_runs WHERE adopted_tick <= ? ORDER BY adopted_tick DESC LIMIT 1"
)


def _booked(row: Sequence[Any]) -> Booked:
    number, contract_id, tier, customer, power, rate, starts, ends, timezone = row
    contract = SlaContract(
        id=contract_id,
        tier=Tier(tier),
        customer=customer,
        power_mw=power,
        rate_usd_per_mwh=rate,
        starts_tick=starts,
        ends_tick=ends,
        timezone=timezone,
    )
    return Booked(number=number, contract=contract)
