"""Studies: profit and risk of policies over many seeded scenarios."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

import mara
from mara.assembly.worlds import fleet_of_run, is_shipped_history, seeded_feed, terms_of
from mara.core.contract import TARGET_PPM, TIER_KEYS, Tier
from mara.core.snapshot_builder import plays_of
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD, MINUTES_PER_HOUR, PPM
from mara.core.world import RunConfig, first_world
from mara.errors import ConfigError
from mara.feeds.files.history import History
from mara.feeds.files.history_file import read_history
from mara.feeds.synthetic.draws import RandomStream, generator
from mara.optimizer_names import KEYS
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from mara.runtime.worker_pool import WorkerPool
from mara.settings import Settings

MAX_SCENARIOS: Final = 100_000
MAX_DAYS: Final = 366
SEED_BITS: Final = 62
QUANTILES: Final = {"p5": 0.05, "p50": 0.50, "p95": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOrder:
    """The request for a study.

    The result depends on the order alone, not on the workers that compute it.
    """

    scenarios: int
    days: int
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario of a study, with all that a worker needs to run it."""

    number: int
    settings: Settings
    order: StudyOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """The outcome of one policy in one scenario.

    Attributes:
        availability_share: good ticks over ticks that count, by tier; None without contracts.
        daily_profit_usd: profit of each day.
    """

    number: int
    policy: str
    profit_usd: float
    emissions_t: float
    credits_usd: float
    availability_share: dict[str, float | None]
    daily_profit_usd: tuple[float, ...]


