"""The shipped Prometheus alert rules: silent on a healthy run, firing on faults.

They are evaluated by promtool, at every speed of the run.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from mara.runtime.observe.engine_metrics import BOUNDS_S
from tests.api.record_metrics import RECORDED, RULES, SCRAPE_S, SPEEDS, spoken_of

PROMTOOL: Final = shutil.which("promtool")
END_S: Final = 47 * SCRAPE_S
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here: install prometheus to run the rules"
)
Series = Mapping[str, list[float]]

HALTED: Final = {'mara_engine_state{state="halted"}': 1.0, 'mara_engine_state{state="running"}': 0.0}
FAILING: Final[Mapping[str, Mapping[str, float]]] = {
    "MaraHalted": HALTED,
    "MaraDegraded": {'mara_engine_state{state="degraded"}': 1.0, 'mara_engine_state{state="running"}': 0.0},
    "MaraTicksStand": {"mara_tick_age_seconds": 1_000.0},
    "MaraLoopLag": {f'mara_loop_lag_seconds_bucket{{le="{bound}"}}': 0.0 for bound in BOUNDS_S if bound <= 0.25},
    "MaraFeedStale": {"mara_stale_sources": 1.0},
    "MaraPlanOld": {"mara_plan_age_ticks": 40.0},
    "MaraPromiseBroken": {'mara_sla_contracts_broken{tier="premium"}': 1.0},
    "MaraSitesDown": {"mara_sites_down": 2.0},
    "MaraSiteDown": {"mara_sites_down": 1.0},
    "MaraPromisesBreak": {
        'mara_sla_contracts_broken{tier="standard"}': 6.0,
        'mara_sla_contracts{tier="standard"}': 10.0,
    },
    "MaraDiskNearlyFull": {"mara_disk_free_bytes": 9e8},
    "MaraLogGrows": {"mara_wal_bytes": 6e8},
    "MaraRefusals": {},
    "MaraTriesAgain": {},
}
"""Metrics that differ from a healthy run where a rule must fire, by rule."""
RISING: Final = {"MaraRefusals": "mara_auth_failures_total", "MaraTriesAgain": "mara_restarts_total"}


def recorded(speed: int) -> dict[str, list[float]]:
    found: dict[str, dict[str, list[float]]] = json.loads(RECORDED.read_text())
    return found[str(speed)]


def rule_names() -> list[str]:
    return re.findall(r"alert: (\w+)", RULES.read_text())


def verdict_of(folder: Path, series: Series, expected: Mapping[str, bool]) -> str:
    """Run promtool on the expectations of every rule and minute; empty when all hold."""
    rules = folder / "alerts.yml"
    rules.write_text(RULES.read_text())
    tests: list[dict[str, Any]] = []
    for name, fires in expected.items():
        if not fires:
            tests += [{"eval_time": f"{s}s", "alertname": name, "exp_alerts": []} for s in range(0, END_S + 1, 60)]
    given = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{SCRAPE_S}s",
        "tests": [
            {
                "interval": f"{SCRAPE_S}s",
                "input_series": [
                    {"series": name, "values": " ".join(f"{value:g}" for value in values)}
                    for name, values in series.items()
                ],
                "alert_rule_test": tests,
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0',
                        "eval_time": f"{END_S}s",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for name, fires in expected.items()
                    if fires
                ],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps(given))
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_what_the_rules_name_was_recorded() -> None:
    for speed in SPEEDS:
        assert {name.split("{")[0] for name in recorded(speed)} == spoken_of(), "run tests/api/record_metrics.py again"


@needs_promtool
@pytest.mark.parametrize("speed", SPEEDS)
def test_a_healthy_run_is_silent_at_every_speed(speed: int, tmp_path: Path) -> None:
    assert not verdict_of(tmp_path, recorded(speed), dict.fromkeys(rule_names(), False))


@needs_promtool
@pytest.mark.parametrize("speed", SPEEDS)
def test_a_fleet_without_contracts_is_silent(speed: int, tmp_path: Path) -> None:
    bare = {
        name: [0.0] * len(values) if name.startswith("mara_sla_") else values
        for name, values in recorded(speed).items()
    }
    assert not verdict_of(tmp_path, bare, dict.fromkeys(rule_names(), False))


@needs_promtool
@pytest.mark.parametrize("rule", FAILING)
def test_a_rule_fires_where_what_it_watches_fails(rule: str, tmp_path: Path) -> None:
    series = recorded(300)
    count = len(next(iter(series.values())))
    series |= {name: [value] * count for name, value in FAILING[rule].items()}
    if rule in RISING:
        series[RISING[rule]] = [100.0 * n for n in range(count)]
    assert not verdict_of(tmp_path, series, {rule: True})


def test_every_rule_is_seen_to_fire() -> None:
    assert sorted(FAILING) == sorted(rule_names())
