"""Made-up quotes and histories of contracts: offered, refused, booked."""

from dataclasses import replace
from datetime import datetime, timedelta

from mara.core.contract import TIER_KEYS
from mara.core.history import (
    ContractLife,
    ContractRow,
    ContractWindow,
    EvidenceTick,
    ExclusionRow,
    TickRun,
    TickState,
)
from mara.core.quote import Alternative, Assignment, Booking, Quote, QuoteRequest, Risk
from mara.core.what_if import MovedContract, SiteCase, SiteWhatIf, TierCase, TierWhatIf, WhatIf
from tests.ui.snapshots import START, TICK_MINUTES, snapshot_at

MOST_MW = 19.2
RATES_USD_PER_MWH = {"premium": 525.0, "standard": 300.0, "flexible": 180.0, "spot": 60.0}
LIFE_TICKS = 900
BAD_TICKS = (12, 13, 40, 200, 201, 202)
EXCLUDED_TICKS = range(100, 124)


def what_if_at(tick: int) -> WhatIf:
    """An answer in which a change costs money at two sites, and moves a contract."""
    snapshot = snapshot_at(tick)
    now = [
        SiteCase(
            mining_mw=site.air_miner_mw,
            inference_mw=site.gpu_mw,
            contracts_mw=site.contracts_mw,
            battery_mw=0.0,
            power_usd_per_mwh=site.energy_price_usd_per_mwh,
            racks_usd_per_mwh=120.0,
        )
        for site in snapshot.sites
    ]
    changed = [replace(case, mining_mw=case.mining_mw / 2) if n in {4, 8} else case for n, case in enumerate(now)]
    tier = TierCase(served_mwh=240.0, rested_mwh=3.0, unserved_mwh=0.0, cost_usd_per_mwh=171.7)
    moved = snapshot.contracts[0]
    return WhatIf(
        tick=tick,
        at=snapshot.at,
        horizon_h=24.0,
        profit_now_usd=1_207_155.0,
        profit_changed_usd=1_092_906.0,
        bound_now_usd=1_207_155.2,
        bound_changed_usd=1_092_906.1,
        in_force_optimizer="lp",
        in_force_tick=tick - tick % 12,
        in_force_usd=1_206_622.0,
        sites=tuple(
            SiteWhatIf(site_id=site.id, name=site.name, now=before, changed=after)
            for site, before, after in zip(snapshot.sites, now, changed, strict=True)
        ),
        tiers=tuple(TierWhatIf(tier=key, now=tier, changed=replace(tier, rested_mwh=5.0)) for key in TIER_KEYS),
        moves=(
            MovedContract(
                contract_id=moved.id,
                customer=moved.customer,
                tier=moved.tier,
                power_mw=moved.power_mw,
                from_site_id="texas",
                to_site_id="",
            ),
        ),
    )


def quote_for(ask: QuoteRequest, tick: int, number: int = 1) -> Quote:
    """Quote a request, which is offered up to what the largest site holds."""
    ticks = max(1, round(ask.duration_h * 60 / TICK_MINUTES))
    cost = 209.0 + 7.6 * ask.power_mw
    price = max(RATES_USD_PER_MWH[ask.tier], 1.1 * cost) if ask.tier != "spot" else 60.0
    starts = START + timedelta(minutes=TICK_MINUTES * (tick + 1))
    offered = Quote(
        id=f"q-{number:04}",
        tier=ask.tier,
        customer=ask.customer,
        region=ask.region,
        power_mw=ask.power_mw,
        duration_h=ask.duration_h,
        starts_tick=tick + 1,
        ends_tick=tick + 1 + ticks,
        starts_at=starts,
        ends_at=starts + timedelta(minutes=TICK_MINUTES * ticks),
        price_usd_per_mwh=price,
        list_price_usd_per_mwh=RATES_USD_PER_MWH[ask.tier],
        marginal_cost_usd_per_mwh=cost,
        dual_cost_usd_per_mwh=209.0,
        exact_cost_usd_per_mwh=cost,
        priced_h=min(ask.duration_h, 23.9),
        charge_usd=price * ask.power_mw * ask.duration_h,
        served_share=0.34 if ask.tier == "spot" else 1.0,
        landing=Assignment(
            site_id="texas",
            site_name="Texas USA",
            cost_usd_per_mwh=273.0,
            free_mw=4.6,
            moved_mw=0.4,
            why=(
                "273 USD/MWh, the least of 5 sites that can hold it whole: power worth 58 USD/MWh at a PUE of 1.25, "
                "racks that would earn 199 USD/MWh otherwise, 0.4 MW of contracts moved elsewhere; next Norway Oslo "
                "at 323"
            ),
        ),
        risk=_risk(ask.tier),
        made_tick=tick,
        expires_tick=tick + 48,
        expires_at=START + timedelta(minutes=TICK_MINUTES * (tick + 48)),
    )
    return _refused(offered) if ask.power_mw > MOST_MW else offered


