"""The registry of optimizers has an entry for every name that is chosen or shown."""

from pathlib import Path

import pytest

from components.backtest.backtest_panels import LINES
from components.shared.optimizer_labels import maker_of
from components.shared.theme import POLICY_LINES
from mara import optimizer_names
from mara.errors import ConfigError
from mara.optimizer_names import BACKTEST_RATIO, BASELINES, KEYS, LABELS, POLICIES
from mara.optimizers.base import KEEPS, Resumable, memory_of
from mara.optimizers.registry import BUILDERS, companions_of, in_background, optimizer_of
from mara.settings import Settings
from pages.serving.job_runner import WEIGHTS

ROOT = Path(__file__).parents[2]


def test_every_name_is_built_and_shown_and_no_other() -> None:
    assert tuple(BUILDERS) == KEYS
    assert tuple(key for key in LABELS if key != "claude-adjusted") == KEYS
    assert tuple(POLICY_LINES) == POLICIES
    assert [line.channel for line in LINES] == [f"bt-{policy}" for policy in POLICIES]
    assert BACKTEST_RATIO.items() <= WEIGHTS.items()
    assert [maker_of(key) for key in KEYS] == [LABELS[key] for key in KEYS]


def test_the_setting_says_every_name() -> None:
    described = Settings.model_fields["optimizer"].description or ""
    assert [key for key in KEYS if key not in described] == []


@pytest.mark.parametrize("key", KEYS)
def test_an_optimizer_is_built_by_its_name_and_plans_no_world_beside_itself(key: str) -> None:
    # Claude is the linear program until a live run adds advice.
    assert optimizer_of(key).name == ("lp" if key == "claude" else key)
    assert companions_of(key).get(key) is None
    assert (companions_of(key)["no-budgets"] is None) == (key in BASELINES)


def test_an_unknown_name_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(ConfigError, match="static, static-breakeven, rules, lp, claude, got 'best'"):
        optimizer_of("best")


def test_only_an_optimizer_whose_plans_depend_on_earlier_ones_is_resumed() -> None:
    assert [key for key in KEYS if isinstance(optimizer_of(key), Resumable)] == ["lp", "claude"]
    assert [memory_of(optimizer_of(key)) for key in KEYS] == [None] * len(KEYS)


def test_the_plans_of_a_run_stay_in_force_when_it_goes_live() -> None:
    program, rules = optimizer_of("lp", budgets=KEEPS), optimizer_of("rules", budgets=KEEPS)
    assert in_background(program).horizon is program
    assert in_background(rules, budgets=KEEPS).optimizer is rules


def test_the_engine_and_its_screens_write_the_name_of_the_baseline_once() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for folder in ("mara", "components", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if '"static-breakeven"' in path.read_text(encoding="utf-8")
    ]
    assert naming == [str(Path(optimizer_names.__file__).relative_to(ROOT))]
