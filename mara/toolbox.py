"""Read-only tools over a stored run, for assistants.

The tools are independent of the protocol that offers them. Text that users may have typed (names, and sentences with
names) stands only under `customer_typed_text`, cut short, so that a reader can separate it from what Mara computed.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mara.api.routes.json_values import json_value, plain_of
from mara.assembly.runs import read_only_run
from mara.core.contract import TierKey
from mara.core.fleet import site_index
from mara.core.market import RegionKey
from mara.core.plan import Plan, Problem
from mara.core.quote import OutageRecord, QuoteRequest
from mara.core.snapshot import ForecastSnapshot, Snapshot
from mara.core.snapshot_builder import forecast_snapshot, snapshot_of
from mara.errors import MaraError, PlanRejected, StoreRefused
from mara.optimizers.advisor.evaluator import evaluator_of
from mara.optimizers.advisor.facts import site_key
from mara.optimizers.advisor.tools import TOOLS as BENCH_TOOLS
from mara.optimizers.advisor.tools import ToolAnswer, ToolSession
from mara.runtime.explain.why import explained
from mara.runtime.live.quote_desk import quote_now
from mara.runtime.replay_check import replayed
from mara.runtime.tick.day_start import day_start_of
from mara.runtime.tick.engine import TickEngine
from mara.settings import Settings
from mara.store.read import promises, series
from mara.store.read.decisions import Decisions
from mara.store.read.metrics import Metric
from mara.store.read.read_model import ReadModel

MOST_CONTRACTS: Final = 100
MOST_POINTS: Final = 400
MOST_EVENTS: Final = 20
MOST_TEXT_CHARACTERS: Final = 300
"""Most characters of a text that a user may have typed."""
MOST_ANSWERS_A_LEDGER: Final = 200
"""Answers of the plan evaluator that share one ledger of facts."""
SITE_FIELD: Final = "site_id"
TYPED: Final = "customer_typed_text"
TYPED_FIELDS: Final = frozenset(
    {"name", "site_name", "country", "customer", "text", "headline", "reasons", "note", "why", "refusal", "sentences"}
    | {"label", "local_text", "question", "can_ask", "claims", "fleet_name", "customers", "taken_as"}
)


class Arguments(BaseModel):
    """Base class of tools' arguments; unknown fields and wrong types are refused.

    `about` describes the tool to the model that calls it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    about: ClassVar[str]


class GetSnapshot(Arguments):
    """Arguments of `get_snapshot`."""

    about = (
        "The fleet in the last stored tick: money, power, prices and weather by site, promises by tier, the plan in "
        "force with its reasons, the newest events. A site is named to every tool by its `id` or its name; "
        "get_site, evaluate_plan and solve_what_if take its `key` too, by which they tell their facts."
    )


class ListContracts(Arguments):
    """Arguments of `list_contracts`."""

    about = (
        "Booked power contracts, newest first: tier, power, rate, life, good and bad ticks, credits. `waiting` ones "
        "are confirmed and on disk, and start with the next tick."
    )
    state: Annotated[Literal["waiting", "live", "ended", "all"], Field(description="Which of them.")] = "live"
    limit: Annotated[int, Field(ge=1, le=MOST_CONTRACTS)] = 50


class GetHistory(Arguments):
    """Arguments of `history`."""

    about = "One number over time, of a site or of the whole fleet: mean, least and greatest in each bucket of time."
    metric: Annotated[Literal[*(metric.value for metric in Metric)], Field(description="Which number; unit last.")]  # type: ignore[valid-type]
    site_id: Annotated[str | None, Field(description="A site's id or name; empty for the fleet.")] = None
    from_: Annotated[str | None, Field(alias="from", description="First instant, ISO 8601 with zone, inclusive.")] = (
        None
    )
    to: Annotated[str | None, Field(description="Last instant, ISO 8601 with zone, exclusive.")] = None
    max_points: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 100


class AskWhy(Arguments):
    """Arguments of `why`."""

    about = (
        "Why something was as it was, from stored decisions: a site curtailed or down, a contract off, a move, a "
        "refusal, a credit, money, a plan, a price; sites or periods compared, gains against the rules, who ordered, "
        "error budgets, carbon, PUE, prices expected. Times are simulated, UTC unless local time is said. The answer "
        "tells what was understood, and the kind of refusal where there is none."
    )
    question: Annotated[str, Field(max_length=300, description="As an operator asks: Why was Texas off at 14:00?")]


