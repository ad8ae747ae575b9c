"""Made-up power terms: two sites, every instrument, a call, varying by tick."""

from mara.core.peak_avoidance import PeaksMet
from mara.core.power_bill import BillPart
from mara.core.power_snapshot import (
    AwardSnapshot,
    CoincidentPeakSnapshot,
    DemandChargeSnapshot,
    SitePowerSnapshot,
    SupplySnapshot,
)
from mara.core.power_terms import TermTimes

EVENING = tuple(0.15 if 15 <= hour <= 18 else 0.0 for hour in range(24))
WORKING_HOURS = TermTimes(weekday_numbers=(1, 2, 3, 4, 5), hour_numbers=(8, 9, 10))
WORKDAY = tuple(20.0 if 6 <= hour < 22 else 0.0 for hour in range(24))

SUPPLIES = (
    SupplySnapshot(kind="block", power_mw=20.0, price_usd_per_mwh=36.0, floor_usd_per_mwh=0.0, hourly_mw=WORKDAY),
    SupplySnapshot(
        kind="collar", power_mw=10.0, price_usd_per_mwh=90.0, floor_usd_per_mwh=15.0, hourly_mw=(10.0,) * 24
    ),
    SupplySnapshot(
        kind="take_or_pay",
        power_mw=0.0,
        price_usd_per_mwh=19.0,
        floor_usd_per_mwh=0.0,
        hourly_mw=(),
        taken_mwh=15_000.0,
        due_mwh=60_000.0,
        due_so_far_mwh=14_200.0,
    ),
)
AWARD = AwardSnapshot(
    product="ecrs", award_mw=12.0, price_usd_per_mw_h=4.0, called_mw=0.0, delivered_mw=0.0, call_ends_tick=0
)

PEAK = CoincidentPeakSnapshot(
    usd_per_mw=17_500.0,
    month_numbers=(6, 7, 8, 9),
    system_peak_mw=61_200.0,
    load_at_peak_mw=2.4,
    peaks_met=PeaksMet(peaks_count=1, off_count=1, load_mw=2.4),
)


def power_at(tick: int) -> tuple[SitePowerSnapshot, ...]:
    """Texas with every instrument, and Oslo with a demand charge alone."""
    called = AwardSnapshot(
        product="ers_30",
        award_mw=30.0,
        price_usd_per_mw_h=7.0,
        called_mw=30.0,
        delivered_mw=28.5,
        call_ends_tick=tick + 6,
    )
    energy_usd = -1_200.0 * tick
    texas = SitePowerSnapshot(
        site_id="texas",
        bill=(
            BillPart(kind="energy", amount_usd=energy_usd, month_end_usd=20.0 * energy_usd),
            BillPart(kind="demand_charge", amount_usd=-256_000.0, month_end_usd=-272_000.0),
            BillPart(kind="reserve_revenue", amount_usd=18_400.0, month_end_usd=368_000.0),
        ),
        billed_h=tick / 12,
        left_h=744 - tick / 12,
        drawn_mw=83.0,
        peak_mw=80.0,
        peak_target_mw=85.0,
        next_mw_usd=3_200.0,
        accrued_peak_usd=42_000.0,
        coincident_mw_usd=PEAK.usd_per_mw,
        system_peak_mw=PEAK.system_peak_mw,
        load_at_peak_mw=PEAK.load_at_peak_mw,
        peak_risk_share=EVENING,
        battery_mw=-4.0,
        battery_power_mw=20.0,
        planned_battery_mw=(-4.0, -4.0, 0.0, 12.5),
        stored_mwh=24.0,
        energy_mwh=40.0,
        exported_mw=0.0,
        flexible_mw=50.0,
        headroom_mw=8.0,
        awards=(AWARD, called),
        supplies=SUPPLIES,
        demand_charges=(
            DemandChargeSnapshot(peak_mw=80.0, target_mw=85.0, usd_per_mw=3_200.0, times=TermTimes(), counts_now=True),
        ),
        peaks_met=PEAK.peaks_met,
        coincident_charges=(PEAK,),
    )
    return texas, _oslo(tick)


def _oslo(tick: int) -> SitePowerSnapshot:
    return SitePowerSnapshot(
        site_id="oslo",
        bill=(BillPart(kind="energy", amount_usd=-90_000.0, month_end_usd=-1_800_000.0),),
        billed_h=tick / 12,
        left_h=744 - tick / 12,
        drawn_mw=40.0,
        peak_mw=55.0,
        peak_target_mw=None,
        next_mw_usd=4_500.0,
        accrued_peak_usd=0.0,
        coincident_mw_usd=None,
        system_peak_mw=None,
        load_at_peak_mw=None,
        peak_risk_share=(),
        battery_mw=0.0,
        battery_power_mw=0.0,
        planned_battery_mw=(),
        stored_mwh=0.0,
        energy_mwh=0.0,
        exported_mw=0.0,
        flexible_mw=20.0,
        headroom_mw=20.0,
        awards=(),
        supplies=(),
        demand_charges=(
            DemandChargeSnapshot(
                peak_mw=55.0, target_mw=None, usd_per_mw=4_500.0, times=WORKING_HOURS, counts_now=True
            ),
        ),
    )
