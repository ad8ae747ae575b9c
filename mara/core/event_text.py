"""Sentences of events as templates, formatted here and read in `event_reading`."""

from collections.abc import Mapping
from typing import Any, Final

from mara.core.contract import TIER_KEYS, Tier
from mara.core.event_details import (
    ContractBooked,
    ContractMoved,
    ContractPlaced,
    ContractRef,
    ContractScheduledOff,
    ContractStranded,
    CreditOwed,
    DayEnded,
    EventDetails,
    MinersOffForPeak,
    MinersSwitched,
    MoveCause,
    OfContract,
    ProductCalled,
    PromiseBroken,
    RequestRefused,
    SchedulingOffBegan,
    SiteFailed,
    SiteRecovered,
    StrandedCause,
)
from mara.core.fleet import MINERS, Workload
from mara.core.world import RunConfig

CONTRACT: Final = "{customer}'s {power_mw:.1f} MW {tier}"
DOWN: Final = "{site} is down."
LOST: Final = "{site} lost {lost:.0%} of its machines."
CONSEQUENCES: Final = (
    "{rescued_mw:.1f} MW of Premium moved to {refuges} in time.",
    "{gave_way_count:d} contract{gave_way_s} ({gave_way_mw:.1f} MW) gave way to it.",
    "{premium_off_mw:.1f} MW of Premium {premium_verb} off: no site can hold it whole.",
    "{off_count:d} contract{off_s} ({off_mw:.1f} MW) {off_verb} off until placed again.",
)
"""Sentences after `DOWN` or `LOST`, each where there is something to tell."""
BACK: Final = "{site} is back in full."
BACK_IN_PART: Final = "{site} is back with {up:.0%} of its machines."
STRANDED: Final[Mapping[StrandedCause, str]] = {
    "gave_way": CONTRACT + " is off: it gave way to Premium of {origin}, which failed.",
    "no_room": CONTRACT + " is off: no site has room for it.",
    "no_refuge": CONTRACT + " is off: {site} failed, and no other site can hold it.",
    "unmovable": CONTRACT + " is off: {site} failed, and it cannot run elsewhere before the next tick.",
    "no_reserve": CONTRACT + " is off: {site} failed, and no reserve can hold it.",
    "no_racks": CONTRACT + " is off: {site} lost its racks and none are free elsewhere yet.",
}
STARTS: Final = CONTRACT + " starts at {site}: power costs {cost:.0f} USD per rack MWh there."
RUNS_AGAIN: Final = CONTRACT + " runs again, at {site}."
MOVED: Final[Mapping[MoveCause, str]] = {
    "rescued": CONTRACT + " moved from {origin} to {site} in time.",
    "rescued_to_reserve": CONTRACT + " moved from {origin} to reserve at {site} in time.",
    "cheaper": CONTRACT + " moved from {origin} to {site}: {to:.0f} instead of {start:.0f} USD per rack MWh.",
    "crowded_out": CONTRACT + " moved from {origin} to {site}: other load makes more of the racks at {origin_again}.",
}
SCHEDULED_OFF: Final = (
    CONTRACT + " rested {minutes:d} min inside its error budget at {site}: {left:d} of {budget:d} ticks of it are left."
)
OFF_BEGAN: Final = (
    CONTRACT + " rests inside its error budget at {site}: its racks or its power are worth more now "
    "(price {price:.0f} USD/MWh)."
)
BROKEN: Final = (
    CONTRACT + " is left unserved past its error budget at {site}: power at {price:.0f} USD/MWh costs more than its "
    "credit and goodwill."
)
RUNS: Final = "{site} runs {power_mw:.1f} MW of {miner}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
CURTAILED: Final = "{site} curtailed {power_mw:.1f} MW of {miner}s: price {price:.0f} USD/MWh, break-even {limit:.0f}."
OFF_FOR_PEAK: Final = (
    "{site} keeps {power_mw:.1f} MW of miners off, as its power system may have a billed peak: price {price:.0f} "
    "USD/MWh, and {peak:.0f} more for the peak."
)
BOOKED: Final = "{customer} booked {power_mw:.1f} MW {tier} for {hours:.0f} h at {rate:.0f} USD/MWh."
REFUSED: Final = CONTRACT + " refused: {reason}."
CALLED: Final = "{product} called {called_mw:.1f} MW at {site} until {until} UTC."
CALLED_SHORT: Final = "{product} called {called_mw:.1f} MW at {site} until {until} UTC; {short_mw:.1f} MW came short."
CREDIT: Final = (
    "Contract {contract_id} missed its target: {bad:d} of {counted:d} ticks bad, credit {credit_usd:,.0f} USD."
)
DAY: Final = (
    "{date}: {earned_usd:,.0f} USD earned. Contracts: {contracts}. Hottest: {hottest_c:.0f} C at {hottest_site}; "
    "dearest power: {dearest:,.0f} USD/MWh at {dearest_site}."
)
DAY_COUNTS: Final = ("{booked:d} booked", "{ended:d} ended", "{refused:d} refused", "{moved:d} moved")
DAY_OFF: Final = "{off:d} rested, {off_h:.0f} h together"
DAY_POSITION: Final = " Positions bought day-ahead: {position_usd:+,.0f} USD."
QUIET_DAY: Final = "nothing new"
MINER_NAMES: Final = {workload: workload.name.lower().replace("_", " ") for workload in list(Workload)[MINERS]}


