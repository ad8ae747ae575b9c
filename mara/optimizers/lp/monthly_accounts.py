"""Monthly profit of a run in the linear program's terms, and each month's case.

Model: docs/model.md#7-certificate-and-bounds

A month's case holds what really came: prices, weather, machines, demand, and the promises of the run's own book. Its
budgets are all that a policy could shed free of credits within the month, the whole budget of every window that reaches
into it; nothing is kept back pro rata. Contracts count at the list rate of their tier, as plans see them.

Only costs that the ledger books count here, so that the ledger's profit is bounded too: there is no goodwill, and a
contract's first place is free. Unserved load is not charged as broken in ticks in which no packing of the sites holds
all promises, or in which power is so dear that promises are broken on purpose.
"""

from dataclasses import dataclass, field

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, budgets_of
from mara.core.placement import placed_mw
from mara.core.step import Step
from mara.core.units import G_PER_KG
from mara.core.world import Conditions, RunConfig, World
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.case import LpCase, case_of_run
from mara.optimizers.lp.instruments.past import past_contract, past_schedule
from mara.optimizers.lp.schedule import Schedule
from mara.optimizers.scheduling.economic_breach import scarce_mw
from mara.optimizers.scheduling.site_load import all_fit

MONTH_ZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Month:
    """One month of a run: its profit in the program's terms, and its case.

    Attributes:
        month: year and month, such as 2023-01.
        first_fees_usd: fees that the program would charge for the first places of contracts that had none before; the
            bound adds them back for every policy.
    """

    month: str
    profit_usd: float
    case: LpCase
    first_fees_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entry:
    """One tick: its step and conditions, and the load off inside budgets (3,) [MW]."""

    step: Step
    conditions: Conditions
    shed_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Error budget of a contract in one of its measurement windows."""

    tier: int
    power_mw: float
    start_tick: int
    end_tick: int
    budget_ticks: int


@dataclass(slots=True, eq=False)
class MonthlyAccounts:
    """Accounts that a run adds to tick by tick; a month closes when the next begins."""

    config: RunConfig
    months: list[Month] = field(default_factory=list)
    _entries: list[_Entry] = field(default_factory=list, init=False)
    _windows: dict[tuple[str, int], _Window] = field(default_factory=dict, init=False)
    _seen: Ints | None = field(default=None, init=False)
    _month_end_tick: int = field(default=0, init=False)

    def add(self, step: Step) -> None:
        """Record one tick."""
        if step.tick >= self._month_end_tick:
            self.close()
            self._month_end_tick = self.config.grid.next_month_tick(step.tick, MONTH_ZONE)
        self._note_windows(step.before)
        self._entries.append(_Entry(step=step, conditions=step.conditions, shed_mw=shed_mw(step)))

    def close(self) -> None:
        """Close the present month and forget its ticks; call it after the last tick too."""
        if not self._entries:
            return
        first = self._entries[0].step
        case = self._case(first.before)
        own_usd, all_usd = self._first_fees_usd()
        schedule = Schedule(
            miners_mw=np.stack([entry.step.allocation.miners_mw for entry in self._entries]),
            merchant_mw=np.stack([entry.step.allocation.merchant_mw for entry in self._entries]),
            contracts_mw=np.stack([entry.step.allocation.contracts_mw for entry in self._entries]),
            shed_mw=np.stack([entry.shed_mw for entry in self._entries]),
            rested_mw=np.stack([_rested_mw(entry.step) for entry in self._entries]),
            power=past_schedule([entry.step for entry in self._entries]),
        )
        month = self.config.grid.at(first.tick).strftime("%Y-%m")
        earned_usd = profit_usd(schedule, case) + own_usd
        self.months.append(Month(month=month, profit_usd=earned_usd, case=case, first_fees_usd=all_usd))
        end_tick = self._entries[-1].step.tick + 1
        self._windows = {key: window for key, window in self._windows.items() if window.end_tick > end_tick}
        self._entries = []

    def _note_windows(self, before: World) -> None:
        book, accounts = before.book, before.accounts
        if accounts.window_start_tick is self._seen:
            return
        self._seen = accounts.window_start_tick
        budgets = budgets_of(book, accounts).tolist()
        spans = zip(accounts.window_start_tick.tolist(), accounts.window_end_tick.tolist(), strict=True)
        for contract, (start, end), budget in zip(book.contracts, spans, budgets, strict=True):
            if contract.tier < PROMISED_TIER_COUNT:
                self._windows[contract.id, start] = _Window(
                    tier=contract.tier,
                    power_mw=contract.power_mw,
                    start_tick=start,
                    end_tick=end,
                    budget_ticks=budget,
                )

    def _first_fees_usd(self) -> tuple[float, float]:
        """Add up fees for first places [USD].

        Returns the fees for places that contracts took in these ticks, and for all that they could have taken.
        """
        fees = np.append(self.config.terms.migration_rates_usd_per_mw, 0.0)
        own_usd = 0.0
        waiting: dict[str, float] = {}
        for entry in self._entries:
            book, was = entry.step.before.book, entry.step.before.accounts.site
            nowhere = was == UNPLACED
            if np.count_nonzero(nowhere):
                fee_usd = book.power_mw * fees[book.tier]
                own_usd += float(fee_usd[nowhere & entry.step.allocation.served].sum())
                waiting |= {book.contracts[i].id: float(fee_usd[i]) for i in np.flatnonzero(nowhere).tolist()}
        return own_usd, sum(waiting.values())

    def _case(self, before: World) -> LpCase:
        config, entries = self.config, self._entries
        seen = [entry.step.observation for entry in entries]
        conditions = [entry.conditions for entry in entries]
        budget_mwh, shed_limit_mw = self._budgets()
        return case_of_run(
            config,
            dt_h=np.full(len(entries), config.grid.dt_h),
            price_usd_per_mwh=np.stack([observation.energy_price_usd_per_mwh for observation in seen]),
            carbon_t_per_mwh=np.stack([observation.carbon_intensity_g_per_kwh for observation in seen]) / G_PER_KG,
            pue=np.stack([condition.pue for condition in conditions]),
            available_mw=np.stack([condition.available_mw for condition in conditions]),
            mining_value_usd_per_mwh=np.stack([condition.mining_value_usd_per_mwh for condition in conditions]),
            token_value_usd_per_mwh=np.stack([condition.merchant_value_usd_per_mwh for condition in conditions]),
            demand_tokens_per_h=np.stack([observation.demand_tokens_per_h for observation in seen]),
            demand_mw=np.stack([entry.step.before.book.promised_mw for entry in entries]),
            budget_mwh=budget_mwh,
            shed_limit_mw=shed_limit_mw,
            breakable_mw=np.stack([self._breakable_mw(entry) for entry in entries]),
            served_now_mw=placed_mw(before.accounts.site, before.book, config.fleet.site_count),
            miners_now_mw=before.miners_mw.sum(axis=1),
            rests_in_place=np.ones(PROMISED_TIER_COUNT, dtype=np.bool_),
            power_contract=past_contract([entry.step for entry in entries], config),
        )

    def _breakable_mw(self, entry: _Entry) -> Floats:
        """Return load that may go unserved past budgets without a charge (3,) [MW].

        It is all where no packing holds all promises, else the load for which power is too dear.
        """
        book = entry.step.before.book
        if all_fit(book.power_mw[book.tier < PROMISED_TIER_COUNT], entry.conditions.contract_room_mw):
            most = np.minimum(scarce_mw(entry.conditions, self.config), book.promised_mw)
        else:
            most = book.promised_mw
        return np.asarray(most[:PROMISED_TIER_COUNT])

    def _budgets(self) -> tuple[Floats, Floats]:
        """Sum the error budgets of windows that reach into these ticks.

        Returns the sum over these ticks (3,) [MWh], and the limit in each of them (H, 3) [MW].
        """
        first, end = self._entries[0].step.tick, self._entries[-1].step.tick + 1
        budget_mwh = np.zeros(PROMISED_TIER_COUNT)
        limit_mw = np.zeros((end - first, PROMISED_TIER_COUNT))
        for window in self._windows.values():
            here = max(window.start_tick - first, 0), max(min(window.end_tick, end) - first, 0)
            ticks = min(window.budget_ticks, here[1] - here[0])
            if ticks > 0:
                budget_mwh[window.tier] += ticks * window.power_mw * self.config.grid.dt_h
                limit_mw[slice(*here), window.tier] += window.power_mw
        return budget_mwh, limit_mw


def _rested_mw(step: Step) -> Floats:
    """Return promised load that keeps its place without running (S, 3) [MW]."""
    done = step.allocation
    placed = placed_mw(done.site, step.before.book, len(done.contracts_mw))
    return np.asarray(placed - done.contracts_mw[:, :PROMISED_TIER_COUNT])


def shed_mw(step: Step) -> Floats:
    """Return promised load that was off within its error budget (3,) [MW]."""
    left_out = ~step.allocation.served
    if not np.count_nonzero(left_out):
        return np.zeros(PROMISED_TIER_COUNT)
    book, accounts = step.before.book, step.before.accounts
    spared = left_out & (budgets_of(book, accounts) > accounts.bad_ticks)
    rested = np.bincount(book.tier[spared], weights=book.power_mw[spared], minlength=TIER_COUNT)
    return np.asarray(rested[:PROMISED_TIER_COUNT], dtype=np.float64)
