"""Recorder of metrics of a healthy default run, for the test of the alert rules.

Run by hand from the root when a metric that the rules name is new: ``python -m tests.api.record_metrics``. A month of
the default run passes once; it is scraped every fifteen real seconds as if it went at each of the speeds.
"""

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mara.api.routes.metrics import FleetCollector, metrics_text
from mara.assembly.runs import open_run
from mara.core.snapshot import Snapshot
from mara.runtime.observe.alert_inbox import AlertInbox
from mara.runtime.observe.alert_rules import AlertRules, EngineSigns
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.settings import Settings

RECORDED: Final = Path(__file__).with_name("recorded_metrics.json")
RULES: Final = Path(__file__).parents[2] / "docs" / "operations" / "alerts.yml"
SPEEDS: Final = (1, 300, 3_600)
SCRAPE_S: Final = 15
SCRAPES: Final = 48
TICK_S: Final = 300
LAG_S: Final = 0.004
LOOKS_A_SCRAPE: Final = 30


class Scraped:
    """A live run and its clock, of which only the metrics are used, at one speed."""

    def __init__(self, speed: int, database: Path) -> None:
        self.speed = speed
        self.publisher = StatePublisher()
        self.publisher.set_speed(float(speed))
        self.metrics = EngineMetrics()
        self.metrics.last_tick_s = 0.0
        self.series: dict[str, list[float]] = {}
        self._now_s = 0.0
        self._collector = FleetCollector(self, self, database, lambda: 1)  # type: ignore[arg-type]

    def monotonic_s(self) -> float:
        return self._now_s

    def ticks(self) -> Iterator[int]:
        """Yield the newest tick at each scrape."""
        return (n * SCRAPE_S * self.speed // TICK_S for n in range(SCRAPES))

    def scrape(self, snapshot: Snapshot) -> None:
        """Scrape as often as fifteen-second intervals end while a tick is the newest."""
        for n, tick in enumerate(self.ticks()):
            if tick != snapshot.tick:
                continue
            self._now_s = float(n * SCRAPE_S)
            self.metrics.last_tick_s = tick * TICK_S / self.speed
            for _ in range(LOOKS_A_SCRAPE):
                self.metrics.loop_lags.observe(LAG_S)
            self.publisher.publish(snapshot)
            for line in metrics_text(self._collector).decode().splitlines():
                if not line.startswith("#"):
                    name, value = line.rsplit(" ", 1)
                    self.series.setdefault(name, []).append(round(float(value), 3))


def spoken_of() -> set[str]:
    """List the metrics that the alert rules name."""
    lines = RULES.read_text().splitlines()
    return {name for line in lines if "expr:" in line for name in re.findall(r"\bmara_[a-z_]+\b", line)}


def record(database: Path) -> tuple[dict[int, dict[str, list[float]]], list[str]]:
    """Record the series by speed, and the alerts that Mara itself raised in the month."""
    runs, told = [Scraped(speed, database) for speed in SPEEDS], list[str]()
    rules, inbox = AlertRules(), AlertInbox()
    store, engine = open_run(Settings(database_url=f"sqlite:///{database}"))
    engine.counterfactuals = None
    for tick in range(max(max(run.ticks()) for run in runs) + 1):
        reading = engine.read_feed()
        result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
        engine.keep(result)
        snapshot = engine.shown(result, (), "recorded")
        troubles = rules.troubles(PublishedState(version=tick, snapshot=snapshot), EngineSigns())
        for change in inbox.meet(troubles, tick, snapshot.at):
            found = change.trouble
            told.append(f"tick {tick}: {found.severity} {found.kind} {change.change}: {found.text}")
        for run in runs:
            run.scrape(snapshot)
    store.close()
    return {run.speed: run.series for run in runs}, told


def main() -> None:
    """Write the series, and print the alerts."""
    with tempfile.TemporaryDirectory() as folder:
        series, told = record(Path(folder) / "mara.db")
    kept = {s: {n: v for n, v in of.items() if n.split("{")[0] in spoken_of()} for s, of in series.items()}
    RECORDED.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
    counted = Counter(line.split(": ", 2)[1] for line in told)
    sys.stdout.write("\n".join([*told, *(f"{count} {what}" for what, count in sorted(counted.items()))]) + "\n")


if __name__ == "__main__":
    main()
