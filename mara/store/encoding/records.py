"""Records that the store takes and returns beside those of the core."""

from dataclasses import dataclass, fields
from hashlib import sha256

from mara.core.commands import Command
from mara.core.market import Terms
from mara.core.plan import PlanStep
from mara.core.world import Observation, RunConfig
from mara.store.encoding.chain import Digests
from mara.store.encoding.codec import bytes_of, text_of

RUN_ID_LENGTH = 12  # hexadecimal digits: 48 bits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunRecord:
    """The identity and configuration of a run, made by `run_record`.

    Attributes:
        stored_at: wall time [epoch s] at which the database stored it; 0 before.
    """

    run_id: str
    seed: int
    config: RunConfig
    fleet_hash: str
    optimizer: str
    feed: str
    history_hash: str
    version: str
    stored_at: int = 0

    @property
    def fleet_name(self) -> str:
        return self.config.fleet.name

    @property
    def start_epoch_s(self) -> int:
        return self.config.grid.start_epoch_s

    @property
    def tick_minutes(self) -> int:
        return self.config.grid.tick_minutes

    @property
    def terms_json(self) -> str:
        return text_of(Terms, self.config.terms)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTick:
    """The inputs of a stored tick and the digests of its results.

    Attributes:
        observation: None once the raw rows have been pruned.
        plan_content, commands_content: plan step and commands as stored bytes.
    """

    tick: int
    observation: Observation | None
    plan_step: PlanStep
    commands: tuple[Command, ...]
    digests: Digests
    tick_hash: bytes
    plan_content: bytes
    commands_content: bytes | None


def run_record(
    config: RunConfig, *, seed: int, optimizer: str, feed: str, history_hash: str = "", version: str
) -> RunRecord:
    """Make the record of a new run; equal inputs give equal run ids."""
    fleet_hash = sha256(bytes_of(config.fleet)).hexdigest()
    grid = config.grid
    return RunRecord(
        run_id=run_id_of(
            seed,
            fleet_hash,
            grid.start_epoch_s,
            grid.tick_minutes,
            text_of(Terms, config.terms),
            feed,
            history_hash,
        ),
        seed=seed,
        config=config,
        fleet_hash=fleet_hash,
        optimizer=optimizer,
        feed=feed,
        history_hash=history_hash,
        version=version,
    )


def run_id_of(*made_of: int | str) -> str:
    """The id of a run: the first hexadecimal digits of a hash of its inputs.

    Args:
        made_of: seed, hash of the fleet, start [epoch s], tick [minutes], terms as stored, feed, hash of the history.
    """
    return sha256(repr(made_of).encode()).hexdigest()[:RUN_ID_LENGTH]


def difference_of(stored: RunRecord, wanted: RunRecord) -> str | None:
    """Describe the first difference that keeps a stored run from resuming as `wanted`.

    None when there is no difference.
    """
    for what, has, asks in (
        ("seed", stored.seed, wanted.seed),
        ("fleet", stored.fleet_name, wanted.fleet_name),
        ("fleet's contents", stored.fleet_hash[:RUN_ID_LENGTH], wanted.fleet_hash[:RUN_ID_LENGTH]),
        ("tick minutes", stored.tick_minutes, wanted.tick_minutes),
        ("start", stored.config.grid.at(0).isoformat(), wanted.config.grid.at(0).isoformat()),
        ("feed", stored.feed, wanted.feed),
        ("history", stored.history_hash[:RUN_ID_LENGTH], wanted.history_hash[:RUN_ID_LENGTH]),
        *_terms_apart(stored.config.terms, wanted.config.terms),
    ):
        if has != asks:
            return f"the stored run {stored.run_id} has the {what} {has}, {asks} was asked for"
    return None


def _terms_apart(stored: Terms, wanted: Terms) -> list[tuple[str, object, object]]:
    """Pair the values of each commercial term, by name."""
    return [(f.name, getattr(stored, f.name), getattr(wanted, f.name)) for f in fields(Terms)]
