"""Telemetry beside the plan: deviations, their cost an hour, and promises at risk."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mara.core.dispatch_document import ContractTarget, DispatchDocument, GroupTarget, PlanOrigin, SiteTarget
from mara.core.metering import MeteredSnapshot, Reading
from mara.core.snapshot import Snapshot
from mara.core.telemetry import metered, newest_of
from tests.ui.snapshots import snapshot_at

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SNAPSHOT = snapshot_at(288)
CONTRACT = next(contract for contract in SNAPSHOT.contracts if contract.site_id)
SITE = next(site for site in SNAPSHOT.sites if site.id == CONTRACT.site_id)
GROUPS = ("air_miner", "gpu")


def target_of(site_id: str, power_mw: float) -> SiteTarget:
    groups = tuple(
        GroupTarget(group=g, kind="miner", power_mw=0.0, units_on_count=0, not_before=None, order_number=n)
        for n, g in enumerate(GROUPS, start=1)
    )
    return SiteTarget(
        site_id=site_id,
        mode="shadow",
        site_power_mw=power_mw,
        site_limit_mw=None,
        groups=groups,
        contracts=(),
        reserve_mw=0.0,
        reasons=(),
    )


DOCUMENT = DispatchDocument(
    schema="mara.dispatch/1",
    run="r",
    tick=288,
    issued_at=NOW,
    valid_from=NOW,
    valid_to=NOW,
    mode="shadow",
    plan=PlanOrigin(optimizer="rules", made_tick=288, age_s=0.0, gap_share=None),
    sites=tuple(target_of(site.id, site.site_power_mw) for site in SNAPSHOT.sites),
)


def reading(power_mw: float, group: str = "", age_s: float = 60.0, quality: str = "good") -> Reading:
    at = NOW - timedelta(seconds=age_s)
    return Reading(site_id=SITE.id, group=group, at=at, known_at=at, power_mw=power_mw, quality=quality)  # type: ignore[arg-type]


def seen(*readings: Reading, snapshot: Snapshot = SNAPSHOT, planned_mw: float = SITE.site_power_mw) -> MeteredSnapshot:
    targets = tuple(
        replace(target, site_power_mw=planned_mw) if target.site_id == SITE.id else target for target in DOCUMENT.sites
    )
    shown = metered(snapshot, replace(DOCUMENT, sites=targets), newest_of({}, readings), {}, NOW)
    (found,) = [site.metered for site in shown.sites if site.id == SITE.id]
    assert found is not None
    assert all(site.metered is None for site in shown.sites if site.id != SITE.id)
    return found


def test_a_run_without_telemetry_and_modes_is_shown_as_it_was() -> None:
    assert metered(SNAPSHOT, DOCUMENT, {}, {}, NOW) is SNAPSHOT


def test_a_site_that_draws_more_pays_its_price_for_the_difference() -> None:
    found = seen(reading(SITE.site_power_mw + 4.0))
    assert found.deviation_mw == pytest.approx(4.0)
    assert found.is_deviating
    assert found.cost_usd_per_h == pytest.approx(4.0 * SITE.energy_price_usd_per_mwh)


def test_a_site_that_draws_less_loses_the_profit_of_what_does_not_run_own_load_first() -> None:
    found = seen(reading(SITE.site_power_mw - 4.0))
    here = [one for one in SNAPSHOT.contracts if one.site_id == SITE.id and one.served]
    own_usd_per_h = SITE.revenue_usd_per_h - sum(one.power_mw * one.rate_usd_per_mwh for one in here)
    worth = own_usd_per_h / (SITE.site_power_mw - SITE.contracts_mw * SITE.pue) - SITE.energy_price_usd_per_mwh
    assert worth > 0.0
    assert found.cost_usd_per_h == pytest.approx(4.0 * worth)


def test_a_dark_hall_costs_its_contracts_their_rate_although_mining_would_not_pay() -> None:
    sold_mw, price = 2.0, 500.0
    power = {"site_power_mw": 12.0, "contracts_mw": sold_mw, "pue": 1.0}
    earned = {"energy_price_usd_per_mwh": price, "revenue_usd_per_h": sold_mw * 750.0 + 10.0 * 100.0}
    site = replace(SITE, **power, **earned)  # type: ignore[arg-type]
    sites = tuple(site if one.id == SITE.id else one for one in SNAPSHOT.sites)
    one = replace(CONTRACT, served=True, power_mw=sold_mw, rate_usd_per_mwh=750.0)
    shown = replace(SNAPSHOT, sites=sites, contracts=(one,))
    dark = seen(reading(0.5), snapshot=shown, planned_mw=12.0)
    assert dark.cost_usd_per_h == pytest.approx(1.5 * (750.0 - price))
    assert seen(reading(2.0), snapshot=shown, planned_mw=12.0).cost_usd_per_h == 0.0


def test_what_meters_and_ramps_explain_is_no_deviation() -> None:
    assert not seen(reading(SITE.site_power_mw * 1.04)).is_deviating


def beside_new_plan(power_mw: float, before_mw: float, *, contracts_mw: float = 0.0) -> MeteredSnapshot:
    """A site shown beside a plan that is new, with a contract that came with it."""
    new = ContractTarget(contract_id=CONTRACT.id, power_mw=contracts_mw)
    site = replace(target_of(SITE.id, SITE.site_power_mw), contracts=(new,) if contracts_mw else ())
    document = replace(DOCUMENT, sites=(site, *(one for one in DOCUMENT.sites if one.site_id != SITE.id)))
    before = replace(DOCUMENT, tick=287, sites=(target_of(SITE.id, before_mw),))
    snapshot = with_budget(9)
    sites = tuple(replace(one, contracts_mw=contracts_mw) if one.id == SITE.id else one for one in snapshot.sites)
    shown = metered(replace(snapshot, sites=sites), document, newest_of({}, [reading(power_mw)]), {}, NOW, before)
    (found,) = [one.metered for one in shown.sites if one.id == SITE.id]
    assert found is not None
    return found


def test_a_site_on_its_way_from_one_plan_to_the_next_does_not_deviate() -> None:
    for power_mw in (1.0, 0.5 * SITE.site_power_mw, SITE.site_power_mw):
        assert not beside_new_plan(power_mw, before_mw=1.0).is_deviating
    assert beside_new_plan(SITE.site_power_mw + 4.0, before_mw=1.0).deviation_mw == pytest.approx(4.0)
    assert beside_new_plan(0.0, before_mw=1.0).deviation_mw == -1.0


def test_a_contract_that_has_just_come_to_a_site_is_not_in_danger_before_its_machines_can_run() -> None:
    assert beside_new_plan(1.0, before_mw=1.0, contracts_mw=2.0).endangered == ()
    assert seen(reading(1.0), snapshot=with_budget(9)).endangered == (CONTRACT.id,)


def test_the_newest_reading_counts_whatever_order_they_come_in() -> None:
    assert seen(reading(7.0, age_s=10.0), reading(9.0, age_s=200.0)).site_power_mw == 7.0


@pytest.mark.parametrize("unknown", [reading(5.0, age_s=601.0), reading(5.0, quality="bad"), reading(5.0, "gpu")])
def test_old_bad_and_partial_telemetry_is_unknown_and_never_a_number(unknown: Reading) -> None:
    found = seen(unknown)
    assert (found.site_power_mw, found.deviation_mw, found.cost_usd_per_h) == (None, None, None)


def test_the_groups_of_a_site_add_up_to_it_when_all_of_them_report() -> None:
    assert seen(reading(5.0, "air_miner"), reading(2.5, "gpu", age_s=90.0)).site_power_mw == 7.5
    assert seen(reading(5.0, "air_miner"), reading(2.5, "gpu", age_s=90.0)).age_s == 90.0


def with_budget(bad_ticks: int) -> Snapshot:
    one = replace(CONTRACT, served=True, tier="standard", bad_ticks=bad_ticks, budget_ticks=10)
    return replace(SNAPSHOT, contracts=(one,))


@pytest.mark.parametrize(("bad_ticks", "endangered"), [(8, ()), (9, (CONTRACT.id,)), (10, (CONTRACT.id,))])
def test_a_promise_is_in_danger_when_two_more_bad_ticks_would_break_it(
    bad_ticks: int, endangered: tuple[str, ...]
) -> None:
    assert seen(reading(0.0), snapshot=with_budget(bad_ticks)).endangered == endangered


def test_unknown_power_endangers_promises_and_enough_power_none() -> None:
    assert seen(reading(5.0, age_s=601.0), snapshot=with_budget(9)).endangered == (CONTRACT.id,)
    assert seen(reading(SITE.site_power_mw), snapshot=with_budget(9)).endangered == ()
