"""Exclusions that may be announced: three kinds, with reason, author and limits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mara.core.commands import Exclude, Retract
from mara.core.history import ExclusionRow
from mara.errors import CommandError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.tick.command_validation import refuse_impossible
from mara.runtime.tick.exclusions import ExclusionRequest, exclusion_of, exclusions_of
from tests.builders import START, config, contract, world

OF = config()
WORLD = world(OF, (contract("a", ticks=60 * 288, timezone="Europe/Oslo"),))
HOUR, DAY = 12, 288
GOOD = ExclusionRequest(
    kind="maintenance",
    contract_id="a",
    from_tick=5 * DAY,
    to_tick=5 * DAY + 4 * HOUR,
    reason="  switchgear \n inspection ",
)


def row(begin: int, end: int, reason: str = "maintenance: earlier") -> ExclusionRow:
    at = [START + timedelta(minutes=5 * tick) for tick in (begin, end)]
    return ExclusionRow(
        announced_at=START, starts_at=at[0], ends_at=at[1], is_fleet_wide=False, reason=reason, author="Ada"
    )


def test_an_announcement_becomes_a_command_with_its_kind_and_author() -> None:
    assert exclusion_of(GOOD, WORLD, OF) == Exclude(
        contract_id="a",
        from_tick=5 * DAY,
        to_tick=5 * DAY + 4 * HOUR,
        reason="maintenance: switchgear inspection",
        author="operator",
    )


def test_who_announces_it_is_who_acts() -> None:
    token = ACTOR.set(Actor(name="ada", address="10.0.0.1"))
    try:
        assert exclusion_of(GOOD, WORLD, OF).author == "ada"
    finally:
        ACTOR.reset(token)


def test_of_several_contracts_all_are_announced_or_none_and_each_refusal_is_told() -> None:
    both = world(OF, (contract("a", ticks=60 * DAY), contract("b", ticks=60 * DAY), contract("c", ticks=6 * DAY)))
    asked = [replace(GOOD, contract_id=name) for name in "abc"]
    assert [command.contract_id for command in exclusions_of(asked, both, OF, stored={})] == ["a", "b", "c"]
    used = {"b": (row(0, 4 * HOUR),)}
    with pytest.raises(CommandError) as refusal:
        exclusions_of([*asked, replace(GOOD, contract_id="d")], both, OF, stored=used)
    told = str(refusal.value)
    assert told.startswith("nothing was announced, because 2 of 4 contracts refuse: a calendar month of UTC has 4 h")
    assert "shorten it (B b); there is no live contract 'd': name one that is (d)" in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "bad luck"}, "maintenance, grid order, customer order, got 'bad luck'"),
        ({"contract_id": "b"}, "no live contract 'b'"),
        ({"reason": "  "}, "needs a reason"),
        ({"from_tick": 59 * DAY, "to_tick": 60 * DAY + 1}, "live from 1 Jul 2025 00:00 UTC to 30 Aug 2025 00:00 UTC"),
        ({"kind": "grid order", "from_tick": -1}, "got 30 Jun 2025 23:55 UTC to 6 Jul 2025 04:00 UTC"),
        ({"to_tick": 5 * DAY}, "end after it begins"),
        ({"from_tick": 3 * DAY - 1, "to_tick": 3 * DAY}, "72 h ahead: begin at 4 Jul 2025 00:00 UTC or later"),
        ({"to_tick": 5 * DAY + 4 * HOUR + 1}, "4 h of maintenance at most, 4 h are left"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(change: dict[str, object], said: str) -> None:
    with pytest.raises(CommandError) as refusal:
        exclusion_of(replace(GOOD, **change), WORLD, OF)  # type: ignore[arg-type]
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_orders_of_the_grid_and_of_the_customer_need_no_notice_and_have_no_limit() -> None:
    for kind in ("grid order", "customer order"):
        assert exclusion_of(replace(GOOD, kind=kind, from_tick=0, to_tick=DAY), WORLD, OF).to_tick == DAY


def test_maintenance_of_a_month_adds_up_over_what_is_stored_and_what_waits() -> None:
    waiting = (Exclude(contract_id="a", from_tick=900, to_tick=900 + HOUR, reason="maintenance: x", author="Ada"),)
    stored = (row(0, 2 * HOUR), row(0, 50 * HOUR, "grid order: all off"))
    hour = replace(GOOD, to_tick=5 * DAY + HOUR)
    assert exclusion_of(hour, WORLD, OF, waiting=waiting, stored=stored).to_tick == hour.to_tick
    with pytest.raises(CommandError, match="1 h are left, 2 h were asked for"):
        exclusion_of(replace(GOOD, to_tick=5 * DAY + 2 * HOUR), WORLD, OF, waiting=waiting, stored=stored)


def test_each_calendar_month_of_the_contracts_own_time_zone_has_its_own_four_hours() -> None:
    july_ends = 31 * DAY - 2 * HOUR  # midnight in Oslo is 22:00 UTC in summer
    across = replace(GOOD, from_tick=july_ends - 4 * HOUR, to_tick=july_ends + 4 * HOUR)
    assert exclusion_of(across, WORLD, OF).to_tick == across.to_tick
    with pytest.raises(CommandError, match=r"4 h are left, 4\.08 h"):
        exclusion_of(replace(across, from_tick=across.from_tick - 1), WORLD, OF)


def test_maintenance_that_is_taken_back_gives_its_hours_of_the_month_back() -> None:
    of_west = replace(row(5 * DAY, 5 * DAY + 4 * HOUR), site_id="west")
    asked = replace(GOOD, site_id="west", from_tick=6 * DAY, to_tick=6 * DAY + 4 * HOUR)
    with pytest.raises(CommandError, match="0 h are left"):
        exclusion_of(asked, WORLD, OF, stored=(of_west,))
    back = Retract(site_id="west", contract_id="", from_tick=5 * DAY)
    assert exclusion_of(asked, WORLD, OF, stored=(of_west,), waiting=(back,)).site_id == "west"
    gone = replace(of_west, retracted_at=START)
    assert exclusion_of(asked, WORLD, OF, stored=(gone,)).to_tick == asked.to_tick
    half = replace(of_west, retracted_at=of_west.starts_at + timedelta(hours=1))
    with pytest.raises(CommandError, match="3 h are left, 4 h were asked for"):
        exclusion_of(asked, WORLD, OF, stored=(half,))


TOLD = Exclude(contract_id="a", from_tick=900, to_tick=912, reason="maintenance: x", author="Ada", site_id="west")


@pytest.mark.parametrize(
    ("retract", "said"),
    [
        (Retract(site_id="nowhere", contract_id="", from_tick=900), "no site 'nowhere'"),
        (Retract(site_id="west", contract_id="", from_tick=901), "no maintenance of West stands that begins at"),
        (Retract(site_id="", contract_id="a", from_tick=900), "part of the maintenance of West: take that back"),
        (Retract(site_id="", contract_id="b", from_tick=900), "no announcement about b stands that begins at"),
    ],
)
def test_what_does_not_stand_cannot_be_taken_back(retract: Retract, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        refuse_impossible(retract, (TOLD,), WORLD, OF)


def test_an_announcement_is_taken_back_once_and_until_its_last_tick() -> None:
    back = Retract(site_id="west", contract_id="", from_tick=900)
    refuse_impossible(back, (TOLD,), WORLD, OF)
    for tick in (900, 911):
        refuse_impossible(back, (TOLD,), replace(WORLD, tick=tick), OF)
    with pytest.raises(CommandError, match="is over, is being taken back"):
        refuse_impossible(back, (TOLD,), replace(WORLD, tick=912), OF)
    with pytest.raises(CommandError, match="is over, is being taken back"):
        refuse_impossible(back, (TOLD, back), WORLD, OF)
