"""Telemetry beside the plan: deviations, their cost, and promises in danger.

Power is at the meter of what is named: of a whole site, or of its machines of one kind. A reading that is too old is
unknown, and unknown is bad for a promise, as it is in the accounts (docs/model.md#4-promises).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mara.core.dispatch_document import DispatchDocument, Mode, SiteTarget
from mara.core.metering import MeteredSnapshot, Reading, covers, tolerance_mw
from mara.core.snapshot import SiteSnapshot, Snapshot

STALE_TICKS: Final = 2
"""Age in ticks from which on a reading is unknown, as long as a document is valid."""
DANGER_TICKS: Final = 2
"""Bad ticks ahead by which a promise counts as endangered."""


Readings = Mapping[tuple[str, str], Reading]
"""Newest reading of each site and group."""


def newest_of(readings: Readings, more: Iterable[Reading]) -> dict[tuple[str, str], Reading]:
    """Merge readings, and keep the newest of each meter by site and group.

    Of two readings of the same instant the later argument stays.
    """
    kept = dict(readings)
    for reading in more:
        key = (reading.site_id, reading.group)
        if key not in kept or kept[key].at <= reading.at:
            kept[key] = reading
    return kept


def metered(
    snapshot: Snapshot,
    document: DispatchDocument,
    readings: Readings,
    modes: Mapping[str, Mode],
    now: datetime,
    before: DispatchDocument | None = None,
) -> Snapshot:
    """Set mode and metered power of each site of a snapshot, beside the plan.

    Args:
        before: the document that held until this one; power between the two is on its way, and no deviation.
    """
    if not readings and not modes:
        return snapshot
    oldest = now - timedelta(minutes=STALE_TICKS * snapshot.tick_minutes)
    targets = {target.site_id: target for target in document.sites}
    earlier = targets if before is None else {target.site_id: target for target in before.sites}
    sites = tuple(
        replace(
            site,
            mode=modes.get(site.id, site.mode),
            metered=_metered_site(
                site, (targets[site.id], earlier.get(site.id, targets[site.id])), snapshot, readings, oldest, now
            ),
        )
        for site in snapshot.sites
    )
    return replace(snapshot, sites=sites)


def _metered_site(
    site: SiteSnapshot,
    held: tuple[SiteTarget, SiteTarget],
    snapshot: Snapshot,
    readings: Readings,
    oldest: datetime,
    now: datetime,
) -> MeteredSnapshot | None:
    """Compare a site's newest readings with its targets; None without any.

    Args:
        held: the site's target, and the one before it.
    """
    target, before = held
    own = readings.get((site.id, ""))
    parts = [readings.get((site.id, group.group)) for group in target.groups]
    covering = [own] if own is not None else [part for part in parts if part is not None]
    if not covering:
        return None
    measured_at = min(reading.at for reading in covering)
    is_whole = own is not None or all(part is not None for part in parts)
    is_known = is_whole and measured_at >= oldest and all(reading.quality != "bad" for reading in covering)
    power_mw = sum(reading.power_mw for reading in covering) if is_known else None
    planned_mw = sorted((target.site_power_mw, before.site_power_mw))
    deviation_mw = None if power_mw is None else power_mw - min(max(power_mw, planned_mw[0]), planned_mw[1])
    needed_mw = _needed_mw(site, target, before)
    return MeteredSnapshot(
        site_power_mw=power_mw,
        age_s=max(0.0, (now - measured_at).total_seconds()),
        deviation_mw=deviation_mw,
        is_deviating=deviation_mw is not None and abs(deviation_mw) > tolerance_mw(target.site_power_mw),
        cost_usd_per_h=None
        if power_mw is None or deviation_mw is None
        else _cost_usd_per_h(site, snapshot, deviation_mw, needed_mw - power_mw),
        endangered=_endangered(site, snapshot, power_mw, needed_mw),
    )


def _cost_usd_per_h(site: SiteSnapshot, snapshot: Snapshot, deviation_mw: float, unmet_mw: float) -> float:
    """Cost of a deviation: power beyond the plan, or profit of what does not run.

    Power beyond the plan is charged at the site's price, whatever it may earn; negative prices pay. Of power short of
    it contracts lose their rate for what they lack, own load the revenue of its average megawatt, each less the price
    that is not paid, and nothing where that is more. Credits are told beside it.

    Args:
        unmet_mw: power that the site's contracts need beyond what is metered; negative where it suffices.
    """
    price = site.energy_price_usd_per_mwh
    if deviation_mw >= 0.0:
        return deviation_mw * price
    short_mw = -deviation_mw
    lacking_mw = min(max(unmet_mw, 0.0), short_mw)
    sold_mw = site.contracts_mw * site.pue
    sold_usd_per_h = sum(
        contract.power_mw * contract.rate_usd_per_mwh
        for contract in snapshot.contracts
        if contract.site_id == site.id and contract.served
    )
    sold_margin = _margin_usd_per_mwh(sold_usd_per_h, sold_mw, price)
    own_margin = _margin_usd_per_mwh(site.revenue_usd_per_h - sold_usd_per_h, site.site_power_mw - sold_mw, price)
    return lacking_mw * sold_margin + (short_mw - lacking_mw) * own_margin


def _margin_usd_per_mwh(revenue_usd_per_h: float, power_mw: float, price_usd_per_mwh: float) -> float:
    """Return revenue less price of an average megawatt-hour, never below zero."""
    return max(0.0, revenue_usd_per_h / power_mw - price_usd_per_mwh) if power_mw > 0.0 else 0.0


def _needed_mw(site: SiteSnapshot, target: SiteTarget, before: SiteTarget) -> float:
    """Power at the meter that the site's contracts need, those that are new left out."""
    there = {contract.contract_id for contract in before.contracts}
    new_mw = sum(contract.power_mw for contract in target.contracts if contract.contract_id not in there)
    return (site.contracts_mw - new_mw) * site.pue


def _endangered(site: SiteSnapshot, snapshot: Snapshot, power_mw: float | None, needed_mw: float) -> tuple[str, ...]:
    """Contracts whose promise two more bad ticks would break.

    None are in danger while the metered power suffices for them; unknown power does not.
    """
    if power_mw is not None and covers(power_mw, needed_mw):
        return ()
    return tuple(
        contract.id
        for contract in snapshot.contracts
        if contract.site_id == site.id
        and contract.served
        and contract.tier != "spot"
        and contract.bad_ticks + DANGER_TICKS > contract.budget_ticks
    )
