"""An archive of the made-up snapshots, in the place of the store's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mara.core.alert import Alert
from mara.core.day_gains import DayGains
from mara.core.explanation import Explanation, Fact
from mara.core.finance import Line
from mara.core.history import (
    ContractLife,
    ContractRow,
    Decision,
    EvidenceTick,
    ExclusionAhead,
    ExclusionRow,
    GuessError,
    Ledger,
    LedgerSum,
    MoneyBreakdown,
    MoneyInterval,
    MoneyLine,
    Optimization,
    OptimizationSnapshot,
    SignalEntry,
)
from mara.core.plan import Claim, Provenance
from mara.core.snapshot import SitePoint, SiteSnapshot
from mara.errors import CommandError, StoreRefused
from tests.ui.quotes import contract_life, contract_row, evidence_of
from tests.ui.snapshots import KEPT_TICKS, START, TICK_MINUTES, sites_at, snapshot_at

LEDGER_KINDS = ("mining", "inference", "contract_premium", "contract_flexible", "energy", "carbon", "credit_flexible")
TICKS_PER_HOUR = 60 // TICK_MINUTES
MICRO_USD = (812_345_678, 96_111_111, 402_000_004, 130_200_999, -640_777_777, -41_000_001, -2_500_000)


@dataclass(frozen=True)
class FakeMoment:
    at: datetime
    mean: float
    low: float | None = None
    high: float | None = None


@dataclass
class FakeCourse:
    points: list[FakeMoment]


def maintenance_ahead() -> tuple[ExclusionAhead, ...]:
    """Three hours of maintenance at Oslo on the fifth day, and a customer's order before."""
    there = [contract.id for contract in snapshot_at().contracts if contract.site_id == "oslo"]
    begins = START + timedelta(days=4, hours=14)

    def row(reason: str, begins: datetime, hours: int, site_id: str = "") -> ExclusionRow:
        return ExclusionRow(
            announced_at=START,
            starts_at=begins,
            ends_at=begins + timedelta(hours=hours),
            is_fleet_wide=False,
            reason=reason,
            author="ada",
            site_id=site_id,
        )

    pump = row("maintenance: pump", begins, 3, "oslo")
    order = row("customer order: test", begins - timedelta(days=1), 1)
    return (
        ExclusionAhead(contract_id=there[0], row=order),
        *(ExclusionAhead(contract_id=contract_id, row=pump) for contract_id in there),
    )


