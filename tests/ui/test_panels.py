from dataclasses import replace
from datetime import UTC, datetime

import pytest

from components.overview.events_panel import MOST_EVENTS, event_channel
from components.overview.gains_panel import gain_cells
from components.overview.kpis import kpi_cells
from components.overview.reasoning_panel import reasoning_cells
from components.overview.site_map import WORKLOAD_LABELS, map_channel
from components.shared.controls import engine_cells
from components.shared.key_figure_history import KeyFigureHistory
from components.sla.sla_panel import MOST_CONTRACTS_SHOWN, contract_channel, tier_channel
from mara.core.snapshot import EventSnapshot
from tests.ui.rows import ranked, row_of, text_of
from tests.ui.snapshots import START, series_until, snapshot_at

SNAPSHOT = snapshot_at()
PAST = KeyFigureHistory().before(series_until(SNAPSHOT.tick, 24)).after(SNAPSHOT)


def test_cells_are_keyed_once() -> None:
    keys = [*gain_cells(SNAPSHOT), *reasoning_cells(SNAPSHOT, None), *kpi_cells(SNAPSHOT, PAST)]
    assert len(keys) == len(set(keys))


def test_a_losing_fleet_says_so() -> None:
    cells = kpi_cells(replace(SNAPSHOT, profit_usd_per_h=-4_210.0), PAST)
    assert cells["kpi.profit"] == "−4.21"
    assert cells["kpi.profit.note"] == {"text": "706 kUSD since start", "state": "bad"}


def test_a_fleet_without_contracts_breaks_no_promise() -> None:
    cells = kpi_cells(replace(SNAPSHOT, tiers=()), PAST)
    assert cells["kpi.contracts.note"] == "no live contracts"


def test_tiers_come_in_the_order_of_their_priority() -> None:
    names = [row["tier"].split()[0] for _, row in ranked(tier_channel(SNAPSHOT))]
    assert names == ["Premium", "Standard", "Flexible", "Spot"]


def test_a_tier_below_its_target_is_marked() -> None:
    tier = replace(SNAPSHOT.tiers[0], availability_share=0.9985, on_target_count=7)
    row = row_of(tier_channel(replace(SNAPSHOT, tiers=(tier,)))["premium"])
    assert row["on_target"] == {"text": "7 of 9", "state": "bad"}
    assert row["availability"] == {"text": "99.85 %", "state": "bad"}


def test_best_effort_is_neither_promised_nor_broken() -> None:
    row = row_of(tier_channel(SNAPSHOT)["spot"])
    assert row["tier"] == "Spot best effort"
    assert row["budget"] == "–"
    spot = next(contract for contract in SNAPSHOT.contracts if contract.tier == "spot")
    off = replace(spot, served=False, availability_share=0.1, bad_ticks=900, power_mw=2.0)
    shown = contract_channel(replace(SNAPSHOT, contracts=(off,)))[off.id]
    assert shown == {
        "rank": -1.0,
        "contract": {"text": off.customer, "note": f"Spot {off.id}"},
        "site": "off now",
        "power": "2.0",
        "availability": "10.00 %",
        "budget": "–",
    }


def test_contracts_in_most_danger_rank_highest_and_a_broken_promise_above_all() -> None:
    contracts = {contract.id: contract for contract in SNAPSHOT.contracts}
    rows = ranked(contract_channel(SNAPSHOT))
    first = contracts[rows[0][0]]
    assert first.bad_ticks > first.budget_ticks
    assert all(contracts[key].tier != "spot" for key, _ in rows)  # there are enough that can be in danger
    names = {site.id: site.name for site in SNAPSHOT.sites}
    served = next(key for key, _ in rows if contracts[key].served)
    assert row_of(contract_channel(SNAPSHOT)[served])["site"]["text"] == names[contracts[served].site_id]


def test_only_so_many_contracts_are_drawn_and_those_in_danger_are_among_them() -> None:
    many = tuple(replace(SNAPSHOT.contracts[i % 41], id=f"m{i}") for i in range(500))
    shown = contract_channel(replace(SNAPSHOT, contracts=many))
    assert len(shown) == MOST_CONTRACTS_SHOWN
    assert "m3" in shown


def test_a_contract_that_runs_nowhere_is_loud() -> None:
    off = replace(SNAPSHOT.contracts[0], served=False, site_id="")
    row = row_of(contract_channel(replace(SNAPSHOT, contracts=(off,)))[off.id])
    assert row["site"] == {"text": "off now", "state": "bad"}


@pytest.mark.parametrize(
    ("bad_ticks", "text", "state", "share"),
    [
        (0, "8 of 8", "good", 1.0),
        (2, "6 of 8", "good", 0.75),
        (6, "2 of 8", "warn", 0.25),
        (8, "0 of 8", "warn", 0.0),
        (11, "3 over", "bad", 1.0),
    ],
)
def test_a_contract_tells_what_is_left_of_its_error_budget(bad_ticks: int, text: str, state: str, share: float) -> None:
    contract = replace(SNAPSHOT.contracts[0], bad_ticks=bad_ticks, budget_ticks=8)
    row = row_of(contract_channel(replace(SNAPSHOT, contracts=(contract,)))[contract.id])
    assert row["budget"] == {"text": text, "state": state, "share": share}


