from dataclasses import replace
from itertools import pairwise

import pytest

from components.site.site_lines import LOAD_LINES
from components.site.site_panels import local_time, site_cells
from components.site.site_tables import (
    decision_channel,
    distance_km,
    here_channel,
    ledger_channel,
    machine_channel,
    other_channel,
)
from mara.core.history import LedgerSum
from mara.core.snapshot import SiteSnapshot
from mara.runtime.published_state import StatePublisher
from tests.ui.archive import FakeArchive
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import ranked, row_of, text_of
from tests.ui.snapshots import START, forecast_at, snapshot_at

SNAPSHOT = snapshot_at()


def site_of(site_id: str) -> SiteSnapshot:
    return next(site for site in SNAPSHOT.sites if site.id == site_id)


async def test_a_site_shows_its_name_its_clock_its_price_and_what_the_plan_expects_of_it(screen: Screen) -> None:
    await screen.open("/sites/tokyo")
    await screen.user.should_see("Japan Tokyo")
    assert screen.text_of("site.time") == "Wed 09:00 in Asia/Tokyo"
    assert screen.text_of("site.status") == "Miners curtailed"
    assert screen.text_of("site.price.unit") == "USD/MWh"
    assert screen.text_of("site.price.note").startswith("next 23 h ")


async def test_a_sites_lines_are_the_newest_day_so_a_tick_adds_a_point_and_drops_the_oldest(screen: Screen) -> None:
    await screen.open("/sites/oslo")
    shown = screen.last("show")
    assert len(shown["price"]) == len(shown["load"]) == 289
    assert row_of(next(iter(shown["load"].values()))).keys() == {line.key for line in LOAD_LINES}
    assert len(shown["forecast"]) == 24  # the present and 23 hours
    screen.platform.advance()
    changes = await screen.after_a_look()
    newest = int(snapshot_at(screen.platform.tick).at.timestamp())
    for name in ("price", "load"):
        assert changes[name].keys() == {str(newest), str(newest - 86_400 - 300)}
        assert changes[name][str(newest - 86_400 - 300)] is None
    assert "machines" not in changes


async def test_a_sites_forecast_begins_where_its_past_ends(screen: Screen) -> None:
    await screen.open("/sites/oslo")
    shown = screen.last("show")
    past, ahead = (sorted(map(int, shown[name])) for name in ("price", "forecast"))
    assert ahead[0] == past[-1]
    assert shown["forecast"][str(ahead[0])] == row_of(shown["price"][str(past[-1])])["price"]


async def test_an_id_that_no_site_has_is_said_to_be_none_and_leads_on(screen: Screen) -> None:
    answer = await screen.user.http_client.get("/sites/nowhere")
    assert answer.status_code == 404
    for said in ("No such site", "none with the id “nowhere”", "Norway Oslo", "/sites/oslo"):
        assert said in answer.text


async def test_an_id_that_looks_like_html_is_shown_as_text(screen: Screen) -> None:
    answer = await screen.user.http_client.get("/sites/%3Cimg%20src=x%3E")
    assert answer.status_code == 404
    assert "<img src=x>" not in answer.text


async def test_before_the_first_tick_a_site_stands_and_then_fills(screen: Screen) -> None:
    screen.platform.publisher._current = StatePublisher().read()
    await screen.open("/sites/oslo")
    assert screen.text_of("site.price") == "–"
    screen.platform.publisher.publish(snapshot_at(1))
    changes = await screen.after_a_look()
    assert changes["cells"]["site.name"] == "Norway Oslo"
    assert changes["machines"]


async def test_a_store_that_does_not_answer_leaves_the_live_part_standing(screen: Screen) -> None:
    screen.platform.archive.is_broken = True
    await screen.open("/sites/oslo")
    assert screen.text_of("site.name") == "Norway Oslo"
    assert "Nothing is posted yet" in element_of(screen.user, "ledger").props["empty"]
    assert len(screen.last("show")["price"]) == 1


async def test_what_is_stored_is_read_again_while_somebody_looks_and_time_goes_on(screen: Screen) -> None:
    await screen.open("/sites/oslo")
    asked = len(screen.platform.archive.asked)
    for _ in range(6):
        await screen.after_a_look()
    assert len(screen.platform.archive.asked) == asked
    screen.platform.advance()
    for _ in range(6):
        await screen.after_a_look()
    assert len(screen.platform.archive.asked) > asked


async def test_after_days_without_a_look_the_lines_hold_the_newest_day_and_nothing_older(screen: Screen) -> None:
    client = await screen.open("/sites/oslo")
    for _ in range(3):
        screen.platform.advance()
        await screen.after_a_look()
    client.delete()
    screen.platform.advance(3 * 288)
    await screen.open("/sites/oslo")
    newest = int(snapshot_at(screen.platform.tick).at.timestamp())
    for name in ("price", "load"):
        times = sorted(map(int, screen.last("show")[name]))
        assert (times[0], times[-1]) == (newest - 86_400, newest)
        assert {later - earlier for earlier, later in pairwise(times)} == {300}


