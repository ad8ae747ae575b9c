"""Power terms of a fleet from the tables of its file, checked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from mara.core.contract import MOST_NAMED
from mara.core.fleet import Fleet
from mara.core.power_terms import (
    AS_PRODUCED,
    BLOCK,
    COLLAR,
    AdderCharge,
    CoincidentPeakCharge,
    DemandCharge,
    PowerTerms,
    ReserveProduct,
    SiteBattery,
    SupplyContract,
    TermTimes,
)
from mara.errors import ConfigError
from mara.feeds.files.terms.power_tables import BatteryTable, ChargeTable, SupplyTable, misplaced_field
from mara.feeds.files.terms.toml_refusal import Loc

DEFAULT_INTERVAL_MINUTES: Final = 15
DEFAULT_SPREAD_SHARE: Final = 0.05
"""Part of |price| that selling unused supply costs: that of a hedge."""
EVERY_MONTH: Final = tuple(range(1, 13))
SHAPES: Final = {
    "7x24": TermTimes(),
    "5x16": TermTimes(weekday_numbers=(1, 2, 3, 4, 5), hour_numbers=tuple(range(6, 22))),
    "7x8": TermTimes(hour_numbers=(0, 1, 2, 3, 4, 5, 22, 23)),
}
"""Times of the blocks that are traded, in local hours."""
PROFILE_LENGTHS: Final = (24, 8_760, 8_784)

Refused = Callable[[Loc, str, str], ConfigError]


class PowerTables(Protocol):
    """A `[[site]]` table with power terms."""

    @property
    def grid_limit_mw(self) -> float: ...
    @property
    def hedge_mw(self) -> float: ...
    @property
    def hedge_price_usd_per_mwh(self) -> float: ...
    @property
    def export_limit_mw(self) -> float: ...
    @property
    def export_fee_usd_per_mwh(self) -> float: ...
    @property
    def supply(self) -> tuple[SupplyTable, ...]: ...
    @property
    def charge(self) -> tuple[ChargeTable, ...]: ...
    @property
    def battery(self) -> BatteryTable | None: ...


def hedges_of(sites: Sequence[PowerTables], refused: Refused) -> tuple[list[float], list[float]]:
    """Add flat blocks to the hedges: power [MW] and mean price [USD/MWh] of each site.

    Raises:
        ConfigError: together they exceed the grid limit.
    """
    power, price = [], []
    for i, site in enumerate(sites):
        parts = [(site.hedge_mw, site.hedge_price_usd_per_mwh)]
        parts += [(t.power_mw or 0.0, t.price_usd_per_mwh or 0.0) for t in site.supply if is_flat(t)]
        total = sum(mw for mw, _ in parts)
        if total > site.grid_limit_mw:
            raise refused(
                ("site", i, "supply"),
                f"should be flat blocks and a hedge of at most grid_limit_mw, {site.grid_limit_mw:g}, came {total:g}",
                "lower a block",
            )
        power.append(total)
        # one part alone keeps its price to the last bit
        paid = [(mw, usd) for mw, usd in parts if mw]
        price.append(parts[0][1] if not paid else paid[0][1] if len(paid) == 1 else _mean(paid))
    return power, price


def is_flat(table: SupplyTable) -> bool:
    """Say whether a contract is a block of every hour, which is a hedge."""
    return table.kind == BLOCK and table.shape in (None, "7x24") and table.sellback_spread_share is None


def power_terms_of(sites: Sequence[PowerTables], folder: Path | None, refused: Refused) -> PowerTerms | None:
    """Convert the power tables of all sites; None where there are none.

    Args:
        folder: folder of the fleet file, in which profiles are looked for.

    Raises:
        ConfigError: a field is missing, or does not belong to its kind, or a profile cannot be read.
    """
    adders: list[AdderCharge] = []
    demand: list[DemandCharge] = []
    peaks: list[CoincidentPeakCharge] = []
    supplies: list[SupplyContract] = []
    for i, site in enumerate(sites):
        _refuse_misplaced(i, site, refused)
        for j, charge in enumerate(site.charge):
            loc: Loc = ("site", i, "charge", j)
            if charge.kind == "adder":
                adders.append(AdderCharge(site=i, usd_per_mwh=charge.usd_per_mwh or 0.0, times=_times_of(charge)))
            elif charge.kind == "demand":
                demand.append(_demand_of(i, charge))
                if any((other.site, other.times) == (i, demand[-1].times) for other in demand[:-1]):
                    how = "join the two, or give one of them its hours"
                    raise refused(
                        loc, "should count in other months, weekdays or hours than the demand charge before it", how
                    )
            else:
                peaks.append(_peaks_of(i, charge))
        for j, table in enumerate(site.supply):
            if not is_flat(table):
                supplies.append(_supply_of(i, table, folder, partial(_refused_at, refused, ("site", i, "supply", j))))
    batteries = tuple(_battery_of(i, site.battery) for i, site in enumerate(sites) if site.battery is not None)
    limits = [site.export_limit_mw for site in sites]
    if not (adders or demand or peaks or supplies or batteries or any(limits)):
        return None
    return PowerTerms(
        export_limit_mw=np.array(limits),
        export_fee_usd_per_mwh=np.array([site.export_fee_usd_per_mwh for site in sites]),
        adders=tuple(adders),
        demand=tuple(demand),
        peaks=tuple(peaks),
        batteries=batteries,
        supplies=tuple(supplies),
    )


def with_products(fleet: Fleet, products: tuple[ReserveProduct, ...]) -> Fleet:
    """Add grid products to the power terms of a fleet."""
    if not products:
        return fleet
    none = np.zeros(fleet.site_count)
    terms = fleet.power or PowerTerms(export_limit_mw=none, export_fee_usd_per_mwh=none)
    return replace(fleet, power=replace(terms, products=products))


def terms_told(terms: PowerTerms, site_ids: Sequence[str]) -> list[str]:
    """Tell the power terms of a fleet, a line each."""
    lines = [f"{site_ids[a.site]}: adder of {a.usd_per_mwh:g} USD/MWh{_times_told(a.times)}" for a in terms.adders]
    lines += [
        f"{site_ids[d.site]}: demand charge of {d.usd_per_mw_month:,g} USD/MW and month, {d.interval_minutes} minutes"
        + (f", ratchet of {d.ratchet_share:g}" if d.ratchet_share else "")
        + _times_told(d.times)
        for d in terms.demand
    ]
    lines += [
        f"{site_ids[q.site]}: coincident peaks at {q.usd_per_mw_year:,g} USD/MW and year, "
        f"{len(q.month_numbers) * q.peaks_count} of {q.interval_minutes} minutes"
        for q in terms.peaks
    ]
    lines += [f"{site_ids[b.site]}: battery of {b.power_mw:g} MW and {b.energy_mwh:g} MWh" for b in terms.batteries]
    lines += [f"{site_ids[c.site]}: {_supply_told(c)}" for c in terms.supplies]
    lines += [
        f"{site_ids[s]}: may feed in {limit:g} MW" for s, limit in enumerate(terms.export_limit_mw.tolist()) if limit
    ]
    return lines + [
        f"product {p.id} ({p.kind}): {p.price_column or f'{p.price_usd_per_mw_h:g} USD/MW and hour'}, gone in "
        f"{p.response_s:g} s, for {p.duration_minutes} minutes, at {_sites_told(p, site_ids)}{_times_told(p.times)}"
        for p in terms.products
    ]


def unused_told(fleet: Fleet) -> list[str]:
    """Tell which power terms of a fleet have no use at their site, a line each."""
    if fleet.power is None:
        return []
    with_battery = {battery.site for battery in fleet.power.batteries}
    lines = [
        f"site {fleet.site_ids[s]} has export_limit_mw {limit:g} but no [site.battery], which alone can feed in: "
        "it is never used"
        for s, limit in enumerate(fleet.power.export_limit_mw.tolist())
        if limit and s not in with_battery
    ]
    return lines + [
        f"site {fleet.site_ids[c.site]} has a block of {c.power_mw:,g} MW above its grid_limit_mw, "
        f"{fleet.grid_limit_mw[c.site]:g}: what is above is always sold back; is it in kW?"
        for c in fleet.power.supplies
        if c.kind == BLOCK and c.power_mw * max(c.hourly_share, default=1.0) > fleet.grid_limit_mw[c.site]
    ]


def _supply_told(contract: SupplyContract) -> str:
    """Tell a supply contract: `block, 8 MW at 36 USD/MWh; hours 6 to 21`."""
    price = f"{contract.price_usd_per_mwh:g} USD/MWh"
    if contract.kind == COLLAR:
        price = f"{contract.floor_usd_per_mwh:g} to {price}"
    year = contract.energy_mwh_per_year
    volume = f"{year:,g} MWh a year" if year else f"{contract.power_mw:g} MW"
    shares = contract.hourly_share
    shape = f"; {len(shares):,} hourly shares, {100.0 * np.mean(shares):.0f} % on average" if shares else ""
    return f"{contract.kind.replace('_', ' ')}, {volume} at {price}{shape}{_times_told(contract.times)}"


def _sites_told(product: ReserveProduct, site_ids: Sequence[str]) -> str:
    """Name the sites of a product where they are few."""
    if len(product.sites) == len(site_ids):
        return "all sites"
    if len(product.sites) > MOST_NAMED:
        return f"{len(product.sites):,} sites"
    return ", ".join(site_ids[s] for s in product.sites)


def _times_told(times: TermTimes) -> str:
    """Tell the times in which a term counts: `; hours 16 to 20`; empty for always."""
    named = (("months", times.month_numbers), ("weekdays", times.weekday_numbers), ("hours", times.hour_numbers))
    return "".join(f"; {name} {_numbers_told(numbers)}" for name, numbers in named if numbers)


def _numbers_told(numbers: tuple[int, ...]) -> str:
    is_run = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    return f"{numbers[0]} to {numbers[-1]}" if is_run else ", ".join(map(str, numbers))


def _refused_at(refused: Refused, loc: Loc, said: tuple[str, str]) -> ConfigError:
    return refused(loc, *said)


def _refuse_misplaced(i: int, site: PowerTables, refused: Refused) -> None:
    for name, tables in (("supply", site.supply), ("charge", site.charge)):
        for j, table in enumerate(tables):
            fault = misplaced_field(table)  # type: ignore[arg-type]
            if fault is not None:
                raise refused(("site", i, name, j, fault[0]), fault[1], fault[2])


def _times_of(table: ChargeTable) -> TermTimes:
    return TermTimes(
        month_numbers=table.months or (), weekday_numbers=table.weekdays or (), hour_numbers=table.hours or ()
    )


def _demand_of(site: int, table: ChargeTable) -> DemandCharge:
    return DemandCharge(
        site=site,
        usd_per_mw_month=table.usd_per_mw_month or 0.0,
        interval_minutes=table.interval_minutes or DEFAULT_INTERVAL_MINUTES,
        ratchet_share=table.ratchet_share or 0.0,
        times=_times_of(table),
    )


def _peaks_of(site: int, table: ChargeTable) -> CoincidentPeakCharge:
    return CoincidentPeakCharge(
        site=site,
        usd_per_mw_year=table.usd_per_mw_year or 0.0,
        month_numbers=table.months or EVERY_MONTH,
        peaks_count=table.peaks_per_month or 1,
        interval_minutes=table.interval_minutes or DEFAULT_INTERVAL_MINUTES,
    )


def _battery_of(site: int, table: BatteryTable) -> SiteBattery:
    return SiteBattery(
        site=site,
        power_mw=table.power_mw,
        energy_mwh=table.energy_mwh,
        efficiency_in_share=table.efficiency_in_share,
        efficiency_out_share=table.efficiency_out_share,
        wear_usd_per_mwh=table.wear_usd_per_mwh,
        start_share=table.start_share,
        end_share=table.end_share,
        daily_cycles_count=table.max_cycles_per_day or 0.0,
    )


def _supply_of(
    site: int, table: SupplyTable, folder: Path | None, refused: Callable[[tuple[str, str]], ConfigError]
) -> SupplyContract:
    shares: tuple[float, ...] = ()
    times = TermTimes()
    shape = table.profile if table.kind == AS_PRODUCED else table.shape
    if isinstance(shape, tuple):
        shares = shape
    elif isinstance(shape, str) and shape in SHAPES:
        times = SHAPES[shape]
    elif isinstance(shape, str):
        shares = _profile_in(shape, folder, refused)
    is_sold_back = table.kind in (BLOCK, AS_PRODUCED)
    spread = DEFAULT_SPREAD_SHARE if table.sellback_spread_share is None else table.sellback_spread_share
    price = table.cap_usd_per_mwh if table.kind == COLLAR else table.price_usd_per_mwh
    if table.kind == COLLAR and (table.floor_usd_per_mwh or 0.0) > (price or 0.0):
        raise refused((f"should have a floor of at most its cap, {price:g}", "exchange the two"))
    return SupplyContract(
        site=site,
        kind=table.kind,
        power_mw=(table.capacity_mw if table.kind == AS_PRODUCED else table.power_mw) or 0.0,
        price_usd_per_mwh=price or 0.0,
        floor_usd_per_mwh=table.floor_usd_per_mwh or 0.0,
        energy_mwh_per_year=table.mwh_per_year or 0.0,
        sellback_spread_share=spread if is_sold_back else 0.0,
        hourly_share=shares,
        times=times,
    )


def _profile_in(name: str, folder: Path | None, refused: Callable[[tuple[str, str]], ConfigError]) -> tuple[float, ...]:
    """Read hourly shares from a file with a number a line; it may have a head."""
    known = ", ".join(SHAPES)
    if folder is None or not name.endswith(".csv"):
        raise refused((f"should be one of {known}, 24 shares or a .csv file, came {name!r}", "correct it"))
    try:
        lines = (folder / name).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise refused((f"should name a readable file, but {name!r} is none", "correct the path")) from error
    values = lines[1:] if len(lines) - 1 in PROFILE_LENGTHS else lines
    try:
        shares = tuple(float(value) for value in values)
    except ValueError as error:
        raise refused((f"should be a file of numbers, but in {name!r} {error}", "correct it")) from error
    if len(shares) not in PROFILE_LENGTHS or not all(0.0 <= share <= 1.0 for share in shares):
        raise refused(
            (
                f"should be a file of 24, 8,760 or 8,784 shares from 0 to 1, {name!r} has {len(shares):,} numbers from "
                f"{min(shares, default=0):g} to {max(shares, default=0):g}",
                "correct it",
            )
        )
    return shares


def _mean(parts: list[tuple[float, float]]) -> float:
    return sum(mw * usd for mw, usd in parts) / sum(mw for mw, _ in parts)
