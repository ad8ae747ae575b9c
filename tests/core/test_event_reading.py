"""Every kind of event can be read back from the sentence that the database holds."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core import event_details as details
from mara.core.contract import Tier
from mara.core.event_reading import details_of
from mara.core.event_text import text_of
from mara.core.events import stored_event
from mara.core.fleet import MINERS, Workload
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, site

OF = config()
AWKWARD = config(
    fleet(
        sites=(
            replace(site("west"), name="Trinidad and Tobago, South: 1"),
            replace(site("north"), name="reserve at North in time."),
            replace(site("east"), name="Trinidad and Tobago"),
        )
    )
)
"""Names that hold the words of the sentences."""
TICK = 287

customers = st.sampled_from(("Acme", "Bolt's", "moved from West to", "Nïmbus Gämes", "2.0 MW Standard"))
sites = st.integers(WEST, EAST)
counts = st.integers(0, 400)
powers_mw = st.floats(0.06, 900.0)
money = st.floats(-5e6, 5e6)
prices = st.floats(-1_000.0, 20_000.0)
contracts = st.builds(details.ContractRef, customer=customers, power_mw=powers_mw, tier=st.sampled_from(Tier))
costs = {"from_usd_per_mwh": prices, "to_usd_per_mwh": prices}

KINDS: dict[str, st.SearchStrategy[details.EventDetails]] = {
    "outage": st.builds(
        details.SiteFailed,
        up_share=st.integers(0, 100).map(lambda percent: percent / 100.0),
        rescued_mw=powers_mw,
        refuge_sites=st.lists(sites, unique=True).map(tuple),
        gave_way_count=counts,
        gave_way_mw=powers_mw,
        premium_off_mw=powers_mw,
        is_several_off=st.booleans(),
        off_count=counts,
        off_mw=powers_mw,
    ),
    "recovery": st.builds(details.SiteRecovered, up_share=st.integers(1, 100).map(lambda percent: percent / 100.0)),
    "stranded": st.builds(
        details.ContractStranded,
        contract=contracts,
        cause=st.sampled_from(get_args(details.StrandedCause)),
        failed_site=sites,
    ),
    "called": st.builds(
        details.ProductCalled,
        product=st.sampled_from(("rrs", "ers_30")),
        called_mw=powers_mw,
        short_mw=st.just(0.0) | powers_mw,
        until=st.just("14:35"),
    ),
    "peak": st.builds(
        details.MinersOffForPeak,
        power_mw=powers_mw,
        price_usd_per_mwh=prices,
        peak_usd_per_mwh=prices,
    ),
    "placed": st.builds(details.ContractPlaced, contract=contracts, rack_usd_per_mwh=st.none() | prices),
    "moved": st.builds(
        details.ContractMoved,
        contract=contracts,
        from_site=sites,
        cause=st.sampled_from(get_args(details.MoveCause)),
        **costs,
    ),
    "budget": st.builds(
        details.ContractScheduledOff, contract=contracts, off_minutes=counts, left_ticks=counts, budget_ticks=counts
    )
    | st.builds(details.SchedulingOffBegan, contract=contracts, price_usd_per_mwh=prices),
    "broken": st.builds(details.PromiseBroken, contract=contracts, price_usd_per_mwh=prices),
    **{
        kind: st.builds(
            details.MinersSwitched,
            is_on=st.just(kind == "resumed"),
            miner=st.sampled_from(list(Workload)[MINERS]),
            power_mw=powers_mw,
            price_usd_per_mwh=prices,
            break_even_usd_per_mwh=prices,
        )
        for kind in ("resumed", "curtailed")
    },
    "booked": st.builds(
        details.ContractBooked, contract=contracts, duration_h=st.floats(0.1, 9_000.0), rate_usd_per_mwh=prices
    ),
    "refused": st.builds(details.RequestRefused, contract=contracts, reason=st.text(min_size=1)),
    "credit": st.builds(
        details.CreditOwed,
        contract_id=st.text(min_size=1),
        bad_ticks=counts,
        counted_ticks=counts,
        credit_usd=st.floats(0, 5e6),
    ),
    "day": st.builds(
        details.DayEnded,
        earned_usd=money,
        booked_count=counts,
        ended_count=counts,
        refused_count=counts,
        moved_count=counts,
        off_count=counts,
        off_h=st.floats(0.0, 900.0),
        hottest_c=st.floats(-50.0, 50.0),
        hottest_site=sites,
        dearest_usd_per_mwh=prices,
        dearest_site=sites,
        position_usd=st.sampled_from([0.0, -0.4, 3.0, -12_345.6, 1e6]),
    ),
}


def test_every_kind_of_details_is_tried() -> None:
    text = Path(__file__).read_text(encoding="utf-8").partition("KINDS:")[2]
    assert [kind.__name__ for kind in get_args(details.EventDetails) if f"details.{kind.__name__}," not in text] == []


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data(), at=sites, is_awkward=st.booleans())
def test_what_is_read_back_from_a_sentence_gives_the_sentence_again(
    kind: str, data: st.DataObject, at: int, is_awkward: bool
) -> None:
    of = AWKWARD if is_awkward else OF
    told = data.draw(KINDS[kind])
    text = text_of(told, at, TICK, of)
    found = details_of(kind, text, at, TICK, of)
    assert found is not None
    assert type(found) is type(told)
    assert text_of(found, at, TICK, of) == text


def test_the_fields_of_a_move_are_those_it_was_made_of() -> None:
    acme = details.ContractRef(customer="Acme", power_mw=2.0, tier=Tier.STANDARD)
    move = details.ContractMoved(
        contract=acme, from_site=EAST, cause="cheaper", from_usd_per_mwh=119.0, to_usd_per_mwh=52.0
    )
    text = "Acme's 2.0 MW Standard moved from East to North: 52 instead of 119 USD per rack MWh."
    assert text_of(move, NORTH, TICK, OF) == text
    event = stored_event(TICK, "info", NORTH, "moved", text, OF)
    assert (event.details, event.contract) == (move, acme)


def test_a_rescue_into_reserve_is_told_apart_from_one_beside_it() -> None:
    beside = stored_event(0, "info", NORTH, "moved", "Acme's 2.0 MW Premium moved from West to North in time.", OF)
    text = "Acme's 2.0 MW Premium moved from West to reserve at North in time."
    into = stored_event(0, "info", NORTH, "moved", text, OF)
    assert [event.details.cause for event in (beside, into)] == ["rescued", "rescued_to_reserve"]  # type: ignore[union-attr]


def test_sentences_of_earlier_rules_are_read_as_well() -> None:
    old = (
        "Acme's 2.0 MW Flexible rests inside its error budget at West: its racks or its power are worth more now "
        "(price 300 USD/MWh)."
    )
    assert isinstance(stored_event(0, "info", WEST, "budget", old, OF).details, details.SchedulingOffBegan)
    old = "Acme's 2.0 MW Premium is off: West failed, and no reserve can hold it."
    assert stored_event(0, "critical", WEST, "stranded", old, OF).details == details.ContractStranded(
        contract=details.ContractRef(customer="Acme", power_mw=2.0, tier=Tier.PREMIUM), cause="no_reserve"
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("moved", "Acme's 2.0 MW Standard moved from Atlantis to North in time."),
        ("moved", "Acme's 2.0 MW Gold moved from East to North in time."),
        ("outage", "North is down. And more."),
        ("storage", "3 ticks were lost."),
    ],
)
def test_a_sentence_that_is_none_of_ours_is_known_by_its_text_alone(kind: str, text: str) -> None:
    event = stored_event(0, "info", NORTH, kind, text, OF)
    assert (event.text, event.details, event.contract) == (text, None, None)


def test_a_name_in_an_event_may_be_any_contract_that_goes_by_it() -> None:
    acme = contract("acme", Tier.STANDARD, 2.04)
    named = details.ContractRef(customer="Acme", power_mw=2.0, tier=Tier.STANDARD)
    assert named.may_be(acme)
    assert replace(named, contract_id="acme").may_be(acme)
    assert not replace(named, contract_id="other").may_be(acme)
    assert not replace(named, power_mw=2.1).may_be(acme)
    assert not replace(named, tier=Tier.SPOT).may_be(acme)
    assert not replace(named, customer="Acm").may_be(acme)
