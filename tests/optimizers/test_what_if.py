"""What-if answers: two solves of one tick, which differ by what was asked alone."""

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.plan import Problem
from mara.core.quote import QuoteRequest
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.optimizers.quoting.pricing import ContractDemand
from mara.optimizers.what_if import changed_problem, compared, solved_changed, solved_now
from tests.builders import config, contract, observation, problem, world

DEADLINE_S = 60.0
OF = config(tick_minutes=60)
HOURS = 6


def given() -> Problem:
    """Three sites that mine and serve two contracts; power in the west is paid for being taken."""
    book = (contract("gold", Tier.PREMIUM, 2.0, ticks=600), contract("loose", Tier.FLEXIBLE, 1.0, ticks=600))
    seen = observation(OF, price=[-10.0, 30.0, 60.0], demand=1e10)
    return problem(OF, world(OF, book, at=[0, 2]), seen, hours=HOURS)


def answered(asked: WhatIfRequest, demands: tuple[ContractDemand, ...] = ()) -> WhatIf:
    now = solved_now(given(), (), DEADLINE_S)
    return compared(now, solved_changed(now, asked, demands, DEADLINE_S), None)


def test_a_question_without_a_change_has_no_difference() -> None:
    found = answered(WhatIfRequest())
    assert found.profit_changed_usd == pytest.approx(found.profit_now_usd)
    assert all(site.now == site.changed for site in found.sites)
    assert (found.horizon_h, found.moves, found.in_force_tick) == (HOURS, (), None)


def test_dearer_power_is_dearer_where_its_price_is_negative_too_and_nothing_given_is_changed() -> None:
    before = given()
    after = changed_problem(before, WhatIfRequest(price_change_share=0.5, price_change_usd_per_mwh=1.0))
    assert after.observation.energy_price_usd_per_mwh.tolist() == [-4.0, 46.0, 91.0]
    assert after.forecast.energy_price_usd_per_mwh[-1].tolist() == [-4.0, 46.0, 91.0]
    one = changed_problem(before, WhatIfRequest(price_change_usd_per_mwh=5.0, price_site_id="North"))
    assert one.observation.energy_price_usd_per_mwh.tolist() == [-10.0, 35.0, 60.0]
    assert before.observation.energy_price_usd_per_mwh.tolist() == [-10.0, 30.0, 60.0]
    found = answered(WhatIfRequest(price_change_usd_per_mwh=1.0))
    drawn_mwh = HOURS * sum(site.now.mining_mw + site.now.inference_mw + site.now.contracts_mw for site in found.sites)
    assert found.profit_now_usd - found.profit_changed_usd >= drawn_mwh * (1.0 - 1e-6), "PUE is at least one"


def test_a_site_that_is_off_carries_nothing_in_any_hour_and_its_contracts_move() -> None:
    found = answered(WhatIfRequest(off_site_ids=("west",)))
    west = found.sites[0].changed
    assert (west.mining_mw, west.inference_mw, west.contracts_mw) == (0.0, 0.0, 0.0)
    gold = next(move for move in found.moves if move.contract_id == "gold")
    assert (gold.tier, gold.power_mw, gold.from_site_id) == ("premium", 2.0, "west")
    assert {move.to_site_id for move in found.moves} <= {"north", "east"}
    assert found.profit_changed_usd < found.profit_now_usd


def test_hashes_and_tokens_that_are_worth_nothing_are_not_made() -> None:
    found = answered(WhatIfRequest(hashprice_change_share=-1.0, token_price_change_share=-1.0))
    assert sum(site.now.mining_mw for site in found.sites) > 1.0
    assert sum(site.changed.mining_mw for site in found.sites[1:]) == pytest.approx(0.0)
    assert sum(site.changed.inference_mw for site in found.sites[1:]) == pytest.approx(0.0)


def test_one_more_contract_is_served_from_the_next_tick_on_or_its_energy_counts_as_not_delivered() -> None:
    asked = WhatIfRequest(contract=QuoteRequest(tier="standard", power_mw=1.0, duration_h=24.0))
    small, huge = (ContractDemand(tier=Tier.STANDARD, power_mw=mw, starts_tick=1, ends_tick=25) for mw in (1.0, 900.0))
    found = answered(asked, (small,))
    standard = found.tiers[Tier.STANDARD]
    assert standard.changed.served_mwh - standard.now.served_mwh == pytest.approx(HOURS - 1)
    assert found.profit_changed_usd > found.profit_now_usd
    beyond = answered(asked, (huge,)).tiers[Tier.STANDARD].changed
    assert beyond.served_mwh + beyond.unserved_mwh + beyond.rested_mwh == pytest.approx(900.0 * (HOURS - 1))
    assert beyond.unserved_mwh > 800.0


def test_prices_of_power_are_means_over_the_horizon() -> None:
    found = answered(WhatIfRequest(price_change_usd_per_mwh=10.0, price_site_id="east"))
    gained = [site.changed.power_usd_per_mwh - site.now.power_usd_per_mwh for site in found.sites]
    assert np.allclose(gained, [0.0, 0.0, 10.0])


def test_a_large_fleet_is_answered_in_blocks_with_bounds_round_the_exact_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = WhatIfRequest(price_change_share=0.3, off_site_ids=("east",))
    exact = answered(asked)
    monkeypatch.setattr("mara.optimizers.what_if.EXACT_SITES", 2)
    found = answered(asked)
    assert found.least_gain_usd - 1e-3 <= exact.gain_usd <= found.most_gain_usd + 1e-3
    assert found.profit_now_usd <= exact.bound_now_usd + 1e-3
    assert found.sites[0].now.mining_mw == pytest.approx(exact.sites[0].now.mining_mw)
