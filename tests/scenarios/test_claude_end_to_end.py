"""Claude's plan, in the whole program with an imitated service, runs and is shown.

The answer carries a word and numbers that nothing in Mara could have made up; with nobody listening neither appears.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from components.shared.key_figure_history import KeyFigureHistory
from mara.bootstrap import platform_of
from mara.core.snapshot import PlanSnapshot
from mara.optimizers.advisor.evaluator import LOADS, loads_of
from mara.runtime.live.platform import Platform
from mara.runtime.published_state import EngineState
from mara.runtime.replay_check import replayed
from mara.settings import read_settings
from mara.store.access.api_usage import ClaudeCalls
from pages.overview import overview_picture
from tests.architecture.house import ROOT
from tests.claude.fake_messages import FakeMessages, refused_url
from tests.claude.script import JsonObject, Talk, Turn
from tests.forked_program import ended
from tests.runtime.advised import claim, evidence_of, grounded, row
from tests.runtime.made_up import until
from tests.servers import environment

DRAWN = np.random.default_rng(861_204_517)
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
NONCE = "".join(DRAWN.choice(LETTERS, 14))
SHARES = DRAWN.uniform(0.97, 0.995, (10, 3))
"""Shares of the plan in force that the miners of each site may draw."""
MOST_STEPS = 20


MOST_CUT_MW = 0.5


class Answer:
    """Script that recommends a little less mining, in unpredictable words and numbers."""

    def __init__(self) -> None:
        self.rows: list[JsonObject] = []

    def __call__(self, talk: Talk) -> Turn:
        facts = evidence_of(talk)
        cells = [(s, w) for s in range(10) for w in LOADS[:3] if f"E0.s{s + 1:02}_{w}_mw" in facts]
        self.rows = [
            row(f"s{s + 1:02}", w, facts[f"E0.s{s + 1:02}_{w}_mw"] * float(SHARES[s, LOADS.index(w)])) for s, w in cells
        ]
        word = claim(f"The word is {NONCE}, at {{{{E0.s01_price_usd_per_mwh}}}}.", "E0.s01_price_usd_per_mwh")
        return grounded(self.rows, word)


@asynccontextmanager
async def running(folder: Path, url: str, **env: str) -> AsyncIterator[Platform]:
    variables = {
        "ANTHROPIC_API_KEY": "sk-ant-test-canary",
        "ANTHROPIC_BASE_URL": url,
        "MARA_OPTIMIZER": "claude",
        "MARA_HORIZON_HOURS": "3",
        "MARA_SPEED": "1",
        "MARA_DATABASE_URL": f"sqlite:///{folder / 'mara.db'}",
        **env,
    }
    platform = platform_of(read_settings({name: value for name, value in variables.items() if value}))
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()


async def stepped(platform: Platform) -> None:
    """Run one more tick, after the advisor is done with the one before."""
    platform.step(1)
    await asyncio.sleep(0)
    await until(lambda: platform.publisher.read().state is EngineState.PAUSED)
    await asyncio.sleep(0.1)
    assert platform.advisor is not None
    await until(lambda: not (platform.advisor and platform.advisor._background.is_busy), 20.0)


async def stepped_until(platform: Platform, optimizer: str, told: str = "") -> PlanSnapshot:
    """Run ticks until a plan of an optimizer runs and the advisor has a message."""
    for _ in range(MOST_STEPS):
        await stepped(platform)
        snapshot = platform.publisher.read().snapshot
        assert platform.advisor is not None
        if snapshot is not None and snapshot.plan.optimizer == optimizer and told in platform.advisor.state.message:
            return snapshot.plan
    raise AssertionError(f"{optimizer} does not come to run: {platform.advisor and platform.advisor.state}")


def page_of(platform: Platform) -> str:
    return json.dumps(overview_picture(platform.publisher.read(), KeyFigureHistory()), ensure_ascii=False)


async def test_what_claude_says_is_what_runs_is_stored_and_stands_on_the_page(tmp_path: Path) -> None:
    answer = Answer()
    with FakeMessages(answer, key="sk-ant-test-canary") as fake:
        async with running(tmp_path, fake.url) as platform:
            plan = await stepped_until(platform, "claude")
            snapshot = platform.publisher.read().snapshot
            assert snapshot is not None
            stored = loads_of(platform._opened.store.read_model.stored_tick(snapshot.tick).plan_step)
            asked = np.full(stored.shape, np.nan)
            for cell in answer.rows:
                asked[int(cell["site_id"][1:]) - 1, LOADS.index(cell["workload"])] = cell["mw"]
            assert np.nanmax(np.abs(stored - asked)) < 1e-6
            allocation = np.array(
                [[site.air_miner_mw, site.hydro_miner_mw, site.immersion_miner_mw] for site in snapshot.sites]
            )
            # A full grid connection may cut it by what whole contracts draw beyond their planned power, and says so.
            cut = [
                any(f"{site.name}: " in why and "less than" in why for why in plan.reasons) for site in snapshot.sites
            ]
            less = asked[:, :3] - allocation
            assert np.nanmax(np.abs(less[~np.array(cut)])) < 1e-6, "it is what really runs"
            assert np.nanmax(np.abs(less)) < MOST_CUT_MW
            assert sum(cut) <= 1
            assert NONCE in page_of(platform)
            assert any(NONCE in c.text for c in plan.claims)
            run = ClaudeCalls(platform._opened.store).runs(1)[0]
            assert run.request_id == fake.request_ids[-1]
            assert plan.provenance is not None
            assert plan.provenance.request_ids == (fake.request_ids[-1],)
            again = replayed(platform._opened.store.read_model, snapshot.run_id, snapshot.tick)
            assert again.differs == (), "a replay needs nobody to ask"


async def test_with_nobody_listening_neither_its_words_nor_its_plan_appear(tmp_path: Path) -> None:
    async with running(tmp_path, refused_url()) as platform:
        await stepped_until(platform, "lp", told="AI connection lost")
        page = page_of(platform)
        assert NONCE not in page
        assert "AI connection lost" in page
        assert ClaudeCalls(platform._opened.store).runs(1)[0].message == "AI connection lost"


async def test_no_digit_of_an_answer_reaches_the_page_but_from_the_ledger(tmp_path: Path) -> None:
    def answer(talk: Talk) -> Turn:
        said = grounded([row("s01", "air_miner", 1.0)], claim("It saves 987654 dollars.", "E0.s01_price_usd_per_mwh"))
        return replace(said, thinking="I make it 987654 in all.")

    with FakeMessages(answer) as fake:
        async with running(tmp_path, fake.url) as platform:
            await stepped_until(platform, "lp", told="AI answer not grounded")
            assert "987654" not in page_of(platform)


async def test_without_a_key_the_panel_is_complete_and_nothing_is_asked(tmp_path: Path) -> None:
    async with running(tmp_path, refused_url(), ANTHROPIC_API_KEY="") as platform:
        plan = await stepped_until(platform, "lp")
        cells = overview_picture(platform.publisher.read(), KeyFigureHistory())["cells"]
        assert cells["why.maker"] == {"text": "Linear program", "state": "lp"}
        assert "AI not configured" in str(cells["claude.message"])
        assert cells["claude.why_not"] == "AI not configured"
        assert {"climate_savings", "timezone_optimization"} <= {c.kind for c in plan.claims}
        assert all(cells[name] for name in ("why.climate", "why.time_zone", "why.headline", "plan.age"))


WITHOUT_A_KEY = """
import asyncio, socket, sys
asked = []
connect = socket.socket.connect
def watched(self, address):
    asked.append(address)
    return connect(self, address)
socket.socket.connect = watched
from mara.bootstrap import platform_of
from mara.settings import read_settings
async def main():
    env = {"MARA_DATABASE_URL": sys.argv[1], "MARA_OPTIMIZER": "claude", "MARA_HORIZON_HOURS": "2"}
    platform = platform_of(read_settings({**env, "ANTHROPIC_API_KEY": " "}))
    await platform.start()
    platform.step(2)
    await asyncio.sleep(1.5)
    await platform.stop()
asyncio.run(main())
print(sorted(name for name in ("anthropic", "httpx2") if name in sys.modules), asked)
"""


def test_without_a_key_the_client_is_not_even_imported_and_no_socket_is_opened(tmp_path: Path) -> None:
    said = ended(["-c", WITHOUT_A_KEY, f"sqlite:///{tmp_path / 'mara.db'}"], ROOT, environment())
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == "[] []", said.stdout + said.stderr