def booking_of(quote: Quote, customer: str) -> Booking:
    """The order that a quote becomes."""
    return Booking(
        contract_id=f"c-{quote.id[2:]}",
        customer=customer or quote.customer or "unnamed customer",
        ordered_tick=quote.made_tick,
        starts_at=quote.starts_at,
        quote=quote,
    )


def _risk(tier: str) -> Risk | None:
    if tier == "spot":
        return None
    budget = {"premium": 0, "standard": 28, "flexible": 57}[tier]
    return Risk(
        planned_bad_ticks=0.7 if budget else 0.0,
        outage_bad_ticks=0.14,
        budget_ticks=budget,
        cover_share=0.82,
        miss_share=0.095 if not budget else 0.0004,
        seen_ticks=288,
    )


def _refused(quote: Quote) -> Quote:
    def other(kind: str, power_mw: float, text: str, count: int = 1) -> Alternative:
        return Alternative(
            kind=kind,
            tier=quote.tier,
            power_mw=power_mw,
            count=count,
            duration_h=quote.duration_h,
            starts_at=quote.starts_at,
            text=text,
        )

    return replace(
        quote,
        landing=None,
        risk=None,
        refusal=f"no site can hold {quote.power_mw:.1f} MW whole: the largest, Texas USA, carries 19.2 MW now",
        alternatives=(
            other("smaller", 8.0, "8.0 MW at one site"),
            other("split", 4.8, "2 contracts of 4.8 MW at as many sites, 9.6 MW in all", 2),
            other("later", quote.power_mw, "all of it from 3 Jul 04:05 UTC, when contracts have ended"),
        ),
    )


def contract_row(number: int, tick: int, *, is_live: bool) -> ContractRow:
    """A stored contract: one of the snapshots (`c000` on), or ended (`e000` on)."""
    contracts = snapshot_at(tick).contracts
    now = contracts[number % len(contracts)]
    bad = now.bad_ticks
    return ContractRow(
        id=now.id if is_live else f"e{number:03}",
        tier=now.tier,
        customer=now.customer if number % 6 else "=cmd|' /C calc'!A0",
        power_mw=now.power_mw,
        rate_usd_per_mwh=now.rate_usd_per_mwh,
        timezone="UTC",
        booked_at=START,
        starts_at=START,
        ends_at=now.ends_at if is_live else START + timedelta(hours=2 * number + 3),
        is_live=is_live,
        closed_windows_count=0 if is_live else 1,
        good_ticks=now.counted_ticks - bad,
        bad_ticks=bad,
        excluded_ticks=now.excluded_ticks,
        availability_share=1 - bad / now.counted_ticks,
        charge_micro_usd=int(now.charge_usd * 1e6),
        credit_micro_usd=0 if is_live or number % 4 else 1_250_000_000,
        state="live" if is_live else "ended",
    )


def contract_life(row: ContractRow) -> ContractLife:
    """The history of a contract with some bad ticks and one exclusion of two hours."""
    states = [_state(tick) for tick in range(LIFE_TICKS)]
    firsts = [tick for tick in range(LIFE_TICKS) if not tick or states[tick] != states[tick - 1]]
    strip = tuple(
        TickRun(state=states[first], from_tick=first, to_tick=end, starts_at=_at(first), ends_at=_at(end))
        for first, end in zip(firsts, [*firsts[1:], LIFE_TICKS], strict=True)
    )
    window = ContractWindow(
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_closed=not row.is_live,
        good_ticks=row.good_ticks,
        bad_ticks=row.bad_ticks,
        excluded_ticks=row.excluded_ticks,
        budget_ticks=45,
        charge_micro_usd=row.charge_micro_usd,
        credit_micro_usd=None if row.is_live else row.credit_micro_usd,
    )
    exclusion = ExclusionRow(
        announced_at=START,
        starts_at=_at(EXCLUDED_TICKS.start),
        ends_at=_at(EXCLUDED_TICKS.stop),
        is_fleet_wide=False,
        reason="grid order: <b>limit</b> of the operator",
        author="Ada",
    )
    return ContractLife(row=row, windows=(window,), strip=strip, exclusions=(exclusion,))


def evidence_of(row: ContractRow) -> tuple[EvidenceTick, ...]:
    """State of each judged tick of a contract."""
    return tuple(
        EvidenceTick(tick=tick, at=_at(tick), state=_state(tick), power_mw=row.power_mw) for tick in range(LIFE_TICKS)
    )


def _state(tick: int) -> TickState:
    return "bad" if tick in BAD_TICKS else "excluded" if tick in EXCLUDED_TICKS else "good"


def _at(tick: int) -> datetime:
    return START + timedelta(minutes=TICK_MINUTES * tick)
