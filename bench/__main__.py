"""Command `python -m bench`: measures, prints a table, writes bench/results.json.

Usage: `python -m bench [--full] [--only GROUP …]`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Final

from bench import advance, api, backtest, lp, power, report, signals, store, ui
from bench.peers import apart
from bench.report import Figure
from bench.timing import yardstick

GROUPS: Final[dict[str, Callable[..., Iterator[Figure]]]] = {
    "advance": advance.figures,
    "api": api.figures,
    "backtest": backtest.figures,
    "lp": lp.figures,
    "power": power.figures,
    "signals": signals.figures,
    "store": store.figures,
    "ui": ui.figures,
    "peers": apart.figures,
}


def main() -> None:
    """Measure the groups in turn, and the yardstick before, between and after them."""
    options = _options()
    begun_s = time.monotonic()
    print(report.header())
    figures: list[Figure] = []
    shares = [yardstick()]
    for group in options.only or GROUPS:
        for figure in GROUPS[group](full=options.full):
            figures.append(figure)
            print(report.line(figure), flush=True)
        shares.append(yardstick())
    for name, share in (("best", max(shares)), ("worst", min(shares))):
        figures.append(Figure(name=f"machine.yardstick.{name}_share", value=share, note="speed, 1 = reference machine"))
        print(report.line(figures[-1]))
    report.write(figures)
    missed = sum(figure.verdict == "MISSED" for figure in figures)
    print(f"{missed} missed; {time.monotonic() - begun_s:.0f} s; written to {report.RESULTS.name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the largest cases too")
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), help="these groups alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
