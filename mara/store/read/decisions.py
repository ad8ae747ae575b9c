"""Look up past decisions by tick, site and contract, to explain them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, case, func, select

from mara.core.arrays import Floats, sealed
from mara.core.contract import BAD, EXCLUDED, GOOD, SlaContract, Tier
from mara.core.events import Event, stored_event
from mara.core.finance import Line
from mara.core.units import MICRO_USD_PER_USD, W_PER_MW
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import MONEY_LEGS, LedgerEntry
from mara.store.schema.tables import (
    AllocationRow,
    NamedRow,
    OptimizationRun,
    PriceRow,
    SlaContractRow,
    SlaInterval,
    SlaWindow,
    table_of,
)
from mara.store.write.plan_record import reasons_in

MOST_CONTRACTS: Final = 200
MOST_EVENTS: Final = 200
EVENTS_PER_PAGE: Final = 200
ANY_SITE: Final = -2
"""Value of `site` for all sites and the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Running:
    """The power of each site in a tick [MW], by workload and tier.

    Shapes: miners (S, 3), merchant inference (S, 2), contracts (S, G), site power (S,).
    """

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
    """The plan in force in a tick, as stored when it was adopted."""

    adopted_tick: int
    optimizer: str
    status: str
    objective_usd: float | None
    bound_usd: float | None
    note: str
    headline: str
    reasons: tuple[str, ...]


