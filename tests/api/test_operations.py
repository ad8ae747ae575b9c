"""The shipped dashboard, alert rules and service unit name what Mara really has.

Metrics and commands that they mention exist.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mara.api.routes.metrics import FleetCollector, metrics_text
from mara.core.snapshot import AdvisorSnapshot
from mara.runtime.clock import SystemClock
from mara.runtime.observe.engine_metrics import EngineMetrics
from mara.runtime.published_state import StatePublisher
from tests.ui.snapshots import snapshot_at

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
NAME = re.compile(r"\bmara_[a-z_]+\b")


class Engine:
    """The parts of a live run that metrics measure."""

    def __init__(self) -> None:
        self.publisher = StatePublisher()
        self.metrics = EngineMetrics()
        self.metrics.last_tick_s = 0.0
        self.publisher.publish(snapshot_at(288))
        self.publisher.tell(AdvisorSnapshot(state="ready", message=""))


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "m.db").write_bytes(b"x" * 4096)
    collector = FleetCollector(Engine(), SystemClock(), tmp_path / "m.db", lambda: 3)  # type: ignore[arg-type]
    return metrics_text(collector).decode()


def spoken_of() -> Iterator[str]:
    dashboard = json.loads((OPERATIONS / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield from NAME.findall(target["expr"])
    for line in (OPERATIONS / "alerts.yml").read_text().splitlines():
        if line.strip().startswith("expr:"):
            yield from NAME.findall(line)


PROMISED = (
    "tick_seq tick_age_seconds tick_duration_seconds_count engine_state restarts_total loop_lag_seconds_count"
    " db_commit_seconds_count wal_bytes db_bytes disk_free_bytes ws_clients claude_requests_total breaker_state"
    " site_power_mw energy_price_usd_per_mwh revenue_usd_per_hour sla_budget_remaining_ticks feed_age_ticks"
    " auth_failures_total"
)


@pytest.mark.parametrize("name", PROMISED.split())
def test_what_is_to_be_measured_is_measured(name: str, text: str) -> None:
    assert re.search(rf"^mara_{name}[ {{]", text, re.MULTILINE)


def test_requests_to_claude_are_counted_by_what_came_of_them() -> None:
    engine = Engine()
    for outcome in ("kept", *["accepted"] * 30):
        engine.metrics.advice_ended(outcome)
    engine.publisher.tell(AdvisorSnapshot(state="resting", message=""))
    collector = FleetCollector(engine, SystemClock(), None, lambda: 0)  # type: ignore[arg-type]
    said = metrics_text(collector).decode()
    assert 'mara_claude_requests_total{outcome="accepted"} 30.0' in said
    assert 'mara_claude_requests_total{outcome="adjusted"} 0.0' in said
    assert 'mara_claude_requests_total{outcome="kept"} 1.0' in said
    assert 'mara_breaker_state{state="open"} 1.0' in said


@pytest.mark.parametrize("name", sorted(set(spoken_of())))
def test_every_metric_of_the_dashboard_and_the_rules_exists(name: str, text: str) -> None:
    assert re.search(rf"^{name}[ {{]", text, re.MULTILINE)


def test_metrics_are_the_snapshots_numbers(text: str) -> None:
    snapshot = snapshot_at(288)
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["mara_tick_seq"]) == 288
    assert float(values["mara_profit_usd_per_hour"]) == pytest.approx(snapshot.profit_usd_per_h)
    for site in snapshot.sites:
        assert float(values[f'mara_site_power_mw{{site="{site.id}"}}']) == pytest.approx(site.site_power_mw)
    assert float(values["mara_db_bytes"]) == 4096
    assert float(values["mara_ws_clients"]) == 3
    assert float(values['mara_engine_state{state="running"}']) == 1


def test_a_duration_falls_into_every_bucket_that_it_stays_under() -> None:
    engine = Engine()
    for duration_s in (0.004, 0.005, 0.2, 60.0):
        engine.metrics.lateness.observe(duration_s)
    collector = FleetCollector(engine, SystemClock(), None, lambda: 0)  # type: ignore[arg-type]
    said = metrics_text(collector).decode()
    assert 'mara_tick_lateness_seconds_bucket{le="0.0025"} 0.0' in said
    assert 'mara_tick_lateness_seconds_bucket{le="0.005"} 2.0' in said
    assert 'mara_tick_lateness_seconds_bucket{le="10.0"} 3.0' in said
    assert 'mara_tick_lateness_seconds_bucket{le="+Inf"} 4.0' in said
    assert "mara_tick_lateness_seconds_count 4.0" in said
    assert "_created" not in said


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here: the unit was not verified")
    unit = tmp_path / "mara.service"
    # The unit's own paths exist on the server alone.
    text = (
        (OPERATIONS / "mara.service")
        .read_text()
        .replace("/opt/mara/.venv/bin/mara", shutil.which("true") or "/bin/true")
    )
    unit.write_text(text)
    verified = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=30, check=False)
    assert verified.returncode == 0, verified.stderr
    assert "mara.service" not in verified.stderr, verified.stderr
