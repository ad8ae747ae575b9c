"""Parsing of questions: names of sites and customers, also when misspelt."""

from datetime import UTC, datetime

import pytest

from mara.core.contract import Tier
from mara.core.timegrid import TimeGrid
from mara.feeds.files.fleet_file import read_fleet
from mara.runtime.explain.question import Question, question_of
from mara.runtime.explain.topics import Topic

FLEET = read_fleet("global_ten")
GRID = TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=5)
CUSTOMERS = ("Cirrus Forecasts", "Nimbus Games", "Basalt Render", "Night Run")


def asked(text: str) -> Question:
    return question_of(text, FLEET, GRID, 900, CUSTOMERS)


def site_ids(text: str) -> list[str]:
    return [FLEET.site_ids[site] for site in asked(text).sites]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Why was Texas curtailed?", ["texas"]),
        ("why was TEXAS USA off", ["texas"]),
        ("why did it move from Texas to Oslo", ["texas", "oslo"]),
        ("why is norway off", ["oslo"]),
        ("why is Iceland's hall idle", ["iceland"]),
        ("why is the United States site off", ["texas"]),
        ("why is Canada cheap", ["vancouver"]),
        ("why is anything off", []),
    ],
)
def test_sites_go_by_id_name_country_and_the_words_only_they_have(text: str, ids: list[str]) -> None:
    assert site_ids(text) == ids


def test_a_misspelled_name_is_taken_for_the_nearest_and_said_aloud() -> None:
    found = asked("why was Texs curtailed")
    assert [FLEET.site_ids[site] for site in found.sites] == ["texas"]
    assert found.taken_as == ("texas",)
    assert asked("why was Texas curtailed").taken_as == ()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("why was Icland off", ["iceland"]),
        ("why was Icelnad off", ["iceland"]),
        ("why was Olso off", ["oslo"]),
        ("why is Tokoy down", ["tokyo"]),
        ("why did it move from Teaxs to Olso", ["texas", "oslo"]),
        ("why is power in Singpaore so expensive", ["singapore"]),
        ("which site earned least of all", []),
        ("why is the chilled water off", []),
    ],
)
def test_swapped_and_wrong_letters_still_name_a_site_and_ordinary_words_name_none(text: str, ids: list[str]) -> None:
    assert site_ids(text) == ids
    assert asked(text).taken_as == tuple(ids)


def test_a_misspelled_customer_topic_or_day_is_read_as_well() -> None:
    assert asked("why was Bsaalt off").customers == ("Basalt Render",)
    assert asked("why was Texas curtialed").topic is Topic.OFF
    assert asked("what was the profti ysterday").topic is Topic.MONEY
    assert asked("what was the profti ysterday").tick_range == asked("what was the profit yesterday").tick_range
    assert asked("what was the load profile").topic is None


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Why was Texas curtailed at 14:00?", Topic.OFF),
        ("Why is Oslo down?", Topic.OFF),
        ("Why did Premium move to Oslo yesterday?", Topic.MOVED),
        ("why was a request refused", Topic.REFUSED),
        ("what credit was paid", Topic.CREDIT),
        ("why did Texas lose money", Topic.MONEY),
        ("what was the plan at 06:00", Topic.PLAN),
        ("why is Tokyo running", Topic.RUNNING),
        ("why is power so expensive in Tokyo", Topic.PRICE),
        ("hello", None),
    ],
)
def test_the_topic_is_read_from_the_words(text: str, topic: Topic | None) -> None:
    assert asked(text).topic is topic


def test_customers_tiers_and_contracts_are_found_beside_each_other() -> None:
    found = asked("why is Cirrus Forecasts's flexible off")
    assert (found.customers, found.tier) == (("Cirrus Forecasts",), Tier.FLEXIBLE)
    assert asked("why is cirrus off").customers == ("Cirrus Forecasts",)
    assert asked("why was c7-000390-0 off").contract_id == "c7-000390-0"


def test_a_name_is_no_word_for_a_time_or_a_topic() -> None:
    found = asked("why did Night Run move")
    assert (found.customers, found.topic) == (("Night Run",), Topic.MOVED)
    assert not found.tick_range.is_stated


def test_local_time_is_that_of_the_site_named() -> None:
    assert asked("why was Singapore off at 15:00 local time").tick_range.first_tick == GRID.tick_at(
        datetime(2025, 7, 3, 7, tzinfo=UTC)
    )
    assert not asked("why was everything off at 15:00 local time").is_local


def test_a_question_of_any_length_and_any_letters_is_read() -> None:
    assert asked("why " * 10_000).topic is None
    assert asked("\x00\u202e' OR 1=1 --").topic is None
    assert asked("").topic is None
    assert site_ids("Why was Tókyo off?") == ["tokyo"]
