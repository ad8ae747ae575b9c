"""Declare which tables and columns `mara db check` covers, and why not others.

A test compares the declaration with every column of the schema.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """The coverage of a table.

    Attributes:
        by: the means by which its rows are checked.
        columns: names of the covered columns; empty where whole rows are, whatever their columns.
        not_covered: columns whose change goes unseen, each with the reason that this may be so.
    """

    by: str
    columns: str = ""
    not_covered: dict[str, str] = field(default_factory=dict)


_CHAIN: Final = "hash chain of the ticks, while raw rows are kept"
_SEAL: Final = "seal of the tick that wrote the row"
_STAMP: Final = "wall time that the database stamps; nothing is worked out from it"
_RIGHT: Final = "digest in the line of the access log that made the row"
_CLAUDE: Final = "digest in the row, numbers without a gap; the newest within the current hour may go unseen"

_METER: Final = "told by a meter and compared with the plan; no figure of the run follows from it"
_OFFER: Final = "an open offer, looked at again when it is booked"
_ANSWER: Final = "a first answer, kept to be repeated"

COVERAGE: Final[dict[str, Cover]] = {
    "alembic_version": Cover(by="another schema is refused", columns="version_num"),
    "runs": Cover(
        by="worked out from the charter, sealed with the first tick",
        columns="number run_id seed fleet_name fleet_hash start_epoch_s tick_minutes optimizer feed history_hash "
        "terms charter version",
        not_covered={"stored_at": _STAMP},
    ),
    "site_inventories": Cover(by="worked out from the charter"),
    "engine_state": Cover(
        by="stands where the ticks end",
        columns="number seq tick_hash",
        not_covered={"writer_run": "counts writers, so that only the newest goes on; no figure follows from it"},
    ),
    "engine_parts": Cover(by="hash chain and seal of the last tick", columns="part content content_hash"),
    "checkpoints": Cover(by="hash chain, and the calendar for what must be there", columns="tick kept content"),
    "ticks": Cover(
        by="hash chain; totals from the ledger; time from the clock of the run",
        columns="tick epoch_s revenue_micro_usd cost_micro_usd energy_cost_micro_usd commands raw_hash kept_hash "
        "world_hash tick_hash seal",
    ),
    "prices": Cover(by=_CHAIN),
    "markets": Cover(by=_CHAIN),
    "allocations": Cover(by=_CHAIN),
    "meters": Cover(by=_CHAIN),
    "ledger": Cover(by="hash chain of the ticks, trial balance of each row"),
    "ledger_days": Cover(by="worked out again from the ledger"),
    "hourly": Cover(by="seal of the next tick; the newest hour is worked out again"),
    "plans": Cover(by=f"hash chain and {_SEAL}"),
    "sla_contracts": Cover(by=_SEAL),
    "sla_intervals": Cover(by=_SEAL),
    "sla_windows": Cover(by=_SEAL),
    "optimization_runs": Cover(
        by=_SEAL, not_covered={"solve_wall_s": "measured wall time, which differs between equal runs"}
    ),
    "daily_gains": Cover(by=_SEAL),
    "events": Cover(by=f"{_SEAL}, while raw rows are kept"),
    "audit": Cover(
        by="hash chain of its own, and the orders of each tick",
        columns="number tick actor address action before_hash after_hash previous_hash entry_hash",
        not_covered={"stored_at": _STAMP},
    ),
    "rules_in_force": Cover(
        by="hash chain of its own, whose end the seals know",
        columns="number from_tick rules_version mara_version previous_hash entry_hash",
    ),
    "orders": Cover(
        by="hash chain of its own, whose end the seals know; the newest within the current hour may go unseen",
        columns="number kind about command answer actor address ordered_tick repeat_key previous_hash entry_hash",
        not_covered={"stored_at": _STAMP},
    ),
    "order_outcomes": Cover(
        by="the orders that each tick obeyed",
        columns="number tick outcome",
        not_covered={"reason": "told to whoever ordered; no figure follows from it"},
    ),
    "alert_log": Cover(
        by="hash chain of its own, whose end the seals know; the newest within the current hour may go unseen",
        columns="number alert change kind subject severity text at_risk_micro_usd tick epoch_s until_epoch_s actor "
        "address previous_hash entry_hash",
        not_covered={"stored_at": _STAMP},
    ),
    "quotes": Cover(
        by="nothing: offers of an hour, and a booking is worked out again",
        not_covered=dict.fromkeys(("number", "quote_id", "asked", "offered"), _OFFER),
    ),
    "answers": Cover(
        by="nothing: they are told again to whoever repeats a request, and no figure follows from them",
        not_covered=dict.fromkeys(("number", "place", "body_hash", "status", "headers", "body"), _ANSWER),
    ),
    "signal_log": Cover(
        by="hash chain of its own, whose end the seals know; the newest within the current hour may go unseen",
        columns="number at_epoch_ms tick kind site_id machine_group actor address reason before_state after_state "
        "previous_hash entry_hash",
        not_covered={"stored_at": _STAMP},
    ),
    "telemetry": Cover(
        by="nothing: what meters told, deleted after 90 days",
        not_covered=dict.fromkeys(
            (
                "number",
                "site",
                "machine_group",
                "at_epoch_ms",
                "known_at_epoch_ms",
                "power_w",
                "hashrate_ths",
                "rate_tokens_per_s",
                "quality",
            ),
            _METER,
        ),
    ),
    "users": Cover(by=_RIGHT, columns="name role password_hash"),
    "tokens": Cover(by=_RIGHT, columns="digest name role expires_epoch_s"),
    "sessions": Cover(by=_RIGHT, columns="digest name role expires_epoch_s"),
    "access_log": Cover(
        by="hash chain of its own; lines at its end that changed no right may go unseen within the current hour",
        columns="number at_epoch_s actor address action previous_hash entry_hash changes",
    ),
    "claude_requests": Cover(
        by=_CLAUDE,
        columns="number asked_epoch_s most_micro_usd cost_micro_usd request_id row_hash",
    ),
    "claude_runs": Cover(
        by=_CLAUDE,
        columns="number asked_epoch_s tick outcome message model request_id snapshot_hash prompt_version "
        "cost_micro_usd row_hash",
    ),
}
"""Coverage by table; a test fails for a table or column that is missing here."""

BEYOND: Final = (
    "whoever changes a row and works out all hashes after it anew: keep backups where that matters",
    "the newest ticks taken away with everything that belongs to them, as an older backup would be",
    "raw rows past their retention: a replay from the month's checkpoint proves those ticks",
)
"""Changes that no check of a single database can find."""


def told() -> Iterator[str]:
    """Describe the coverage in lines of text."""
    yield "covered:"
    yield from (f"  {table}: {cover.by}" for table, cover in COVERAGE.items())
    yield "not covered:"
    for table, cover in COVERAGE.items():
        yield from (f"  {table}.{column}: {reason}" for column, reason in cover.not_covered.items())
    yield from (f"  {reason}" for reason in BEYOND)
