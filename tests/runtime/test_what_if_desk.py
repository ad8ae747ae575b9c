"""What-if questions to a live run: refused in a line, and never felt by the run."""

import asyncio
from threading import Event
from typing import Any

import pytest

from mara.core.quote import QuoteRequest
from mara.core.what_if import WhatIfRequest
from mara.errors import CommandError
from mara.optimizers.registry import optimizer_of
from mara.optimizers.what_if import SolvedCase, solved_now
from mara.runtime.live import what_if_desk
from mara.runtime.live.what_if_desk import MOST_ASKING
from mara.store.encoding.codec import bytes_of
from tests.runtime.made_up import TICK_S, Stage, quiet, running, stage

DEARER = WhatIfRequest(price_change_share=0.3)
TICKS = 3


async def stepped(around: Stage, asked: WhatIfRequest | None) -> list[bytes]:
    """Store some ticks under the linear program, with a question before each; return their worlds."""
    async with running(around):
        await around.stored(1)
        around.platform.pause()
        for tick in range(1, TICKS):
            if asked is not None:
                answer = await around.platform.what_if(asked)
                assert (answer.tick, answer.in_force_optimizer) == (tick, "lp")
            around.platform.step(1)
            await around.stored(tick + 1)
    return [bytes_of(step.world) for step in around.store.steps]


async def test_a_run_is_bit_identical_however_much_is_asked_beside_it() -> None:
    asked = WhatIfRequest(
        price_change_usd_per_mwh=40.0,
        off_site_ids=("west",),
        contract=QuoteRequest(tier="premium", power_mw=2.0, duration_h=24.0),
    )
    quiet_run = await stepped(stage(optimizer=optimizer_of("lp")), None)
    assert await stepped(stage(optimizer=optimizer_of("lp")), asked) == quiet_run
    assert len(quiet_run) == TICKS


async def test_a_question_that_takes_long_holds_up_no_tick_and_only_so_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Event()

    def slow(*given: Any) -> SolvedCase:
        assert gate.wait(10)
        return solved_now(*given)

    monkeypatch.setattr(what_if_desk, "solved_now", slow)
    async with running(stage()) as around:
        await around.stored(1)
        asking = [asyncio.create_task(around.platform.what_if(DEARER)) for _ in range(MOST_ASKING)]
        await quiet()
        with pytest.raises(CommandError, match="8 what-if questions wait for their answer already"):
            await around.platform.what_if(DEARER)
        await around.pass_time(TICK_S)
        await around.stored(2)
        assert not any(task.done() for task in asking)
        gate.set()
        assert [answer.tick for answer in await asyncio.gather(*asking)] == [1, *[2] * (MOST_ASKING - 1)]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (WhatIfRequest(), "nothing would change: enter a price, a site that is off, or a contract"),
        (WhatIfRequest(price_site_id="west"), "nothing would change"),
        (WhatIfRequest(price_change_share=-1.5), "power changes by -100 to +1000%, got -1.5 times its size"),
        (WhatIfRequest(hashprice_change_share=float("nan")), "hashprice changes by"),
        (WhatIfRequest(token_price_change_share=11.0), "the token price changes by"),
        (WhatIfRequest(price_change_usd_per_mwh=2e4), "power changes by at most 10,000 USD/MWh, got 20000"),
        (WhatIfRequest(off_site_ids=("wset",)), "no site 'wset': ask for one of west, north, east"),
        (WhatIfRequest(off_site_ids=("west",) * 101), "at most 100 sites are off, got 101"),
        (WhatIfRequest(contract=QuoteRequest(tier="gold", power_mw=1.0, duration_h=9.0)), "a tier is one of"),
        (WhatIfRequest(contract=QuoteRequest(tier="spot", power_mw=0.0, duration_h=9.0)), "100,000 MW, got 0"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_one_line(asked: WhatIfRequest, said: str) -> None:
    async with running(stage()) as around:
        with pytest.raises(CommandError) as refusal:
            await around.platform.what_if(asked)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)


async def test_a_fleet_that_is_too_large_is_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_if_desk, "MOST_SITES", 2)
    async with running(stage()) as around:
        with pytest.raises(CommandError, match="for up to 2 sites, this fleet has 3"):
            await around.platform.what_if(DEARER)
