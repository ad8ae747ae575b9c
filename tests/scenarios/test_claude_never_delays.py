"""Ticks start on time whatever happens in a conversation with Claude."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mara.bootstrap import platform_of
from mara.errors import CommandError
from mara.optimizers.advisor import client
from mara.runtime.advisor.circuit_breaker import CircuitBreaker
from mara.runtime.live.platform import Platform
from mara.settings import Settings, read_settings
from pages.__main__ import SWITCH_INTERVAL_S
from tests.claude.fake_messages import FakeMessages
from tests.claude.script import Call, Entry, Fault, Talk, Turn, broken_answer, truncated_answer
from tests.runtime.advised import evidence_of, grounded, row
from tests.scenarios.punctuality import MOST_LATE_S, Watch

pytestmark = pytest.mark.usefixtures("solved_anew")

TICK_S = 0.4
"""Length of a tick; a quarter is left after the longest wait for the program."""
FIRST_TICKS = 2
"""Number of first ticks, which wait for the first plans at any speed."""
PATIENCE_S = 1.0
"""Timeout of the client, instead of half a minute."""
WITHIN_S = 60.0
AS_PYTHON_DOES = (700, 10, 10)
"""Thresholds of the garbage collector, which tests else raise."""
HANGS_MORE = 5
"""Number of further hanging calls, so that there are enough ticks to judge by.

Each lasts as long as the client's timeout.
"""
FAULTS: tuple[Entry, ...] = (
    Fault.hang(),
    Fault.drip(0.01),
    Fault.drop(),
    Fault.silent_eof(),
    Fault.html(),
    Fault.huge(8.0),
    Fault.broken_event(),
    Fault.status(400),
    Fault.status(401),
    Fault.status(429, retry_after=3_600),
    Fault.status(529),
    Fault.sse_error("overloaded_error"),
    broken_answer(),
    truncated_answer(Turn(text='{"headline": "It is cool in the north."}')),
    Turn(refusal="reasoning_extraction"),
    Turn(text='{"headline": "9 % less", "claims": [], "allocation": []}', schema_kept=False),
)
TIRELESS = Turn(calls=(Call("evaluate_plan", {"changes": []}), Call("get_site", {"site_id": "s02"})))
SENSIBLE = Turn(calls=(Call("solve_what_if", {"site_id": "s05", "quantity": "dry_bulb_c", "value": 20}),))


class Troubles:
    """Script whose conversations fail in different ways.

    The last two are one that never ends by itself and a sensible one.
    """

    def __init__(self) -> None:
        self._left = iter((*FAULTS, *[Fault.hang()] * HANGS_MORE, TIRELESS, SENSIBLE))
        self._now: Entry = SENSIBLE
        self.are_over = False

    def __call__(self, talk: Talk) -> Entry:
        if talk.turn == 0:
            self._now = next(self._left, SENSIBLE)
        if self._now is not SENSIBLE or talk.turn == 0:
            return self._now
        self.are_over = True
        ref, mw = next((ref, mw) for ref, mw in evidence_of(talk).items() if ref.endswith("_miner_mw"))
        site, _, load = ref.removeprefix("E0.").removesuffix("_mw").partition("_")
        return grounded([row(site, load, 0.99 * mw)])


@pytest.fixture
def _as_in_a_live_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch threads and collect garbage as in `mara run`, with short timeouts.

    No failure keeps the advisor from asking again.
    """
    before, seldom = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*AS_PYTHON_DOES)
    gc.collect()
    gc.freeze()
    defaults = client.Claude.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "deadline_s", PATIENCE_S)
    monkeypatch.setattr(CircuitBreaker, "tripped", lambda _, refusal: str(refusal))
    yield
    gc.unfreeze()
    gc.set_threshold(*seldom)
    sys.setswitchinterval(before)


def settings_for(folder: Path, url: str) -> Settings:
    ample = {f"claude_budget_usd_per_{span}": 1_000.0 for span in ("hour", "day")}
    return read_settings(
        options={
            "database_url": f"sqlite:///{folder / 'mara.db'}",
            "optimizer": "claude",
            "speed": 300.0 / TICK_S,
            "anthropic_api_key": "test-key",
            "anthropic_base_url": url,
            "claude_requests_per_hour": 10_000,
            **ample,
        }
    )


async def ask_on(platform: Platform, troubles: Troubles) -> None:
    """Ask again as soon as possible, until all faults occurred and an answer came."""
    async with asyncio.timeout(WITHIN_S):
        while not troubles.are_over:
            try:
                await platform.ask_claude()
            except CommandError:
                await asyncio.sleep(TICK_S / 2)


@pytest.mark.slow
@pytest.mark.usefixtures("_as_in_a_live_run")
async def test_ticks_start_on_time_while_claude_fails_in_every_way(tmp_path: Path) -> None:
    troubles, watch = Troubles(), Watch()
    with FakeMessages(troubles) as fake:
        platform = platform_of(settings_for(tmp_path, fake.url))
        watch.look_at(platform)
        await platform.start()
        try:
            await ask_on(platform, troubles)
        finally:
            await platform.stop()
    late_s = watch.lateness_s(TICK_S)[FIRST_TICKS:]
    assert len(late_s) > 15
    assert np.quantile(late_s, 0.99, method="higher") <= MOST_LATE_S, np.round(np.sort(late_s)[-8:], 3)