class FakeArchive:
    """An archive that records queries; with `is_broken` it refuses every query."""

    def __init__(self) -> None:
        self.tick = 288
        self.asked: list[str] = []
        self.is_broken = False
        self.past_alerts: tuple[Alert, ...] = ()
        self.announced = maintenance_ahead()

    async def history(
        self,
        metric: str,
        site_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        max_points: int = 600,
    ) -> FakeCourse:
        self._ask(f"history {metric} {from_:%Y-%m-%dT%H:%M}")
        return FakeCourse([_moment(tick, metric) for tick in self._ticks(from_, to)[::3]])

    async def guesses(self, hour: int) -> tuple[GuessError, ...]:
        self._ask(f"guesses {hour}")
        return ()

    async def peak_hours(self) -> dict[str, float]:
        self._ask("peak_hours")
        return {"texas": 12.5}

    async def exclusions_ahead(self) -> tuple[ExclusionAhead, ...]:
        self._ask("exclusions_ahead")
        return self.announced

    async def alerts(
        self, from_: datetime | None = None, to: datetime | None = None, limit: int = 1_000
    ) -> tuple[Alert, ...]:
        self._ask(f"alerts {from_} {to} {limit}")
        return self.past_alerts

    async def site_series(
        self, site_id: str, from_: datetime | None = None, to: datetime | None = None
    ) -> tuple[SitePoint, ...]:
        self._ask(f"site_series {site_id} {from_} {to}")
        return tuple(_point_of(tick, site_id) for tick in self._ticks(from_, to))

    async def site_ledger(self, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]:
        self._ask(f"site_ledger {site_id} {from_tick} {to_tick}")
        return tuple(
            LedgerSum(kind=kind, amount_micro_usd=amount * (to_tick - from_tick))
            for kind, amount in zip(LEDGER_KINDS, MICRO_USD, strict=True)
        )

    async def daily_ledgers(
        self, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
    ) -> tuple[Ledger, ...]:
        self._ask(f"daily_ledgers {from_} {to} {site_id}")
        first = START if from_ is None else from_
        return tuple(_ledger_of(first + timedelta(days=day), site_id or "", day + 1) for day in range(2))

    async def money_breakdown(self, from_: datetime | None = None, to: datetime | None = None) -> MoneyBreakdown:
        self._ask(f"money_breakdown {from_} {to}")
        ticks = self._ticks(from_, to)
        hours = sorted({tick - tick % TICKS_PER_HOUR for tick in ticks})
        sites = tuple(site.id for site in sites_at(self.tick))
        return MoneyBreakdown(
            starts_at=moment_of(ticks.start),
            ends_at=moment_of(ticks.stop),
            ticks_count=len(ticks),
            step_minutes=60,
            kinds=tuple(line.name.lower() for line in Line),
            site_ids=sites,
            intervals=tuple(_money_interval(tick, len(sites)) for tick in hours),
        )

    async def daily_gains(self, from_: datetime | None = None, to: datetime | None = None) -> tuple[DayGains, ...]:
        self._ask(f"daily_gains {from_} {to}")
        today = moment_of(self.tick).replace(hour=0, minute=0)
        return tuple(_day_gains(today - timedelta(days=ago), ago) for ago in (3, 2, 1))

    async def decisions(self, site_id: str, limit: int = 50) -> tuple[Decision, ...]:
        self._ask(f"decisions {site_id} {limit}")
        return tuple(_decision(tick, site_id) for tick in range(self.tick - 30, 12, -36))[:limit]

    async def signals(self, site_id: str | None, kind: str | None, limit: int) -> tuple[SignalEntry, ...]:
        self._ask(f"signals {site_id} {kind} {limit}")
        return (
            SignalEntry(
                number=1,
                at=START,
                tick=self.tick,
                kind="mode",
                site_id="oslo",
                group="",
                actor="ada",
                address="",
                reason="first look",
                before="advise",
                after="shadow",
            ),
        )

    async def optimizations(self, limit: int) -> tuple[OptimizationSnapshot, ...]:
        self._ask(f"optimizations {limit}")
        return tuple(optimization(tick) for tick in range(self.tick - self.tick % 12, 0, -12))[:limit]

    async def optimization(self, adopted_tick: int) -> Optimization:
        self._ask(f"optimization {adopted_tick}")
        if adopted_tick % 12:
            raise CommandError(f"no plan came into force at tick {adopted_tick}: name one of the list")
        return Optimization(plan=optimization(adopted_tick), gap_share=0.00005)

    async def profit_between(self, from_tick: int, to_tick: int) -> float:
        self._ask(f"profit_between {from_tick} {to_tick}")
        return 2_450.0 * (to_tick - from_tick)

    async def why(self, question: str) -> Explanation:
        self._ask(f"why {question}")
        return explanation(question, self.tick) if "Texas" in question else unanswered(question)

    async def can_be_asked(self) -> tuple[str, ...]:
        self._ask("can_be_asked")
        return ("Why was Texas USA curtailed at 14:00?",)

    async def contracts(self, state: str = "all", limit: int = 1_000) -> tuple[ContractRow, ...]:
        self._ask(f"contracts {state}")
        live = [contract_row(i, self.tick, is_live=True) for i in range(len(snapshot_at(self.tick).contracts))]
        ended = [contract_row(i, self.tick, is_live=False) for i in range(12)]
        return tuple(live + ended if state == "all" else live if state == "live" else ended)[:limit]

    async def contract(self, contract_id: str) -> ContractLife:
        self._ask(f"contract {contract_id}")
        return contract_life(self._row(contract_id))

    async def evidence(self, contract_id: str) -> tuple[EvidenceTick, ...]:
        self._ask(f"evidence {contract_id}")
        return evidence_of(self._row(contract_id))

    def _row(self, contract_id: str) -> ContractRow:
        number = contract_id[1:]
        if contract_id[:1] not in {"c", "e"} or not number.isdecimal():
            raise CommandError(f"no contract {contract_id!r} was booked: name one that was")
        return contract_row(int(number), self.tick, is_live=contract_id[0] == "c")

    def _ticks(self, from_: datetime | None, to: datetime | None) -> range:
        first, end = (None if at is None else -((START - at) // timedelta(minutes=TICK_MINUTES)) for at in (from_, to))
        return range(max(0, first or 0), min(self.tick + 1, self.tick + 1 if end is None else end))

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.is_broken:
            raise StoreRefused("the database does not answer: try again")


def explanation(question: str, tick: int) -> Explanation:
    """An explanation about the site Texas."""
    return Explanation(
        question=question,
        is_answered=True,
        sentences=("Power cost 212 USD/MWh, above the break-even of 104 USD/MWh.", "<b>Reported</b> at 14:00 UTC."),
        facts=(
            Fact(ref="F1.energy_price_usd_per_mwh", label="Price at Texas USA", text="212 USD/MWh"),
            Fact(ref="F2.break_even_usd_per_mwh", label="Break-even of air miners", text="104 USD/MWh"),
        ),
        tick=tick,
        at=START + timedelta(minutes=TICK_MINUTES * tick),
        local_text="Wed 09:00 in Texas USA",
        site_id="texas",
    )


def unanswered(question: str) -> Explanation:
    return Explanation(
        question=question,
        is_answered=False,
        sentences=("That question was not understood. For example:",),
        can_ask=("Why was Texas USA curtailed at 14:00?",),
    )


def optimization(tick: int) -> OptimizationSnapshot:
    """One plan an hour: mostly solved, one in five by Claude, one in seven a fallback."""
    kind = "fallback" if tick // 12 % 7 == 3 else "claude" if tick // 12 % 5 == 2 else "lp"
    is_fallback, by_claude = kind == "fallback", kind == "claude"
    return OptimizationSnapshot(
        adopted_tick=tick,
        adopted_at=START + timedelta(minutes=TICK_MINUTES * tick),
        made_tick=tick - 1 if by_claude else tick,
        optimizer="rules" if is_fallback else kind,
        status="fallback" if is_fallback else "optimal",
        horizon_ticks=1 if is_fallback else 288,
        objective_usd=None if is_fallback else 990_000.0 + 40 * tick,
        bound_usd=None if is_fallback else 990_050.0 + 40 * tick,
        note="lp failed: no answer within 10 s" if is_fallback else "",
        headline="75.0 MW of contracts, 30.0 MW of merchant inference and 120 MW of mining run.",
        reasons=(
            "Japan Tokyo: 17.0 MW of miners off, price 121 USD/MWh, break-even of air (104).",
            "Ireland Dublin is full: one more MW of racks there is worth 31.20 USD/h.",
        ),
        baseline_usd=None if is_fallback else 951_000.0 + 40 * tick,
        solve_wall_s=0.004 if is_fallback else 41.3 if by_claude else 0.118,
        provenance=_provenance() if by_claude else None,
    )


def _provenance() -> Provenance:
    return Provenance(
        model="claude-opus-4-5",
        request_ids=("req_011",),
        snapshot_hash="6f1a90",
        prompt_version="3",
        regret_share=0.0021,
        moved_mw=4.2,
        cost_usd=0.0834,
        failure="",
        claims=(Claim(kind="climate", text="Oslo is 9 °C cooler than Texas."),),
    )


def moment_of(tick: int) -> datetime:
    return START + timedelta(minutes=TICK_MINUTES * tick)


def _money_interval(tick: int, sites_count: int) -> MoneyInterval:
    """The made-up lines of an hour, larger at each further site, on a course through the day."""
    amounts = dict(zip(LEDGER_KINDS, MICRO_USD, strict=True))
    rows = tuple(
        tuple(amounts.get(line.name.lower(), 0) * (site + 1) * (10 + tick // TICKS_PER_HOUR % 7) // 10 for line in Line)
        for site in range(sites_count)
    )
    return MoneyInterval(at_epoch_s=int(moment_of(tick).timestamp()), amounts_micro_usd=rows)


def _day_gains(day: datetime, factor: int) -> DayGains:
    return DayGains(
        day=day,
        from_tick=0 if factor == 3 else 300 - factor,
        ticks_count=288,
        is_over=True,
        vs_rules_micro_usd=1_204_000_001 * factor,
        vs_rules_same_budgets_micro_usd=400_000_000,
        vs_static_breakeven_micro_usd=9_120_500_000,
        vs_static_micro_usd=30_110_000_000,
        sla_flexibility_micro_usd=-220_400_000,
    )


@lru_cache(maxsize=10 * KEPT_TICKS)
def _moment(tick: int, metric: str) -> FakeMoment:
    snapshot = snapshot_at(tick)
    return FakeMoment(snapshot.at, getattr(snapshot, metric))


def _decision(tick: int, site_id: str) -> Decision:
    at = START + timedelta(minutes=TICK_MINUTES * tick)
    said = f"{_site(tick, site_id).name} curtailed 12.0 MW of air miners: price 212 USD/MWh, break-even 104."
    return Decision(tick=tick, at=at, source="plan", severity="info", optimizer="lp", text=said)


def _site(tick: int, site_id: str) -> SiteSnapshot:
    return next(site for site in sites_at(tick) if site.id == site_id)


@lru_cache(maxsize=KEPT_TICKS)
def _point_of(tick: int, site_id: str) -> SitePoint:
    site = _site(tick, site_id)
    return SitePoint(
        at=START + timedelta(minutes=TICK_MINUTES * tick),
        energy_price_usd_per_mwh=site.energy_price_usd_per_mwh,
        dry_bulb_c=site.dry_bulb_c,
        site_power_mw=site.site_power_mw,
        air_miner_mw=site.air_miner_mw,
        hydro_miner_mw=site.hydro_miner_mw,
        immersion_miner_mw=site.immersion_miner_mw,
        gpu_mw=site.gpu_mw,
        asic_mw=site.asic_mw,
        contracts_mw=site.contracts_mw,
    )


def _ledger_of(day: datetime, site_id: str, factor: int) -> Ledger:
    amounts = {kind: amount * factor for kind, amount in zip(LEDGER_KINDS, MICRO_USD, strict=True)}
    money = tuple(MoneyLine(kind=kind, tier="", amount_micro_usd=amount) for kind, amount in amounts.items())
    return Ledger(
        site_id=site_id,
        starts_at=day,
        ends_at=day + timedelta(days=1),
        ticks_count=288,
        money=money,
        cash_micro_usd=-sum(amounts.values()),
        energy=(),
    )
