"""The Forecast page tells published prices from estimates, and the age of sources."""

from dataclasses import replace
from datetime import UTC, datetime

from components.ahead.plan_table import plan_channels
from components.forecast.forecast_panels import price_channel, source_channel
from components.forecast.guess_panel import guess_channel
from mara.core.history import GuessError
from mara.core.live_source import SourceSnapshot
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import row_of
from tests.ui.snapshots import ahead_at, forecast_at, snapshot_at

SNAPSHOT, FORECAST = snapshot_at(), forecast_at(288)
NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)
SOURCE = SourceSnapshot(
    name="texas price",
    provider="ercot-dashboard",
    licence="",
    values={"price_usd_per_mwh": 41.1},
    age_minutes=5.0,
    is_stale=False,
    known_until=NOW,
    known_at=NOW,
    asked_at=NOW,
    told_at=NOW,
    next_at=NOW,
    reason="",
)


async def test_the_forecast_page_shows_every_site_and_that_nobody_is_asked(screen: Screen) -> None:
    await screen.open("/forecast")
    await screen.user.should_see("Prices of the next 24 hours")
    await screen.user.should_see("Live sources")
    await screen.user.should_see("How good the guesses were")


async def test_a_live_world_whose_sources_this_machine_serves_is_not_called_live(screen: Screen) -> None:
    screen.platform.publisher.set_world("live", is_of_this_machine=True)
    await screen.open("/forecast")
    await screen.user.should_see("local")
    screen.platform.publisher.set_world("live")
    assert (await screen.after_a_look())["cells"]["world"] == "live"


def test_means_with_guesses_in_them_are_marked() -> None:
    count = len(FORECAST.at)
    known = tuple(count if place == 0 else 4 if place == 1 else 1 for place in range(len(SNAPSHOT.sites)))
    rows = price_channel(SNAPSHOT, replace(FORECAST, published_count=known))
    first, second, third = (row_of(rows[site.id]) for site in SNAPSHOT.sites[:3])
    assert not any(str(first[name]).startswith("~") for name in ("h1", "h3", "h24"))
    assert (str(second["h1"])[0] == "~", str(second["h24"])[0] == "~") == (False, True)
    assert str(third["h1"]).startswith("~")
    assert (first["published"], third["published"]) == ("24 h", "now")
    assert not price_channel(SNAPSHOT, None)


def test_stale_and_failing_sources_come_first_with_their_reason() -> None:
    stale = replace(SOURCE, name="sydney price", is_stale=True, age_minutes=95.0, reason="HTTP 503")
    silent = replace(SOURCE, name="oslo price", values={}, age_minutes=None, is_stale=True, reason="needs a key")
    rows = source_channel([SOURCE, stale, silent])
    assert sorted(rows, key=lambda name: -float(str(row_of(rows[name])["rank"]))) == [
        "sydney price",
        "oslo price",
        "texas price",
    ]
    assert (row_of(rows["texas price"])["newest"], row_of(rows["texas price"])["state"]) == ("41.1 USD/MWh", "fresh")
    assert row_of(rows["sydney price"])["state"] == "stale, nothing after 3 Mar 2026 08:00 UTC: HTTP 503"
    assert (row_of(rows["oslo price"])["newest"], row_of(rows["oslo price"])["age"]) == ("\u2013", "\u2013")


def test_sources_are_told_in_plain_words_and_events_are_whole() -> None:
    auction = replace(SOURCE, name="texas day_ahead")
    vtn = replace(SOURCE, name="openadr", values={"events_count": 5.0}, age_minutes=0.4, known_until=None)
    rows = source_channel([auction, vtn, replace(vtn, name="away", is_stale=True)])
    assert row_of(rows["texas day_ahead"])["source"] == "texas day-ahead"
    assert (row_of(rows["openadr"])["newest"], row_of(rows["openadr"])["age"]) == ("5 events", "present")
    assert row_of(rows["away"])["state"] == "stale"


async def test_the_plan_ahead_says_who_made_it_and_how_old_it_is(screen: Screen) -> None:
    screen.platform.advance(7)
    await screen.open("/forecast")
    assert screen.text_of("ahead.made") == "Made by Linear program at 2 Jul 2025 00:00 UTC, 35 min ago: proved optimal."
    rows = element_of(screen.user, "plan-table").props["rows"]
    ahead = ahead_at(screen.platform.tick)
    assert rows["oslo"]["mining"] == [round(power, 2) for power in ahead.sites[2].mining_mw]
    assert rows["oslo"]["published"] == [1.0] * 12 + [0.0] * 12


def test_a_plan_of_the_present_alone_names_the_optimizer_that_plans_a_day() -> None:
    ahead = replace(ahead_at(288), optimizer="rules", at=(), sites=())
    empty = plan_channels(SNAPSHOT, ahead)["ahead-hours"]["empty"]
    assert str(empty).startswith("Rules plans only the present")
    assert plan_channels(SNAPSHOT, None)["ahead"] == {}


def test_of_a_large_fleet_the_sites_with_most_planned_power_are_shown() -> None:
    site = ahead_at(288).sites[0]
    many = tuple(replace(site, site_id=f"s{n}", mining_mw=(float(n),) * 24) for n in range(150))
    shown = plan_channels(SNAPSHOT, replace(ahead_at(288), sites=many))
    assert set(shown["ahead"]) == {f"s{n}" for n in range(50, 150)}
    assert str(shown["cells"]["ahead.made"]).endswith("50 sites with less planned power are not shown.")


def test_errors_of_guesses_stand_in_a_row_for_each_site() -> None:
    site = SNAPSHOT.sites[1]
    error = GuessError(
        site_id=site.id, ahead_h=6, count=9, error_usd_per_mwh=4.25, bias_usd_per_mwh=-1.0, persistence_usd_per_mwh=8.0
    )
    rows = guess_channel(SNAPSHOT, [error, replace(error, ahead_h=24, count=0), replace(error, site_id="gone")])
    row = row_of(rows[site.id])
    assert (len(rows), row["site"], row["e6"], row["p6"], row["e24"]) == (1, site.name, "4.2", "8.0", "–")
    assert guess_channel(SNAPSHOT, []) == {}
