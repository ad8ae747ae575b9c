"""What a run did, month by month, in the accounts of the linear program, and the case that its best could have been.

A month's case holds what really came: prices, weather, machines, demand, and the promises of the run's own book. Its
budgets are all that a policy could shed free of credits within the month, the whole budget of every window that reaches
into it; nothing is kept back pro rata. Contracts count at the list rate of their tier, as plans see them.

What costs no money is no cost here, so that the ledger's profit is bounded too: there is no goodwill, a contract's
first place is free, and what goes unserved is not charged as broken in ticks in which no packing holds all promises, or
power is so dear that promises are broken on purpose.
"""

from dataclasses import dataclass, field

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, UNPLACED, Tier, budgets_of
from mara.core.placement import placed_mw
from mara.core.step import Step
from mara.core.units import G_PER_KG, TOKENS_PER_MTOK
from mara.core.world import Conditions, RunConfig, World
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.horizon import CREDIT_MULTIPLE
from mara.optimizers.lp.schedule import Schedule
from mara.optimizers.scheduling.economic_breach import scarce_mw
from mara.optimizers.scheduling.fit import all_fit

MONTH_ZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Month:
    """One month of a run: what it earned in the program's accounts, and the case of the month, tick by tick."""

    month: str
    """Such as 2023-01."""
    profit_usd: float
    case: LpCase
    first_fees_usd: float = 0.0
    """What the program would charge for the first places of contracts that had none before: given back to all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entry:
    """One tick: conditions, what ran, and what rested inside budgets (3,) [MW]."""

    step: Step
    conditions: Conditions
    shed_mw: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """What a contract may miss free of credits in one of its windows."""

    tier: int
    power_mw: float
    start_tick: int
    end_tick: int
    budget_ticks: int


@dataclass(slots=True, eq=False)
class MonthlyAccounts:
    """Written tick by tick; a month is reckoned up when the next one begins, and its ticks are forgotten."""

    config: RunConfig
    chapters: list[Month] = field(default_factory=list)
    _pages: list[_Entry] = field(default_factory=list, init=False)
    _windows: dict[tuple[str, int], _Window] = field(default_factory=dict, init=False)
    _seen: Ints | None = field(default=None, init=False)
    _month_end_tick: int = field(default=0, init=False)

    def add(self, step: Step) -> None:
        """Write down one tick."""
        if step.tick >= self._month_end_tick:
            self.close()
            self._month_end_tick = self.config.grid.next_month_tick(step.tick, MONTH_ZONE)
        self._note_windows(step.before)
        self._pages.append(_Entry(step=step, conditions=step.conditions, shed_mw=shed_mw(step)))

    def close(self) -> None:
        """Reckon up what has been written since the last month ended; call it after the last tick."""
        if not self._pages:
            return
        first = self._pages[0].step
        case = self._case(first.before)
        own_usd, all_usd = self._first_fees_usd()
        schedule = Schedule(
            miners_mw=np.stack([page.step.allocation.miners_mw for page in self._pages]),
            merchant_mw=np.stack([page.step.allocation.merchant_mw for page in self._pages]),
            contracts_mw=np.stack([page.step.allocation.contracts_mw for page in self._pages]),
            shed_mw=np.stack([page.shed_mw for page in self._pages]),
            rested_mw=np.stack([_rested_mw(page.step) for page in self._pages]),
        )
        month = self.config.grid.at(first.tick).strftime("%Y-%m")
        earned_usd = profit_usd(schedule, case) + own_usd
        self.chapters.append(Month(month=month, profit_usd=earned_usd, case=case, first_fees_usd=all_usd))
        end_tick = self._pages[-1].step.tick + 1
        self._windows = {key: window for key, window in self._windows.items() if window.end_tick > end_tick}
        self._pages = []

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
        """Fees of the places that contracts without one got in these ticks, and could have got [USD]."""
        fees = np.append(self.config.terms.migration_rates_usd_per_mw, 0.0)
        own_usd = 0.0
        waiting: dict[str, float] = {}
        for page in self._pages:
            book, was = page.step.before.book, page.step.before.accounts.site
            nowhere = was == UNPLACED
            if np.count_nonzero(nowhere):
                fee_usd = book.power_mw * fees[book.tier]
                own_usd += float(fee_usd[nowhere & page.step.allocation.served].sum())
                waiting |= {book.contracts[i].id: float(fee_usd[i]) for i in np.flatnonzero(nowhere).tolist()}
        return own_usd, sum(waiting.values())

    def _case(self, before: World) -> LpCase:
        config, pages = self.config, self._pages
        seen = [page.step.observation for page in pages]
        conditions = [page.conditions for page in pages]
        terms = config.terms
        rates = np.array([list_rate_usd_per_mwh(tier, config) for tier in Tier])
        budget_mwh, shed_limit_mw = self._budgets()
        tokens = np.stack([observation.demand_tokens_per_h for observation in seen])
        demand = np.stack([page.step.before.book.promised_mw for page in pages])
        return LpCase(
            dt_h=np.full(len(pages), config.grid.dt_h),
            price_usd_per_mwh=np.stack([observation.energy_price_usd_per_mwh for observation in seen]),
            carbon_t_per_mwh=np.stack([observation.carbon_intensity_g_per_kwh for observation in seen]) / G_PER_KG,
            pue=np.stack([condition.pue for condition in conditions]),
            grid_limit_mw=config.fleet.grid_limit_mw,
            hedge_mw=config.fleet.hedge_mw,
            available_mw=np.stack([condition.available_mw for condition in conditions]),
            mining_value_usd_per_mwh=np.stack([condition.mining_value_usd_per_mwh for condition in conditions]),
            token_value_usd_per_mwh=np.stack([condition.merchant_value_usd_per_mwh for condition in conditions]),
            tokens_per_mwh=config.fleet.tokens_per_mwh / TOKENS_PER_MTOK,
            demand_tokens_per_h=tokens / TOKENS_PER_MTOK,
            demand_mw=demand,
            budget_mwh=budget_mwh,
            shed_limit_mw=shed_limit_mw,
            rate_usd_per_mwh=rates,
            credit_usd_per_mwh=rates[:PROMISED_TIER_COUNT] * CREDIT_MULTIPLE,
            goodwill_usd_per_mwh=np.zeros(PROMISED_TIER_COUNT),
            migration_usd_per_mw=terms.migration_rates_usd_per_mw,
            restart_usd_per_mw=terms.restart_usd_per_mw,
            sellback_spread_share=terms.sellback_spread_share,
            carbon_price_usd_per_t=terms.carbon_price_usd_per_t,
            breakable_mw=np.stack([self._breakable_mw(page) for page in pages]),
            breaking_usd_per_mwh=np.zeros(PROMISED_TIER_COUNT),
            served_now_mw=placed_mw(before.accounts.site, before.book, config.fleet.site_count),
            miners_now_mw=before.miners_mw.sum(axis=1),
            unbacked_mw=np.zeros(len(pages)),
            rests_in_place=np.ones(PROMISED_TIER_COUNT, dtype=np.bool_),
        )

    def _breakable_mw(self, page: _Entry) -> Floats:
        """What may go unserved past budgets for nothing (3,): all where not all can run, else what power is too dear
        for.
        """
        book = page.step.before.book
        if all_fit(book.power_mw[book.tier < PROMISED_TIER_COUNT], page.conditions.contract_room_mw):
            most = np.minimum(scarce_mw(page.conditions, self.config), book.promised_mw)
        else:
            most = book.promised_mw
        return np.asarray(most[:PROMISED_TIER_COUNT])

    def _budgets(self) -> tuple[Floats, Floats]:
        """All that can be shed free of credits in these ticks (3,) [MWh], and in each of them (H, 3) [MW]."""
        first, end = self._pages[0].step.tick, self._pages[-1].step.tick + 1
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
    """Promised load that keeps its place without running (S, 3) [MW]."""
    done = step.allocation
    placed = placed_mw(done.site, step.before.book, len(done.contracts_mw))
    return np.asarray(placed - done.contracts_mw[:, :PROMISED_TIER_COUNT])


def shed_mw(step: Step) -> Floats:
    """Promised load that did not run though its window's budget still bore it, by tier (3,) [MW]."""
    left_out = ~step.allocation.served
    if not np.count_nonzero(left_out):
        return np.zeros(PROMISED_TIER_COUNT)
    book, accounts = step.before.book, step.before.accounts
    spared = left_out & (budgets_of(book, accounts) > accounts.bad_ticks)
    rested = np.bincount(book.tier[spared], weights=book.power_mw[spared], minlength=TIER_COUNT)
    return np.asarray(rested[:PROMISED_TIER_COUNT], dtype=np.float64)