def text_of(details: EventDetails, site: int, tick: int, config: RunConfig) -> str:
    """Write the sentence of an event at `site` in `tick`."""
    name = _site_name(site, config)
    match details:
        case SiteFailed():
            return _failure(details, name, config)
        case SiteRecovered(up_share=up):
            return (BACK if up == 1.0 else BACK_IN_PART).format(site=name, up=up)
        case MinersSwitched(miner=miner, power_mw=power, price_usd_per_mwh=price, break_even_usd_per_mwh=limit):
            template = RUNS if details.is_on else CURTAILED
            return template.format(site=name, power_mw=power, miner=MINER_NAMES[miner], price=price, limit=limit)
        case MinersOffForPeak(power_mw=power, price_usd_per_mwh=price, peak_usd_per_mwh=peak):
            return OFF_FOR_PEAK.format(site=name, power_mw=power, price=price, peak=peak)
        case CreditOwed(contract_id=named, bad_ticks=bad, counted_ticks=counted, credit_usd=credit):
            return CREDIT.format(contract_id=named, bad=bad, counted=counted, credit_usd=credit)
        case DayEnded():
            return _day(details, tick, config)
        case ProductCalled(product=product, called_mw=called, short_mw=short, until=until):
            template = CALLED_SHORT if round(short, 1) else CALLED
            return template.format(product=product, called_mw=called, site=name, until=until, short_mw=short)
        case _:
            return _contract_text(details, name, config)


def _contract_text(details: OfContract, name: str, config: RunConfig) -> str:
    """Write a sentence about a contract at the site of this name."""
    of, words = details.contract, _words(details.contract)
    match details:
        case ContractStranded(cause=cause):
            return STRANDED[cause].format(site=name, origin=_site_name(details.failed_site, config), **words)
        case ContractPlaced(rack_usd_per_mwh=cost):
            return (RUNS_AGAIN if cost is None else STARTS).format(site=name, cost=cost, **words)
        case ContractMoved(cause=cause, from_usd_per_mwh=start, to_usd_per_mwh=to):
            origin = _site_name(details.from_site, config)
            words |= {"origin": origin, "origin_again": origin, "start": start, "to": to}
            return MOVED[cause].format(site=name, **words)
        case ContractScheduledOff(off_minutes=minutes, left_ticks=left, budget_ticks=budget):
            return SCHEDULED_OFF.format(site=name, minutes=minutes, left=left, budget=budget, **words)
        case SchedulingOffBegan(price_usd_per_mwh=price):
            return OFF_BEGAN.format(site=name, price=price, **words)
        case PromiseBroken(price_usd_per_mwh=price):
            return BROKEN.format(site=name, price=price, **words)
        case ContractBooked(duration_h=hours, rate_usd_per_mwh=rate):
            return BOOKED.format(**words | {"tier": TIER_KEYS[of.tier], "hours": hours, "rate": rate})
        case RequestRefused(reason=reason):
            return REFUSED.format(**words | {"tier": TIER_KEYS[of.tier], "reason": reason})


def contract_name(customer: str, power_mw: float, tier: Tier) -> str:
    """Name a contract as operators read it, such as `Acme's 2.0 MW Standard`."""
    return CONTRACT.format(customer=customer, power_mw=power_mw, tier=TIER_KEYS[tier].capitalize())


def _words(contract: ContractRef) -> dict[str, Any]:
    tier = TIER_KEYS[contract.tier].capitalize()
    return {"customer": contract.customer, "power_mw": contract.power_mw, "tier": tier}


def _site_name(site: int, config: RunConfig) -> str:
    # A contract that was scheduled off before it ever ran has no site (-1) and is told at the last one: stored texts
    # say so, and what is stored must come out the same when it is computed again.
    return config.fleet.sites[site].name


def _failure(details: SiteFailed, name: str, config: RunConfig) -> str:
    """Tell what a site lost, where its Premium went, what gave way, and what is off."""
    several = details.is_several_off
    parts = (
        (True, (LOST if details.up_share else DOWN).format(site=name, lost=1.0 - details.up_share)),
        (
            details.refuge_sites,
            CONSEQUENCES[0].format(rescued_mw=details.rescued_mw, refuges=_refuges(details, config)),
        ),
        (details.gave_way_count, _of_many(CONSEQUENCES[1], "gave_way", details.gave_way_count, details.gave_way_mw)),
        (
            details.premium_off_mw,
            CONSEQUENCES[2].format(premium_off_mw=details.premium_off_mw, premium_verb="are" if several else "is"),
        ),
        (details.off_count, _of_many(CONSEQUENCES[3], "off", details.off_count, details.off_mw)),
    )
    return " ".join(text for is_so, text in parts if is_so)


def _of_many(template: str, what: str, count: int, power_mw: float) -> str:
    plural, verb = ("s", "are") if count > 1 else ("", "is")
    words = {f"{what}_count": count, f"{what}_mw": power_mw, f"{what}_s": plural, f"{what}_verb": verb}
    return template.format(**words)


def _refuges(details: SiteFailed, config: RunConfig) -> str:
    names = [_site_name(site, config) for site in details.refuge_sites]
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def _day(details: DayEnded, tick: int, config: RunConfig) -> str:
    counts = (details.booked_count, details.ended_count, details.refused_count, details.moved_count)
    names = ("booked", "ended", "refused", "moved")
    told = [
        template.format(**{name: count})
        for template, name, count in zip(DAY_COUNTS, names, counts, strict=True)
        if count
    ]
    told += [DAY_OFF.format(off=details.off_count, off_h=details.off_h)] if details.off_count else []
    day = DAY.format(
        date=f"{config.grid.at(tick):%-d %b}",
        earned_usd=details.earned_usd,
        contracts=", ".join(told) or QUIET_DAY,
        hottest_c=details.hottest_c,
        hottest_site=_site_name(details.hottest_site, config),
        dearest=details.dearest_usd_per_mwh,
        dearest_site=_site_name(details.dearest_site, config),
    )
    return day + DAY_POSITION.format(position_usd=details.position_usd) if round(details.position_usd) else day
