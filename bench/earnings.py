"""Command `python -m bench.earnings`: earnings and bound of policies over a year.

Usage: `python -m bench.earnings --history DIR`. It prints the two tables of the README as Markdown, and rows on
stderr as they come; with `--out` it also writes every figure as JSON. A year at ten sites takes about half an hour of
CPU time.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mara.assembly.backtest import BacktestOrder
from mara.backtests import KnownBounds, compared
from mara.settings import read_settings

USD_PER_MILLION: Final = 1e6
T_PER_MT: Final = 1e6
TIERS: Final = ("premium", "standard", "flexible", "spot")
HEAD: Final = (
    "policy",
    "profit, M USD",
    "LP-accounted, M USD",
    "share of the bound, %",
    "emissions, Mt CO2",
    "Premium, %",
    "Standard, %",
    "Flexible, %",
    "Spot, %",
    "credits, USD",
    "CPU, s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table: a policy with its options."""

    name: str
    policy: str
    horizon_hours: int = 24
    forecast: str = "persistence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load of a table: share of racks promised, and cost of a move over list price."""

    load_share: float
    migration_factor: float


ROWS: Final = (
    Row(name="`static`", policy="static"),
    Row(name="`static-breakeven`", policy="static-breakeven"),
    Row(name="`rules`", policy="rules"),
    Row(name="`lp`, 1 h ahead", policy="lp", horizon_hours=1),
    Row(name="`lp`, 24 h, persistence", policy="lp"),
    Row(name="`lp`, 24 h, perfect forecast", policy="lp", forecast="perfect"),
)
LOADS: Final = (Load(load_share=0.75, migration_factor=1.0), Load(load_share=0.95, migration_factor=10.0))


def main() -> None:
    """Run every row at each load, and print each table as soon as it is complete."""
    options = _options()
    told: list[dict[str, Any]] = []
    for load in LOADS:
        if options.load and load.load_share not in options.load:
            continue
        lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        figures: dict[str, Any] = {}
        for row, figures in _figures(load, options):
            told.append({"row": row.name, "load_share": load.load_share, **figures})
            lines.append(line_of(row, figures))
            print(lines[-1], file=sys.stderr, flush=True)
            if options.out is not None:
                options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        bound_usd = figures["bound_usd"]
        lines.append(f"| the bound | | {bound_usd / USD_PER_MILLION:.2f} | 100.00 |" + " |" * (len(HEAD) - 4))
        print(f"\nLoad {load.load_share:.0%}, moves x {load.migration_factor:g}\n\n" + "\n".join(lines), flush=True)


def line_of(row: Row, figures: dict[str, Any]) -> str:
    """Format a row of the table as Markdown."""
    cpu_s = figures["ticks"] * figures["sites"] / figures["site_steps_per_s"]
    cells = (
        row.name,
        f"{figures['profit_usd'] / USD_PER_MILLION:.2f}",
        f"{figures['lp_profit_usd'] / USD_PER_MILLION:.2f}",
        f"{100 * figures['share_of_bound']:.2f}",
        f"{figures['emissions_t'] / T_PER_MT:.3f}",
        *(f"{100 * figures['sla'][tier]['availability_share']:.2f}" for tier in TIERS),
        f"{figures['cost_usd']['credits']:,.0f}",
        f"{cpu_s:.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def _figures(load: Load, options: argparse.Namespace) -> Iterator[tuple[Row, dict[str, Any]]]:
    known: KnownBounds = {}
    for row in ROWS:
        if options.rows and not any(part in row.name for part in options.rows):
            continue
        settings = read_settings(
            {}, {"history": options.history, "tick_minutes": 60, "horizon_hours": row.horizon_hours}
        )
        order = BacktestOrder(
            from_=options.from_,
            to=options.to,
            load_share=load.load_share,
            migration_factor=load.migration_factor,
            forecast=row.forecast,
        )
        (result,) = compared(settings, order, (row.policy,), with_bound=True, known=known)
        yield row, dict(result.figures)


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.earnings", description=__doc__)
    parser.add_argument("--history", type=Path, required=True, help="a history folder")
    parser.add_argument("--from", dest="from_", type=_day, default=_day("2023-01-01"))
    parser.add_argument("--to", type=_day, default=_day("2024-01-01"))
    parser.add_argument("--load", type=float, nargs="*", help="these loads alone, such as 0.95")
    parser.add_argument("--rows", nargs="*", help="rows whose name holds one of these")
    parser.add_argument("--out", type=Path, help="a JSON file for every figure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