async def test_ticks_that_pass_between_two_looks_are_points_of_the_fleets_line(screen: Screen) -> None:
    await screen.open()
    for _ in range(7):
        screen.platform.advance()
    changes = await screen.after_a_look()
    assert sum(point is not None for point in changes["money"].values()) == 7


@pytest.mark.parametrize("named", ["oslo", "OSLO", "Norway%20Oslo", "norway oslo"])
async def test_a_site_opens_by_its_id_or_its_name(screen: Screen, named: str) -> None:
    answer = await screen.user.http_client.get(f"/sites/{named}")
    assert answer.status_code == 200
    assert "Mara: Norway Oslo" in answer.text


async def test_the_outage_button_asks_about_this_site(screen: Screen) -> None:
    await screen.open("/sites/oslo")
    button = element_of(screen.user, "outage")
    assert any("askOutage('oslo')" in str(listener.js_handler) for listener in button._event_listeners.values())


def test_an_ordered_outage_says_how_long_it_still_lasts() -> None:
    site = replace(site_of("dublin"), outage_ends_tick=SNAPSHOT.tick + 6)
    assert site_cells(site, SNAPSHOT, None)["site.outage"] == "ordered down for another 30 min"


def test_without_a_forecast_none_is_made_up() -> None:
    assert site_cells(site_of("oslo"), SNAPSHOT, None)["site.price.note"] == "no forecast behind this plan"


def test_a_losing_site_says_so() -> None:
    cells = site_cells(replace(site_of("oslo"), profit_usd_per_h=-50.0), SNAPSHOT, forecast_at(288))
    assert cells["site.profit"] == "−50.0"
    assert row_of(cells["site.profit.note"])["state"] == "bad"


def test_local_time_knows_the_zones_summer() -> None:
    assert local_time(START, "America/Chicago") == "Mon 19:00 in America/Chicago"


def test_the_ledger_of_a_day_adds_up_to_the_cent_as_it_is_shown() -> None:
    sums = [
        LedgerSum(kind=kind, amount_micro_usd=amount)
        for kind, amount in (("mining", 10_004_999), ("contract_premium", 20_004_999), ("energy", -5_005_001))
    ]
    rows = [row_of(row) for row in ledger_channel(sums).values()]
    shown = [float(text_of(row["usd"]).replace("−", "-")) for row in rows]
    assert round(sum(shown[:-1]), 2) == shown[-1] == 25.0
    assert [row["line"] for row in rows[:-1]] == ["Mining", "Contracts, Premium", "Power bought"]


def test_lines_on_which_nothing_was_posted_take_no_room() -> None:
    assert ledger_channel([LedgerSum(kind="restart", amount_micro_usd=0)]) == {}


def test_a_sentence_that_is_stored_and_live_stands_once() -> None:
    event = SNAPSHOT.events[-1]
    assert len(decision_channel([event, event])) == 1


async def test_decisions_are_told_with_whose_plan_gave_the_reason() -> None:
    told = await FakeArchive().decisions("oslo", 1)
    row = row_of(next(iter(decision_channel(told).values())))
    said = "Norway Oslo curtailed 12.0 MW of air miners: price 212 USD/MWh, break-even 104."
    assert row["what"] == {"text": said, "state": "info"}
    assert row["teller"] == "Linear program"


def test_machines_that_an_outage_took_away_are_marked() -> None:
    air = row_of(machine_channel(site_of("berlin"))["air_miner"])
    assert air["units"] == "9\u202f000"
    assert air["online"] == {"text": "5\u202f400", "state": "warn"}


def test_contracts_here_are_those_that_run_here() -> None:
    here = here_channel(site_of("oslo"), SNAPSHOT)
    wanted = {contract.id for contract in SNAPSHOT.contracts if contract.site_id == "oslo" and contract.served}
    assert set(here) == wanted


def test_other_sites_come_nearest_first_and_lead_there() -> None:
    key, row = ranked(other_channel(site_of("oslo"), SNAPSHOT))[0]
    assert key == "berlin"
    assert row["site"]["href"] == "/sites/berlin"


def test_the_distance_of_two_sites_is_that_on_a_sphere() -> None:
    # Oslo to Berlin, 838 km: https://www.distance.to/Oslo/Berlin
    assert distance_km(site_of("oslo"), site_of("berlin")) == pytest.approx(838, abs=5)


def test_a_limit_of_the_grid_s_operator_stands_in_the_place_of_the_connection() -> None:
    limited = site_cells(replace(site_of("oslo"), import_limit_mw=12.5), SNAPSHOT, None)
    assert limited["site.power.note"] == "of 12.5 MW that the grid's operator allows"