class Decisions:
    """Short, bounded lookups in a stored run."""

    def __init__(self, read_model: ReadModel) -> None:
        self.read_model = read_model

    def running(self, tick: int) -> Running | None:
        """Read what ran in a tick; None once its raw rows have been pruned."""
        asked = select(*(_ALLOCATION[name] for name in _POWERS)).where(_ALLOCATION.tick == tick)
        found = self.read_model.ask(asked.order_by(_ALLOCATION.site))
        if not found:
            return None
        return Running(
            site_power_mw=_power_mw(found, (_SITE_POWER,))[:, 0],
            miners_mw=_power_mw(found, _MINERS),
            merchant_mw=_power_mw(found, _MERCHANT),
            contracts_mw=_power_mw(found, _CONTRACTS),
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
        """List events of the kinds in ``[first_tick, end_tick)``, newest first.

        Args:
            which: keeps those that it is true of; every one where it is None.
        """
        most = min(limit, MOST_EVENTS)
        if which is None:
            return tuple(islice(self.each_event(kinds, first_tick, end_tick, site, page=most), most))
        return tuple(islice(filter(which, self.each_event(kinds, first_tick, end_tick, site)), most))

    def each_event(
        self, kinds: Sequence[str], first_tick: int, end_tick: int, site: int, *, page: int = EVENTS_PER_PAGE
    ) -> Iterator[Event]:
        """Read all events in ``[first_tick, end_tick)``, newest first.

        Args:
            page: number of rows that are read at a time.
        """
        config, marks = self.read_model.run().config, ", ".join("?" for _ in kinds)
        query = (
            "SELECT tick, number, severity, site, kind, text FROM events"  # noqa: S608  only question marks are put in
            f" WHERE tick >= ? AND (tick < ? OR (tick = ? AND number < ?)) AND (site = ? OR ? = {ANY_SITE})"
            f" AND kind IN ({marks}) ORDER BY tick DESC, number DESC LIMIT ?"
        )
        before_tick, before_number = end_tick, 0
        while True:
            place = (first_tick, before_tick, before_tick, before_number, site, site)
            found = self.read_model.ask(query, *place, *kinds, page)
            for row in found:
                yield stored_event(row.tick, row.severity, row.site, row.kind, row.text, config)
            if len(found) < page:
                return
            before_tick, before_number = found[-1].tick, found[-1].number

    def ticks_told(self, kind: str, first_tick: int, end_tick: int) -> list[tuple[int, int]]:
        """List tick and site of each event of a kind in ``[first_tick, end_tick)``."""
        found = self.read_model.ask(
            "SELECT tick, site FROM events WHERE tick >= ? AND tick < ? AND kind = ?", first_tick, end_tick, kind
        )
        return [(int(row.tick), int(row.site)) for row in found]

    def customers(self) -> tuple[str, ...]:
        """List everybody who ever booked a contract."""
        return tuple(row.customer for row in self.read_model.ask(select(_CONTRACT.customer).distinct()))

    def contracts_of(self, customer: str, tick: int) -> tuple[Booked, ...]:
        """List a customer's contracts that are live in a tick, newest first."""
        return self._contracts(
            _CONTRACT.customer == customer, _CONTRACT.booked_tick <= tick, _CONTRACT.ends_tick > tick, _is_kept(tick)
        )

    def extreme_price(
        self, first_tick: int, end_tick: int, sites: Sequence[int], *, is_least: bool
    ) -> tuple[int, int, float] | None:
        """Find the highest or lowest price of power: its first tick, site and value.

        Args:
            sites: sites to look at; all where it is empty.
        """
        price = _PRICE.energy_price_usd_per_mwh
        asked = select(_PRICE.tick, _PRICE.site, price).where(_PRICE.tick >= first_tick, _PRICE.tick < end_tick)
        asked = asked.where(_PRICE.site.in_(tuple(sites))) if sites else asked
        found = self.read_model.ask(asked.order_by(price if is_least else price.desc(), _PRICE.tick).limit(1))
        return (found[0].tick, found[0].site, float(found[0].energy_price_usd_per_mwh)) if found else None

    def live_counts(self, tick: int, tier: Tier | None, customers: Sequence[str]) -> tuple[int, int]:
        """Count the contracts that are live in a tick, and those of them that are off.

        Args:
            tier, customers: count only contracts of these; all where None or empty.
        """
        live = [_CONTRACT.starts_tick <= tick, _CONTRACT.ends_tick > tick, _is_kept(tick)]
        live += [_CONTRACT.tier == int(tier)] if tier is not None else []
        live += [_CONTRACT.customer.in_(tuple(customers))] if customers else []
        newest = (
            select(_INTERVAL.number, func.max(_INTERVAL.from_tick).label("from_tick"))
            .where(_INTERVAL.from_tick <= tick)
            .group_by(_INTERVAL.number)
            .subquery()
        )
        state = (
            select(_INTERVAL.number, _INTERVAL.state)
            .join(newest, (newest.c.number == _INTERVAL.number) & (newest.c.from_tick == _INTERVAL.from_tick))
            .subquery()
        )
        counts = select(
            func.count().label("live"), func.sum(case((state.c.state == BAD, 1), else_=0)).label("off")
        ).select_from(table_of(SlaContractRow).join(state, state.c.number == _CONTRACT.number))
        (found,) = self.read_model.ask(counts.where(*live))
        return int(found.live), int(found.off or 0)

    def last_contract_of(self, customer: str, tick: int) -> Booked | None:
        """Find the contract that a customer booked last, up to a tick."""
        found = self._contracts(_CONTRACT.customer == customer, _CONTRACT.booked_tick <= tick)
        return found[0] if found else None

    def contract(self, contract_id: str) -> Booked | None:
        """Find a contract by its id."""
        found = self._contracts(_CONTRACT.contract_id == contract_id)
        return found[0] if found else None

    def cancelled_tick(self, number: int) -> int | None:
        """Find the first tick after a contract's cancellation; None if it was not."""
        (found,) = self.read_model.ask(
            select(func.max(_WINDOW.closed_tick).label("tick")).where(_WINDOW.number == number, _CUT_SHORT)
        )
        return None if found.tick is None else int(found.tick) + 1

    def state(self, number: int, tick: int) -> tuple[int, int] | None:
        """Read a contract's state in a tick and its first tick; None before its life.

        The state is `BAD`, `GOOD` or `EXCLUDED`.
        """
        asked = _INTERVALS.where(_INTERVAL.number == number, _INTERVAL.from_tick <= tick)
        found = self.read_model.ask(asked.order_by(_INTERVAL.from_tick.desc()).limit(1))
        return (found[0].state, found[0].from_tick) if found else None

    def state_ends(self, number: int, tick: int) -> int | None:
        """Find the first tick after this one in which a contract's state changes.

        None where no change is stored.
        """
        first = select(func.min(_INTERVAL.from_tick).label("tick"))
        (change,) = self.read_model.ask(first.where(_INTERVAL.number == number, _INTERVAL.from_tick > tick))
        return None if change.tick is None else int(change.tick)

    def counted(self, number: int, first_tick: int, end_tick: int) -> tuple[int, int]:
        """Count a contract's bad and excluded ticks in ``[first_tick, end_tick)``."""
        asked = _INTERVALS.where(_INTERVAL.number == number, _INTERVAL.from_tick < end_tick)
        found = self.read_model.ask(asked.order_by(_INTERVAL.from_tick))
        ends = [*(row.from_tick for row in found[1:]), end_tick]
        ticks = {BAD: 0, EXCLUDED: 0, GOOD: 0}
        for row, end in zip(found, ends, strict=True):
            ticks[row.state] += max(0, end - max(row.from_tick, first_tick))
        return ticks[BAD], ticks[EXCLUDED]

    def plan(self, tick: int) -> Adopted | None:
        """Find the newest stored plan at or before a tick."""
        asked = select(*_PLAN_COLUMNS).where(_PLAN.adopted_tick <= tick)
        found = self.read_model.ask(asked.order_by(_PLAN.adopted_tick.desc()).limit(1))
        if not found:
            return None
        (row,) = found
        return Adopted(
            adopted_tick=row.adopted_tick,
            optimizer=row.optimizer,
            status=row.status,
            objective_usd=row.objective_usd,
            bound_usd=row.bound_usd,
            note=row.note,
            headline=row.headline or "",
            reasons=reasons_in(row.reasons),
        )

    def money_usd(self, first_tick: int, end_tick: int, site: int = ANY_SITE) -> Floats:
        """Sum each money line over ``[first_tick, end_tick)`` (LINE_COUNT,) [USD].

        Lines are in the order of `Line`; costs are negative.
        """
        asked = select(*(func.coalesce(func.sum(_LEDGER[leg]), 0).label(leg) for leg in MONEY_LEGS))
        asked = asked.where(_LEDGER.tick >= first_tick, _LEDGER.tick < end_tick)
        (sums,) = self.read_model.ask(asked if site == ANY_SITE else asked.where(_LEDGER.site == site))
        return sealed(np.array([float(getattr(sums, leg)) for leg in MONEY_LEGS]) / MICRO_USD_PER_USD)

    def _contracts(self, *conditions: ColumnElement[bool]) -> tuple[Booked, ...]:
        asked = select(*_CONTRACT).where(*conditions)
        found = self.read_model.ask(asked.order_by(_CONTRACT.number.desc()).limit(MOST_CONTRACTS))
        return tuple(_booked(row) for row in found)


_SITE_POWER: Final = "site_power_w"
_MINERS: Final = ("air_miner_w", "hydro_miner_w", "immersion_miner_w")
_MERCHANT: Final = ("gpu_w", "asic_w")
_CONTRACTS: Final = ("premium_w", "standard_w", "flexible_w", "spot_w")
_WINDOW: Final = table_of(SlaWindow).c
_CUT_SHORT: Final = _WINDOW.window_end_tick > _WINDOW.closed_tick + 1
"""Condition of a window that was closed before its end, by a cancellation."""
_POWERS: Final = (_SITE_POWER, *_MINERS, *_MERCHANT, *_CONTRACTS)
_ALLOCATION: Final = table_of(AllocationRow).c
_CONTRACT: Final = table_of(SlaContractRow).c
_INTERVAL: Final = table_of(SlaInterval).c
_INTERVALS: Final = select(_INTERVAL.from_tick, _INTERVAL.state)
_LEDGER: Final = table_of(LedgerEntry).c
_PLAN: Final = table_of(OptimizationRun).c
_PRICE: Final = table_of(PriceRow).c
_PLAN_COLUMNS: Final = tuple(column for column in _PLAN if column.name not in ("shadow", "provenance"))
assert len(MONEY_LEGS) == len(Line)


def _is_kept(tick: int) -> ColumnElement[bool]:
    """Condition of contracts that were not cancelled before a tick."""
    return _CONTRACT.number.not_in(select(_WINDOW.number).where(_CUT_SHORT, _WINDOW.closed_tick < tick))


def _power_mw(rows: Sequence[NamedRow], columns: Sequence[str]) -> Floats:
    """Convert columns of power by site [W] to a matrix [MW]."""
    return sealed(np.array([[float(getattr(row, name)) for name in columns] for row in rows]) / W_PER_MW)


def _booked(row: NamedRow) -> Booked:
    contract = SlaContract(
        id=row.contract_id,
        tier=Tier(row.tier),
        customer=row.customer,
        power_mw=row.power_mw,
        rate_usd_per_mwh=row.rate_usd_per_mwh,
        starts_tick=row.starts_tick,
        ends_tick=row.ends_tick,
        timezone=row.timezone,
    )
    return Booked(number=row.number, contract=contract)
