"""Bills and promises by meters: corrections of the last tick, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.contract import SlaContract, Tier
from mara.core.finance import EnergyLine, Line
from mara.core.market import Terms
from mara.core.metering import Metering
from mara.core.plan import PlanStep
from mara.core.power_settlement import PowerLine
from mara.core.power_terms import DemandCharge, PowerTerms
from mara.core.step import Step, advance, simulated
from mara.core.world import RunConfig, World
from tests.builders import EAST, NORTH, WEST, config, contract, fleet, observation, step, world

UNKNOWN = float("nan")
RACKS = slice(3, 5)


def metering(of: RunConfig, power: list[float], metered: tuple[int, ...] = (WEST,)) -> Metering:
    """What meters tell: the mean power of the last tick by site; only West is billed by it unless said otherwise."""
    is_metered = np.isin(np.arange(of.fleet.site_count), metered)
    down = np.zeros((of.fleet.site_count, 5), dtype=np.bool_)
    return Metering(is_metered=sealed(is_metered), power_mw=sealed(np.array(power)), is_down=sealed(down))


def ticks(
    of: RunConfig,
    plan: PlanStep,
    powers: list[list[float]],
    *,
    first: World | None = None,
    prices: tuple[float, ...] = (60.0, 90.0, 60.0),
    metered: tuple[int, ...] = (WEST,),
) -> list[Step]:
    """Steps one after the other; each row of powers is what meters tell when its tick begins."""
    state, made = first or world(of), []
    for tick, power in enumerate(powers):
        seen = observation(of, tick, price=prices[tick], carbon=300.0)
        made.append(advance(state, replace(seen, metering=metering(of, power, metered)), plan, of))
        state = made[-1].world
    return made


def test_the_next_tick_corrects_the_bill_of_a_tick_to_what_was_metered() -> None:
    of = config(terms=Terms(carbon_price_usd_per_t=80.0))
    first, second = ticks(of, step(of, miners=1.0), [[UNKNOWN] * 3, [5.0, 9.0, 9.0]])
    planned_mw = float(first.allocation.site_power_mw[WEST])
    # Five minutes at 60 USD/MWh, the price of the tick that was metered and not of the one that posts it.
    by_hand = -round(5.0 / 12 * 60.0 * 1e6) + round(planned_mw / 12 * 60.0 * 1e6)
    assert second.settlement.lines_micro_usd[:, Line.METER].tolist() == [by_hand, 0, 0]
    # What was posted in both ticks is what a bill by the meter would have been, to the micro-dollar.
    paid = first.settlement.lines_micro_usd[WEST, Line.ENERGY] + second.settlement.lines_micro_usd[WEST, Line.METER]
    assert paid == -25_000_000
    energy = first.settlement.energy_wh[WEST, EnergyLine.BOUGHT] + second.settlement.energy_wh[WEST, EnergyLine.BOUGHT]
    assert energy - round(second.allocation.bought_mw[WEST] / 12 * 1e6) == round(5.0 / 12 * 1e6)
    assert (second.settlement.energy_wh.sum(axis=1) == 0).all()
    # 5 MW for five minutes at 300 g/kWh are 125 kg, at 80 USD/t 10 USD.
    carbon = first.settlement.lines_micro_usd[WEST, Line.CARBON] + second.settlement.lines_micro_usd[WEST, Line.CARBON]
    own = -round(float(second.allocation.drawn_mw[WEST]) * 300.0 * (80.0 / 1_000.0) / 12 * 1e6)
    assert carbon - own == pytest.approx(-10_000_000, abs=1)


def test_a_hedged_site_is_corrected_by_what_it_sells_back() -> None:
    of = config(fleet(hedge_mw=4.0), terms=Terms(sellback_spread_share=0.1))
    _, second = ticks(of, step(of, miners=0.0), [[UNKNOWN] * 3, [6.0, 0.0, 0.0]])
    # As planned 4 MW were sold back at 54 USD/MWh; as metered 2 MW were bought at 60.
    by_hand = -round(2.0 / 12 * 60.0 * 1e6) - round(4.0 / 12 * 54.0 * 1e6)
    assert second.settlement.lines_micro_usd[WEST, Line.METER] == by_hand
    assert second.settlement.energy_wh.sum() == 0


def test_unknown_power_is_billed_as_planned_and_a_late_reading_corrects_nothing() -> None:
    of = config()
    made = ticks(of, step(of, miners=1.0), [[UNKNOWN] * 3, [UNKNOWN] * 3, [2.0] * 3])
    assert made[1].settlement.lines_micro_usd[WEST, Line.METER] == 0
    # The third tick corrects the second alone: nothing goes back to the first.
    second_mw = float(made[1].allocation.site_power_mw[WEST])
    assert made[2].settlement.lines_micro_usd[WEST, Line.METER] == -round(2.0 / 12 * 90e6) + round(
        second_mw / 12 * 90e6
    )


def test_a_tick_whose_site_was_not_metered_when_it_began_is_not_corrected() -> None:
    of = config()
    state = advance(world(of), observation(of, 0), step(of, miners=1.0), of).world
    assert state.unread is None
    seen = replace(observation(of, 1), metering=metering(of, [0.0, 0.0, 0.0]))
    assert not advance(state, seen, step(of, miners=1.0), of).settlement.lines_micro_usd[:, Line.METER].any()


PROMISED = (
    contract("prem", Tier.PREMIUM, 2.0),
    contract("std", Tier.STANDARD, 2.0),
    contract("flex", Tier.FLEXIBLE, 2.0),
    contract("far", Tier.PREMIUM, 2.0),
)
AT = (WEST, WEST, WEST, NORTH)
SHARES = [[2.0, 2.0, 2.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0] * 4]


def judged(power_mw: float, *, contracts: tuple[SlaContract, ...] = PROMISED) -> Step:
    """The second tick of contracts at West, of which the meter showed a power in the first."""
    of = config()
    plan = step(of, contracts=SHARES)
    state = world(of, contracts, AT)
    return ticks(of, plan, [[UNKNOWN] * 3, [power_mw, UNKNOWN, UNKNOWN]], first=state)[1]


@pytest.mark.parametrize(
    ("metered_mw", "good"),
    [
        (9.0, [True, True, True, True]),  # 6 MW at a PUE of about 1.2
        (5.5, [True, True, False, True]),
        (3.0, [True, False, False, True]),
        (0.0, [False, False, False, True]),
        (UNKNOWN, [False, False, False, True]),
    ],
)
def test_metered_power_counts_for_the_most_binding_promise_first_and_unknown_is_bad(
    metered_mw: float, good: list[bool]
) -> None:
    tick = judged(metered_mw)
    assert tick.report.good.tolist() == good
    charged = tick.before.book.tick_charge_micro_usd * np.array(good)
    assert tick.report.charge_micro_usd.tolist() == charged.tolist()
    # They run all the same: a promise that the meter missed takes nobody's place away.
    assert tick.world.accounts.served.all()
    assert tick.world.accounts.bad_ticks.tolist() == [0 if ok else 1 for ok in good]


def test_a_meter_within_its_exactness_keeps_a_promise() -> None:
    of = config()
    need_mw = 6.0 * float(judged(9.0).allocation.pue[WEST, 3])
    assert judged(need_mw * 0.96).report.good.all()
    assert not judged(need_mw * 0.94).report.good[2]
    assert of.fleet.site_count == 3


def test_racks_that_stand_still_deliver_nothing_whatever_the_site_draws() -> None:
    of = config()
    state = ticks(of, step(of, contracts=SHARES), [[UNKNOWN] * 3], first=world(of, PROMISED, AT))[0].world
    told = metering(of, [20.0] * 3)
    down = told.is_down.copy()
    down[WEST, RACKS] = True
    seen = replace(observation(of, 1), metering=replace(told, is_down=sealed(down)))
    tick = advance(state, seen, step(of, contracts=SHARES), of)
    assert tick.report.good.tolist() == [False, False, False, True]
    assert tick.conditions.racks_mw[WEST] == 0.0
    assert tick.conditions.available_mw[WEST, 0] > 0.0
    # 10 of 21.05 MW stand still, without an announcement.
    assert tick.observation.availability_share[WEST] == pytest.approx(11.05 / 21.05)


def test_a_demand_charge_is_raised_and_taken_back_by_what_was_metered() -> None:
    of = with_demand_charge()
    plan = step(of, miners=1.0)
    made = ticks(of, plan, [[UNKNOWN] * 3, [12.0] * 3, [2.0] * 3], prices=(0.0, 0.0, 0.0))
    state = made[1].before.power
    assert state is not None
    # The interval is the tick: the month's peak so far is what the meter showed, at 1,000 USD/MW.
    assert state.peak_mw[0] == 12.0
    assert (
        made[0].settlement.lines_micro_usd[WEST, Line.DEMAND_CHARGE]
        + made[1].settlement.lines_micro_usd[WEST, Line.METER]
        == -12_000_000_000
    )
    assert state.bill_micro_usd[WEST, 1 + PowerLine.DEMAND_CHARGE] == -12_000_000_000
    # The second tick was planned below that peak and metered below it: it changes nothing.
    assert made[1].settlement.lines_micro_usd[WEST, Line.DEMAND_CHARGE] == 0
    assert made[2].settlement.lines_micro_usd[WEST, Line.METER] == 0
    less = ticks(of, plan, [[UNKNOWN] * 3, [1.0] * 3], prices=(0.0, 0.0, 0.0))[1]
    assert less.settlement.lines_micro_usd[WEST, Line.METER] > 0
    assert less.before.power is not None
    assert less.before.power.peak_mw[0] == 1.0


def with_demand_charge() -> RunConfig:
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=5)
    own = fleet()
    return config(
        replace(
            own, power=PowerTerms(export_limit_mw=np.zeros(3), export_fee_usd_per_mwh=np.zeros(3), demand=(charge,))
        )
    )


def test_a_world_beside_the_live_one_is_not_billed_by_its_meters() -> None:
    of = config()
    seen = replace(observation(of), metering=metering(of, [1.0] * 3))
    assert simulated(seen).metering is not None
    assert not simulated(seen).metering.is_metered.any()  # type: ignore[union-attr]
    assert simulated(observation(of)).metering is None
    assert advance(world(of), simulated(seen), step(of), of).world.unread is None


def test_an_unmetered_site_has_no_correction() -> None:
    of = config()
    made = ticks(of, step(of, miners=1.0), [[UNKNOWN] * 3, [3.0] * 3], metered=(NORTH, EAST))
    assert made[1].settlement.lines_micro_usd[WEST, Line.METER] == 0
    assert made[1].settlement.lines_micro_usd[NORTH, Line.METER] != 0