def test_an_event_of_another_day_has_its_date_and_one_of_a_site_leads_there() -> None:
    rows = {key: row_of(row) for key, row in event_channel(SNAPSHOT).items()}
    assert rows["285.0"]["when"] == {"text": "23:45", "note": "1 Jul"}
    assert rows["285.0"]["event"] == {
        "text": "Dublin down; 3.2 MW Premium moved to Oslo in time, 1.1 MW Standard off.",
        "state": "critical",
        "href": "/sites/dublin",
    }
    started = "Contract c040 (Harbour, Spot, 2.9 MW) started at Vancouver."
    assert rows["274.0"]["event"] == {"text": started, "state": "info"}
    today = event_channel(snapshot_at(312))
    assert row_of(today["309.0"])["when"] == "01:45"


def test_the_parts_of_both_gains_add_up_to_what_is_shown_to_the_dollar() -> None:
    gains = replace(
        SNAPSHOT.gains,
        climate_usd=100.4,
        time_zone_usd=-30.4,
        interaction_usd=5.4,
        optimizer_vs_rules_usd=91.0,
        optimizer_vs_rules_same_budgets_usd=60.5,
        optimizer_vs_rules_by_resting_usd=30.5,
    )
    cells = gain_cells(replace(SNAPSHOT, gains=gains))
    shown = {name: float(text_of(cells[f"gain.{name}"]).removesuffix(" USD").replace("−", "-")) for name in GAIN_CELLS}
    assert shown["placement"] == shown["climate"] + shown["time_zone"] + shown["interaction"] == 75.0
    assert shown["planning"] == shown["same_budgets"] + shown["by_resting"] == 91.0
    assert cells["gain.time_zone"] == {"text": "−30 USD", "state": "loss", "share": 0.3}
    assert cells["gain.baseline"] == "by placement, against the same load spread by capacity"
    assert cells["gain.policy"] == "by planning, over the rules"


GAIN_CELLS = ("placement", "climate", "time_zone", "interaction", "planning", "same_budgets", "by_resting")


def test_a_gain_that_nobody_measured_is_a_dash_and_not_zero() -> None:
    unknown = replace(
        SNAPSHOT.gains,
        optimizer_vs_rules_usd=None,
        optimizer_vs_rules_same_budgets_usd=None,
        optimizer_vs_rules_by_resting_usd=None,
    )
    cells = gain_cells(replace(SNAPSHOT, gains=unknown))
    assert cells["gain.by_resting"] == cells["gain.same_budgets"] == cells["gain.planning"] == "–"
    assert cells["gain.policy"] == "no rules run beside it"


def test_power_bought_ahead_is_told_by_runs_that_buy_it_alone() -> None:
    assert gain_cells(SNAPSHOT)["gain.day_ahead"] == ""
    bought = replace(SNAPSHOT, gains=replace(SNAPSHOT.gains, day_ahead_usd=-166.3))
    assert gain_cells(bought)["gain.day_ahead"] == {"text": "−166 USD by buying power day-ahead", "state": "loss"}


def test_carbon_that_was_added_is_not_called_avoided() -> None:
    cells = gain_cells(replace(SNAPSHOT, gains=replace(SNAPSHOT.gains, carbon_avoided_t=-3.24)))
    assert cells["gain.carbon"] == "3.2 t CO2 added by placement"


def test_events_come_newest_first_and_in_the_order_of_their_tick() -> None:
    events = tuple(
        EventSnapshot(tick=tick, at=START, severity="info", site_id="", text=f"{tick}/{place}")
        for tick in range(40)
        for place in range(2)
    )
    rows = event_channel(replace(SNAPSHOT, events=events))
    assert len(rows) == MOST_EVENTS
    assert [text_of(row["event"]) for _, row in ranked(rows)[:3]] == ["39/0", "39/1", "38/0"]


def test_the_map_has_the_power_of_every_workload_that_it_lists() -> None:
    assert all(WORKLOAD_LABELS.keys() <= row_of(row).keys() for row in map_channel(SNAPSHOT).values())


def test_a_paused_engine_with_a_stale_feed_is_paused() -> None:
    cells = engine_cells("paused", "", 300.0, replace(SNAPSHOT, stale_sources=("weather",)))
    assert cells["engine"] == {"text": "Paused", "state": "paused"}
    assert cells["notice"] == ""
    assert cells["speed"] == "5 min/s"


def test_a_notice_of_stale_sources_says_since_when_they_are() -> None:
    stale = replace(SNAPSHOT, stale_sources=("oslo price", "openadr"))
    since = {"oslo price": datetime(2026, 3, 3, 8, 5, tzinfo=UTC)}
    cells = engine_cells("running", "", 1.0, stale, "live", since)
    assert cells["notice"] == {
        "text": "No fresh values from oslo price since 3 Mar 08:05 UTC, openadr; "
        "the last good ones stand until there are new ones.",
        "state": "warn",
    }