class GetQuote(Arguments):
    """Arguments of `quote`."""

    about = (
        "What one more contract would cost and where it would run, with its risk, or why it is refused and what "
        "would fit instead. Nothing is booked."
    )
    tier: TierKey
    power_mw: Annotated[float, Field(gt=0, le=100_000, strict=False, description="IT power on inference racks.")]
    hours: Annotated[float, Field(gt=0, le=100_000, strict=False, description="How long, from the next tick on.")]
    region: Annotated[Literal["", RegionKey], Field(description="Whose months count.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool as it is offered: `schema` is the JSON schema of its arguments."""

    name: str
    about: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunState:
    """The run as last read, before tick `tick`."""

    tick: int
    engine: TickEngine
    record: OutageRecord


class Toolbox:
    """Answers tool calls from the newest stored tick of a run, which may be live.

    It may be used by one thread at a time only.

    Raises:
        StoreRefused: there is no stored run, or one of another version.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reading = ReadModel.open(settings.database_url)
        self._sites = self._reading.run().config.fleet.sites
        self._standing: RunState | None = None
        self._inquiry: ToolSession | None = None
        self._answers_count = 0
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        self._reading.close()

    def offered(self) -> tuple[Offered, ...]:
        """All tools, each with its description and schema."""
        own = (Offered(name=n, about=a.about, schema=a.model_json_schema(by_alias=True)) for n, (a, _) in _OWN.items())
        count = len(self._sites)
        bench = (Offered(name=t.name, about=t.description, schema=_any_site(t.schema(count))) for t in BENCH_TOOLS)
        return (*own, *bench)

    def answer(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a tool; an error in the call becomes an answer in words."""
        try:
            if name in _OWN:
                shape, work = _OWN[name]
                return ToolAnswer(content=_apart(work(self, shape.model_validate(arguments))))
            return self._on_bench(name, arguments)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            return _wrong(f"{where}: {first['msg']}" if where else first["msg"])
        except MaraError as error:
            return _wrong(str(error))

    def snapshot(self, _: GetSnapshot) -> dict[str, Any]:
        """Snapshot of the last stored tick, without contracts."""
        tick = self._last_tick()
        if self._snapshot is None or self._snapshot.tick != tick:
            self._snapshot = _snapshot_of(self._reading, tick)
        found = json_value(asdict(replace(self._snapshot, contracts=())))
        del found["contracts"]
        for place, site in enumerate(found["sites"]):
            site["key"] = site_key(place)
        return dict(found)

    def contracts(self, asked: ListContracts) -> dict[str, Any]:
        """List the contracts."""
        rows = promises.contracts(self._reading, asked.state, asked.limit)
        return {"tick": self._last_tick(), "contracts": [json_value(asdict(row)) for row in rows]}

    def history(self, asked: GetHistory) -> dict[str, Any]:
        """Read a metric over time.

        Raises:
            PlanRejected: a time cannot be read, or the span ends before it begins.
        """
        first, end = _moment(asked.from_, "from"), _moment(asked.to, "to")
        if first is not None and end is not None and first > end:
            raise PlanRejected(f"a span ends after it begins, {asked.from_} up to {asked.to} came: swap them")
        found = series.history(self._reading, str(asked.metric), asked.site_id, first, end, asked.max_points)
        return dict(json_value(asdict(found)))

    def why(self, asked: AskWhy) -> dict[str, Any]:
        """Answer a why-question from stored decisions.

        Raises:
            StoreRefused: the decisions asked about cannot be read.
        """
        return dict(json_value(asdict(explained(self._reading, asked.question, self._forecast))))

    def _forecast(self) -> ForecastSnapshot:
        """Forecast of the stored run's feed before its next tick."""
        engine = self._standing_now().engine
        return forecast_snapshot(engine.read_feed().forecast, engine.config)

    def quote(self, asked: GetQuote) -> dict[str, Any]:
        """Price a contract by a quote that cannot be booked.

        Raises:
            CommandError, FeedError, PlanError: nothing can be quoted; see `quote_now`.
        """
        now = self._standing_now()
        ask = QuoteRequest(tier=asked.tier, power_mw=asked.power_mw, duration_h=asked.hours, region=asked.region)
        return plain_of(quote_now(now.engine, now.record, ask))

    def _on_bench(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        if name not in {tool.name for tool in BENCH_TOOLS}:
            return _wrong(f"there is no tool {name[:40]!r}: use {', '.join(tool.name for tool in self.offered())}")
        now = self._standing_now()
        if self._inquiry is None or self._answers_count >= MOST_ANSWERS_A_LEDGER:
            self._inquiry, self._answers_count = ToolSession(evaluator_of(self._problem(now), self._plan(now))), 0
        self._answers_count += 1
        found = self._inquiry.answer(name, self._keyed(arguments))
        return replace(found, content={"tick": now.tick, **found.content})

    def _keyed(self, value: Any) -> Any:
        """Replace sites given by id or name by the evaluator's keys."""
        if isinstance(value, list):
            return [self._keyed(held) for held in value]
        if not isinstance(value, Mapping):
            return value
        return {name: self._key_of(held) if name == SITE_FIELD else self._keyed(held) for name, held in value.items()}

    def _key_of(self, named: Any) -> Any:
        keys = {site_key(place) for place in range(len(self._sites))}
        if not isinstance(named, str) or (named in keys and all(site.id != named for site in self._sites)):
            return named
        return site_key(site_index(self._sites, named))

    def _problem(self, now: RunState) -> Problem:
        return now.engine.problem(now.engine.read_feed())

    def _plan(self, now: RunState) -> Plan:
        """Return the last stored tick's plan, taken as the plan in force."""
        if now.tick == 0:
            raise PlanRejected("no plan is in force before the first tick: run `mara simulate` or `mara run` first")
        stored = self._reading.stored_tick(now.tick - 1)
        return Plan(optimizer="stored", made_tick=now.tick, steps=(stored.plan_step,))

    def _standing_now(self) -> RunState:
        """Return the newest state, and drop results for an older one."""
        tick = self._reading.next_tick()
        if self._standing is None or self._standing.tick != tick:
            engine, record = read_only_run(self._settings)
            self._standing, self._inquiry = RunState(tick=engine.world.tick, engine=engine, record=record), None
        return self._standing

    def _last_tick(self) -> int:
        tick = self._reading.next_tick() - 1
        if tick < 0:
            raise StoreRefused("the stored run has no tick yet: run `mara simulate` or `mara run` first")
        return tick


_OWN: Final[dict[str, tuple[type[Arguments], Callable[[Toolbox, Any], dict[str, Any]]]]] = {
    "get_snapshot": (GetSnapshot, Toolbox.snapshot),
    "list_contracts": (ListContracts, Toolbox.contracts),
    "history": (GetHistory, Toolbox.history),
    "why": (AskWhy, Toolbox.why),
    "quote": (GetQuote, Toolbox.quote),
}


def _any_site(schema: Any) -> Any:
    """Return a tool's schema that takes sites by id or name.

    The evaluator itself knows sites by number only.
    """
    if isinstance(schema, list):
        return [_any_site(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    open_one = {"type": "string", "description": "A site's id, name, or key."}
    return {name: open_one if name == SITE_FIELD else _any_site(part) for name, part in schema.items()}


def _snapshot_of(reading: ReadModel, tick: int) -> Snapshot:
    """Snapshot of a stored tick, computed again from the stored inputs."""
    run, adopted = reading.run(), Decisions(reading).plan(tick)
    step = replayed(reading, run.run_id, tick).step
    plan = Plan(
        optimizer=adopted.optimizer if adopted is not None else "",
        made_tick=adopted.adopted_tick if adopted is not None else tick,
        steps=(step.plan,),
        objective_usd=adopted.objective_usd if adopted is not None else None,
        bound_usd=adopted.bound_usd if adopted is not None else None,
        note=adopted.note if adopted is not None else "",
    )
    events = tuple(reversed(reading.events(MOST_EVENTS)))
    day_start = day_start_of(reading, step.world, run.config.grid)
    return snapshot_of(
        step,
        plan,
        events,
        run.config,
        run.run_id,
        dawn_micro_usd=day_start.cash_micro_usd if day_start is not None else None,
        feed=run.feed,
    )


def _apart(value: Any) -> Any:
    """Move text that users may have typed under `customer_typed_text`."""
    if isinstance(value, list):
        return [_apart(held) for held in value]
    if not isinstance(value, dict):
        return value
    typed = {key: _cut(held) for key, held in value.items() if key in TYPED_FIELDS and held not in (None, "", [], ())}
    rest = {key: _apart(held) for key, held in value.items() if key not in TYPED_FIELDS}
    return {**rest, TYPED: typed} if typed else rest


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(letter if letter.isprintable() else " " for letter in value)[:MOST_TEXT_CHARACTERS]
    if isinstance(value, list):
        return [_cut(held) for held in value]
    return {key: _cut(held) for key, held in value.items()} if isinstance(value, dict) else value


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise PlanRejected(f"{name} must be an instant with its time zone such as 2025-07-01T12:00Z, got {text[:40]!r}")


def _wrong(message: str) -> ToolAnswer:
    return ToolAnswer(content={"error": message}, is_error=True)