def study(
    settings: Settings,
    order: StudyOrder,
    pool: WorkerPool,
    *,
    journal: Path | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run every scenario, and summarise profit and risk by policy.

    With a journal, continue from the results that it holds.

    Raises:
        ConfigError, FeedError: the order, history or journal cannot be used.
        CommandError: workers died several times in a row.
    """
    settings = portable(settings)
    refuse_unusable(settings, order)
    kept = _Journal(journal, fingerprint(settings, order)) if journal is not None else None
    known = kept.outcomes if kept is not None else {}
    done = {number: outcomes for number, outcomes in known.items() if number < order.scenarios}
    tell = on_done or (lambda *_: None)
    tell(len(done), order.scenarios)
    wanted = [Scenario(number=n, settings=settings, order=order) for n in range(order.scenarios) if n not in done]
    for scenario, outcomes in pool.results(outcomes_of, wanted):
        done[scenario.number] = outcomes
        if kept is not None:
            kept.keep(outcomes)
        tell(len(done), order.scenarios)
    return summary_of(settings, order, [done[number] for number in range(order.scenarios)])


def refuse_unusable(settings: Settings, order: StudyOrder) -> None:
    """Refuse an order that no worker could run, before any starts.

    Raises:
        ConfigError, FeedError: there are too many scenarios or days, a policy is unknown, or the history is too short.
    """
    if not 1 <= order.scenarios <= MAX_SCENARIOS:
        raise ConfigError(f"a study has 1 to {MAX_SCENARIOS:,} scenarios, got {order.scenarios}: correct --scenarios")
    if not 1 <= order.days <= MAX_DAYS:
        raise ConfigError(f"a scenario has 1 to {MAX_DAYS} days, got {order.days}: correct --days")
    unknown = [name for name in order.policies if name not in KEYS]
    if unknown or not order.policies:
        names = ", ".join(KEYS)
        raise ConfigError(f"a policy is one of {names}, got {', '.join(unknown) or 'none'}: correct --optimizer")
    if settings.history is not None:
        _starts_count(_history(str(settings.history), settings.trust_units), order)


def outcomes_of(scenario: Scenario) -> tuple[ScenarioResult, ...]:
    """Run every policy over one scenario.

    A pure function of the scenario and the history's files.
    """
    config, seed = _charter_of(scenario)
    return tuple(_outcome(scenario, policy, config, seed) for policy in scenario.order.policies)


def summary_of(settings: Settings, order: StudyOrder, found: Sequence[Sequence[ScenarioResult]]) -> dict[str, Any]:
    """Summarise a study: quantiles over its scenarios, by policy."""
    return {
        "plays": plays_of("replay" if settings.history is not None else "synthetic"),
        "history": str(settings.history) if settings.history is not None else None,
        "scenarios": order.scenarios,
        "days": order.days,
        "tick_minutes": settings.tick_minutes,
        "seed": settings.seed,
        "policies": {policy: _figures([outcomes[p] for outcomes in found]) for p, policy in enumerate(order.policies)},
        "version": mara.__version__,
    }


def portable(settings: Settings) -> Settings:
    """Copy settings for workers: with absolute paths, and without secrets."""
    secrets = {"anthropic_api_key": None, "storage_secret": None, "webhook_url": None, "alert_targets": ""}
    secrets |= {"feed_keys": None, "dispatch_secret": None}
    history = settings.history
    if history is not None and not is_shipped_history(str(history)):
        history = history.absolute()
    file = Path(settings.fleet)
    fleet = {"fleet": str(file.absolute())} if settings.fleet_was_given and file.is_file() else {}
    return settings.model_copy(update={**secrets, **fleet, "history": history, "database_url": "sqlite:///none"})


def fingerprint(settings: Settings, order: StudyOrder) -> str:
    """Hash all inputs that results in one journal must have in common."""
    history = _history_of(settings)
    fleet = fleet_of_run(settings, history)
    parts = {
        "history": history.sha256 if history is not None else "",
        "fleet": {part.name: _text_of(getattr(fleet, part.name)) for part in fields(fleet)},
        "seed": settings.seed,
        "start": settings.start.isoformat(),
        "tick_minutes": settings.tick_minutes,
        "horizon_hours": settings.horizon_hours,
        "terms": repr(terms_of(settings)),
        "token_price": settings.token_price_usd_per_mtok,
        "order": asdict(replace(order, scenarios=0)),
        "version": mara.__version__,
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _text_of(value: object) -> str:
    """Format a value in full, because numpy's own text omits digits and rows."""
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _charter_of(scenario: Scenario) -> tuple[RunConfig, int]:
    """Draw a scenario's configuration and start, and the seed of its random events."""
    settings = scenario.settings
    draw = generator(settings.seed, RandomStream.STUDIES, scenario.number)
    seed = int(draw.integers(0, 2**SEED_BITS))
    history = _history_of(settings)
    start = settings.start
    if history is not None:
        start = history.start + timedelta(hours=int(draw.integers(0, _starts_count(history, scenario.order))))
    fleet = fleet_of_run(settings, history)
    grid = TimeGrid(start=start, tick_minutes=settings.tick_minutes)
    return RunConfig(fleet=fleet, grid=grid, terms=terms_of(settings)), seed


def _outcome(scenario: Scenario, policy: str, config: RunConfig, seed: int) -> ScenarioResult:
    settings, day_ticks = scenario.settings, HOURS_PER_DAY * config.grid.ticks_per_hour
    daily = [0] * scenario.order.days

    def note(tick: int, profit_micro_usd: int) -> None:
        daily[tick // day_ticks] += profit_micro_usd

    totals, _ = backtest(
        config,
        seeded_feed(settings, config, seed, _history_of(settings)),
        optimizer_of(policy),
        first_world(config),
        scenario.order.days * day_ticks,
        horizon_hours=settings.horizon_hours,
        on_profit=note,
    )
    report = totals.report()
    daily[-1] += int(totals.lines_micro_usd.sum()) - sum(daily)  # credits of windows that ended with the last tick
    sla = report["sla"]
    return ScenarioResult(
        number=scenario.number,
        policy=policy,
        profit_usd=sum(daily) / MICRO_USD_PER_USD,
        emissions_t=report["emissions_t"],
        credits_usd=sum(tier["credits_usd"] for tier in sla.values()),
        availability_share={
            tier: figures["availability_share"] if figures["promised_mwh"] > 0.0 else None
            for tier, figures in sla.items()
        },
        daily_profit_usd=tuple(day / MICRO_USD_PER_USD for day in daily),
    )


def _starts_count(history: History, order: StudyOrder) -> int:
    """Count the hours at which a scenario may begin."""
    hours = history.step_count * history.step_minutes // MINUTES_PER_HOUR
    if hours < order.days * HOURS_PER_DAY:
        raise ConfigError(
            f"a scenario of {order.days} days needs as many days of history, {history.folder} has "
            f"{hours / HOURS_PER_DAY:.1f}: give fewer --days, or more history"
        )
    return hours - order.days * HOURS_PER_DAY + 1


def _history_of(settings: Settings) -> History | None:
    """Read the history that the settings name; None for a synthetic world."""
    return _history(str(settings.history), settings.trust_units) if settings.history is not None else None


@lru_cache(maxsize=2)
def _history(folder: str, trusts_units: bool) -> History:
    """Read a history once in each worker."""
    return read_history(Path(folder), trusts_units=trusts_units)


def _figures(outcomes: Sequence[ScenarioResult]) -> dict[str, Any]:
    cumulated = np.array([list(accumulate(outcome.daily_profit_usd)) for outcome in outcomes])
    tiers = {}
    for tier in Tier:
        shares = [share for o in outcomes if (share := o.availability_share[TIER_KEYS[tier]]) is not None]
        target = TARGET_PPM[tier] / PPM
        tiers[TIER_KEYS[tier]] = {
            "availability_share": _quantiles(shares) if shares else None,
            "scenarios_below_target_share": sum(share < target for share in shares) / len(shares) if shares else None,
        }
    return {
        "profit_usd": _quantiles([outcome.profit_usd for outcome in outcomes]),
        "emissions_t": _quantiles([outcome.emissions_t for outcome in outcomes]),
        "credits_usd": _quantiles([outcome.credits_usd for outcome in outcomes]),
        "credits_paid_share": sum(outcome.credits_usd > 0.0 for outcome in outcomes) / len(outcomes),
        "sla": tiers,
        "cumulative_profit_usd": {
            name: [float(value) for value in np.quantile(cumulated, share, axis=0)] for name, share in QUANTILES.items()
        },
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        **{name: float(np.quantile(values, share)) for name, share in QUANTILES.items()},
    }


class _Journal:
    """File of results, one a line; an unfinished last line is ignored."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        try:
            lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
            if lines and lines[0] and json.loads(lines[0])["study"] != fingerprint:
                raise ConfigError(f"{path} holds the results of another study: name another file, or remove it")
            whole = lines[1:-1] if lines else []
            self.outcomes = {outcomes[0].number: outcomes for outcomes in _read(whole)}
            head = json.dumps({"study": fingerprint})
            path.write_text("\n".join([head, *whole, ""]), encoding="utf-8")
        except (ValueError, TypeError, LookupError, OSError) as error:
            raise ConfigError(f"{path} cannot be used to keep results ({error}): name another file") from error

    def keep(self, outcomes: Sequence[ScenarioResult]) -> None:
        """Append a scenario's results, and flush them to the file."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([asdict(outcome) for outcome in outcomes]) + "\n")


def _read(lines: Sequence[str]) -> Iterator[tuple[ScenarioResult, ...]]:
    for line in lines:
        rows: list[Mapping[str, Any]] = json.loads(line)
        yield tuple(ScenarioResult(**{**row, "daily_profit_usd": tuple(row["daily_profit_usd"])}) for row in rows)
