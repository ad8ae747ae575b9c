"""Stateful test: the books balance in every tick, in whatever order events come."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mara.core.commands import Book, Cancel, Command, Exclude, Outage, Restore
from mara.core.contract import Tier, budgets_of, credit_micro_usd
from mara.core.finance import LINE_COUNT, EnergyLine
from mara.core.step import Step, advance
from mara.core.units import WH_PER_MWH
from mara.core.world import RunConfig, World
from tests.builders import config, contract, fleet, observation, request, step, world
from tests.sameness import differences

SITES = ("west", "north", "east")
TIERS = st.sampled_from(list(Tier))


class LedgerMachine(RuleBasedStateMachine):
    """State machine that changes the world between ticks and checks each tick's books.

    Changes are price shocks, heat, outages, bookings, cancellations and absurd plans.
    """

    of: RunConfig
    state: World

    @initialize(tick_minutes=st.sampled_from([5, 60]), hedge_mw=st.sampled_from([0.0, 4.0]))
    def begin(self, tick_minutes: int, hedge_mw: float) -> None:
        self.of = config(
            fleet(limit_mw=[9.0, 12.0, 6.0], hedge_mw=hedge_mw, hedge_price=45.0), tick_minutes=tick_minutes
        )
        own = tuple(contract(f"c{i}", Tier(i % 4), 1.0 + i / 4, ticks=6 + 3 * i) for i in range(6))
        self.state = world(self.of, own)
        self.orders: list[Command] = []
        self.cash_micro_usd = 0
        self.booked = 0
        self.settled: dict[str, int] = {}
        self.last: Step | None = None

    @rule(tier=TIERS, power_mw=st.floats(0.1, 12.0), ticks=st.integers(1, 12), rate=st.floats(1.0, 900.0))
    def book(self, tier: Tier, power_mw: float, ticks: int, rate: float) -> None:
        self.booked += 1
        wanted = request(f"b{self.booked}", tier, power_mw, ticks)
        self.orders.append(Book(request=wanted, rate_usd_per_mwh=rate))

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        live = self.state.book.contracts
        if live:
            self.orders.append(Cancel(contract_id=live[which % len(live)].id))

    @rule(site=st.sampled_from(SITES), ticks=st.integers(1, 4))
    def fail(self, site: str, ticks: int) -> None:
        self.orders.append(Outage(site_id=site, duration_ticks=ticks))

    @rule(site=st.sampled_from(SITES))
    def restore(self, site: str) -> None:
        self.orders.append(Restore(site_id=site))

    @rule(length=st.integers(1, 5))
    def exclude(self, length: int) -> None:
        now = self.state.tick
        self.orders.append(
            Exclude(contract_id="", from_tick=now, to_tick=now + length, reason="grid order", author="Ada")
        )

    @rule(
        price=st.lists(st.floats(-1_000.0, 20_000.0), min_size=3, max_size=3),
        dry=st.floats(-20.0, 52.0),
        up=st.lists(st.sampled_from([0.0, 0.4, 1.0, 1.0]), min_size=3, max_size=3),
        demand=st.sampled_from([0.0, 1e10, 1e12]),
        scale_mw=st.sampled_from([0.0, 0.5, 3.0, 1e9]),
        seed=st.integers(0, 1_000),
    )
    def tick(self, price: list[float], dry: float, up: list[float], demand: float, scale_mw: float, seed: int) -> None:
        draw = np.random.default_rng(seed)
        seen = observation(self.of, self.state.tick, price=price, dry=dry, up=up, carbon=300.0, demand=demand)
        plan = step(
            self.of,
            miners=draw.random((3, 3)) * scale_mw,
            merchant=draw.random((3, 3, 2)) * scale_mw,
            contracts=draw.random((3, 4)) * scale_mw,
            reserve=draw.random(3) * scale_mw,
        )
        orders, self.orders = tuple(self.orders), []
        done = advance(self.state, seen, plan, self.of, orders)
        assert list(differences(done, advance(self.state, seen, plan, self.of, orders))) == []
        self.cash_micro_usd += int(done.settlement.lines_micro_usd.sum())
        for window in done.world.closed:
            self.settled[window.contract_id] = self.settled.get(window.contract_id, 0) + 1
        self.last, self.state = done, done.world

    @invariant()
    def money_adds_up(self) -> None:
        if self.last is None:
            return
        money = self.last.settlement
        assert money.lines_micro_usd.shape == (3, LINE_COUNT)
        assert self.state.cash_micro_usd == self.cash_micro_usd
        assert money.revenue_micro_usd - money.cost_micro_usd == money.profit_micro_usd

    @invariant()
    def energy_is_conserved(self) -> None:
        if self.last is None:
            return
        energy, allocation = self.last.settlement.energy_wh, self.last.allocation
        assert not energy.sum(axis=1).any()
        used = energy[:, EnergyLine.BOUGHT] + energy[:, EnergyLine.HEDGE] + energy[:, EnergyLine.SOLD]
        drawn = allocation.site_power_mw * (self.of.grid.dt_h * WH_PER_MWH)
        assert (np.abs(used - drawn) <= 2.0).all()
        assert (energy[:, EnergyLine.COOLING] <= 8).all()  # PUE is at least 1; whole watt-hours may round the other way
        assert (allocation.site_power_mw <= self.of.fleet.grid_limit_mw).all()

    @invariant()
    def promises_are_kept_or_paid_for(self) -> None:
        if self.last is None:
            return
        assert all(times == 1 for times in self.settled.values())
        live = {own.id for own in self.state.book.contracts}
        assert not live & self.settled.keys()
        for window in self.last.world.closed:
            counted = window.good_ticks + window.bad_ticks
            assert counted + window.excluded_ticks <= window.window_end_tick - window.window_start_tick
            breach = credit_micro_usd(window.tier, window.good_ticks, window.bad_ticks, window.charge_micro_usd)
            assert window.credit_micro_usd == breach <= window.charge_micro_usd
        accounts = self.state.accounts
        judged = accounts.good_ticks + accounts.bad_ticks + accounts.excluded_ticks
        assert (judged == self.state.tick - accounts.window_start_tick).all()
        assert (budgets_of(self.state.book, accounts) >= 0).all()


LedgerMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=25)
TestTheBooksBalanceWhateverHappens = LedgerMachine.TestCase
