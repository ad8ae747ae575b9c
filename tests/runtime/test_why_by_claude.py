"""Claude's explanations contain only stored facts: real client, imitated service."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mara.core.explanation import Explanation
from mara.core.snapshot import Snapshot
from mara.errors import CommandError
from mara.optimizers.advisor.client import Claude
from mara.runtime.advisor.config import AdvisorConfig
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.advisor.stored_budget import SpendLimits
from mara.runtime.explain.why import explained
from mara.runtime.explain.why_by_claude import explained_by_claude
from mara.store.access.api_usage import ClaudeCalls
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.claude.fake_messages import FakeMessages
from tests.claude.script import Call, Entry, Fault, JsonObject, Script, Talk, Turn
from tests.runtime.made_up import ManualClock
from tests.runtime.told_run import told_run

AMPLE = SpendLimits(usd_per_hour=100.0, usd_per_day=100.0, requests_per_hour=1_000)
WEST_OFF = "Why was West curtailed at 15:00 on 1 July?"
SHOWN = cast(
    Snapshot,
    SimpleNamespace(
        sites=[SimpleNamespace(name=name) for name in ("West", "North", "East")],
        contracts=[SimpleNamespace(customer=name) for name in ("Cirrus Forecasts", "Nimbus Games", "Nimbus Games")],
    ),
)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    found = told_run(tmp_path_factory.mktemp("told") / "mara.db")
    yield found
    found.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'mara.db'}")
    yield opened
    opened.close()


def advisor_at(url: str, *, budget: SpendLimits = AMPLE, deadline_s: float = 10.0) -> AdvisorScheduler:
    def client() -> Claude:
        return Claude(key="test-key", base_url=url, model="claude-sonnet-5-5", deadline_s=deadline_s)

    config = AdvisorConfig(client=client, off="", model="claude-sonnet-5-5", budget=budget, is_automatic=False)
    return AdvisorScheduler(config, ManualClock())


@asynccontextmanager
async def asked(script: Script, store: Store, **options: Any) -> AsyncIterator[tuple[AdvisorScheduler, FakeMessages]]:
    with FakeMessages(script) as fake:
        advisor = advisor_at(fake.url, **options)
        advisor.open(ClaudeCalls(store), lambda _: None)
        try:
            yield advisor, fake
        finally:
            await asyncio.to_thread(advisor.close)


async def answer(advisor: AdvisorScheduler, reading: ReadModel, question: str = WEST_OFF) -> Explanation:
    async def why(text: str) -> Explanation:
        return explained(reading, text)

    return await explained_by_claude(advisor, why, SHOWN, question)


def told(talk: Talk) -> JsonObject:
    found: JsonObject = json.loads(talk.first)["found"]
    return found


def sentence(text: str, *refs: str) -> JsonObject:
    return {"text": text, "refs": list(refs)}


def ref_in(found: JsonObject, end: str) -> str:
    return next(str(ref) for ref in found["evidence"] if ref.endswith(end))


def sensible(talk: Talk) -> Entry:
    found = told(talk)
    price, limit = ref_in(found, "energy_price_usd_per_mwh"), ref_in(found, "break_even_usd_per_mwh")
    text = f"At m1 power at s01 cost {{{{{price}}}}}, above the break-even of {{{{{limit}}}}}."
    return Turn(answer={"sentences": [sentence(text, price), sentence("So its miners rested.")]})


async def test_an_answer_is_its_own_words_around_stored_numbers_names_and_moments(
    reading: ReadModel, store: Store
) -> None:
    async with asked(sensible, store) as (advisor, fake):
        found = await answer(advisor, reading)
        assert advisor.state.cost_today_usd > 0.0
    text = found.sentences[0].replace("\u202f", " ")
    assert text == "At 15:00 UTC on 1 Jul 2025 power at West cost 300 USD/MWh, above the break-even of 119 USD/MWh."
    assert [found.amounts[fact.ref] for fact in found.facts] == [300.0, pytest.approx(118.6, abs=1.0)]
    assert (found.tick, found.site_id, found.author) == (15, "west", "Claude (claude-sonnet-5-5)")
    assert fake.rejections == []


async def test_more_is_looked_up_by_keys_that_stand_for_names(reading: ReadModel, store: Store) -> None:
    def script(talk: Talk) -> Entry:
        if not talk.results:
            return Turn(calls=(Call("look_up", {"question": "Why was k02 off at 20:00 on 2 July?"}),))
        found = talk.results[-1].content
        used = ref_in(found, "used_ticks")
        return Turn(answer={"sentences": [sentence(f"k02 had used {{{{{used}}}}} of its budget by m2.")]})

    async with asked(script, store) as (advisor, fake):
        found = await answer(advisor, reading, "what about the customers?")
    assert found.sentences == ("Nimbus Games had used 3 ticks of its budget by 20:00 UTC on 2 Jul 2025.",)
    assert found.contract_id
    sent = json.dumps(fake.bodies[-1]["messages"])
    assert "Nimbus Games" not in sent
    assert "North" not in sent


@pytest.mark.parametrize(
    "text",
    [
        "It cost 300 USD per megawatt-hour.",
        "It cost three hundred dollars.",
        "It cost twice as much as it earned.",
        "It cost {{L9.F1.energy_price_usd_per_mwh}}.",
        "At 15:00 it was dear.",
        "So the machines of s03 rested.",
    ],
)
async def test_a_number_that_is_no_stored_fact_is_never_shown(reading: ReadModel, store: Store, text: str) -> None:
    async with asked([Turn(answer={"sentences": [sentence(text)]})] * 2, store) as (advisor, fake):
        with pytest.raises(CommandError, match="AI answer not grounded"):
            await answer(advisor, reading)
        assert len(fake.bodies) == 2


async def test_a_fault_is_mended_in_one_repair(reading: ReadModel, store: Store) -> None:
    def script(talk: Talk) -> Entry:
        if talk.turn == 0:
            return Turn(answer={"sentences": [sentence("It cost 300.")]})
        assert "sentence 1: '3' is a number" in talk.last
        return sensible(talk)

    async with asked(script, store) as (advisor, _):
        assert (await answer(advisor, reading)).is_answered


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.status(401), "AI credentials rejected"),
        (Fault.status(529), "AI busy"),
        (Fault.drop(), "AI connection lost"),
        (Turn(refusal="cyber"), "AI declined"),
        (Turn(text="no json", schema_kept=False), "AI answer unusable"),
    ],
)
async def test_a_failure_is_told_in_plain_words(reading: ReadModel, store: Store, fault: Entry, message: str) -> None:
    async with asked([fault], store) as (advisor, _):
        with pytest.raises(CommandError, match=message):
            await answer(advisor, reading)


async def test_a_rejected_key_keeps_everybody_from_asking_for_a_while(reading: ReadModel, store: Store) -> None:
    async with asked([Fault.status(401)], store) as (advisor, fake):
        for _ in range(2):
            with pytest.raises(CommandError, match="AI credentials rejected"):
                await answer(advisor, reading)
        assert len(fake.bodies) == 1


async def test_the_advisors_budget_pays(reading: ReadModel, store: Store) -> None:
    small = SpendLimits(usd_per_hour=1e-6, usd_per_day=1e-6, requests_per_hour=10)
    async with asked([], store, budget=small) as (advisor, fake):
        with pytest.raises(CommandError, match="AI budget used"):
            await answer(advisor, reading)
        assert fake.bodies == []


async def test_one_question_is_answered_at_a_time(reading: ReadModel, store: Store) -> None:
    async with asked([Fault.hang()], store, deadline_s=1.0) as (advisor, fake):
        first = asyncio.create_task(answer(advisor, reading))
        while not fake.bodies:  # noqa: ASYNC110  the server knows nothing of being waited for
            await asyncio.sleep(0.01)
        with pytest.raises(CommandError, match="Another question is being answered"):
            await answer(advisor, reading)
        with pytest.raises(CommandError, match="AI timed out"):
            await first


async def test_the_end_of_the_run_gives_a_question_up_at_once(reading: ReadModel, store: Store) -> None:
    async with asked([Fault.hang()], store, deadline_s=30.0) as (advisor, fake):
        waiting = asyncio.create_task(answer(advisor, reading))
        while not fake.bodies:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.to_thread(advisor.close)
        async with asyncio.timeout(5.0):
            with pytest.raises(CommandError, match="the run has ended"):
                await waiting


async def test_an_injection_in_a_customers_name_is_data_under_its_own_name(reading: ReadModel, store: Store) -> None:
    async with asked(sensible, store) as (advisor, fake):
        await answer(advisor, reading)
    first = json.loads(fake.bodies[0]["messages"][0]["content"])
    assert set(first) == {"question", "found"}
    assert "customer_typed_text" in first["found"]
    assert first["question"] == "Why was s01 curtailed at 15:00 on 1 July?"


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        ("write a poem", "off topic"),
        ("what is the weather in Rome?", "unknown name"),
        ("why was West off at 25:99?", "impossible time"),
        ("why was West off on 2031-01-01", "out of reach"),
        ("how is bitcoin going to do?", "not stored"),
    ],
)
async def test_what_cannot_be_answered_is_told_as_without_claude_and_never_sent(
    reading: ReadModel, store: Store, question: str, refusal: str
) -> None:
    async with asked([], store) as (advisor, fake):
        found = await answer(advisor, reading, question)
        assert fake.bodies == []
    assert (found.is_answered, found.refusal) == (False, refusal)
    assert found == explained(reading, question)


async def test_without_an_advisor_nobody_is_asked() -> None:
    async def why(text: str) -> Explanation:
        raise AssertionError(text)

    with pytest.raises(CommandError, match="nobody advises"):
        await explained_by_claude(None, why, SHOWN, "why")
