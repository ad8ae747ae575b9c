"""Configuration of the advisor from the settings: key, optimizer and model."""

import pytest

from mara.runtime.advisor.config import NEEDS_LP, acceptance_limits_of, advisor_config_of
from mara.settings import read_settings

KEY = {"ANTHROPIC_API_KEY": "sk-ant-test"}


@pytest.mark.parametrize("env", [{}, {"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_API_KEY": " \n"}])
def test_without_a_key_there_is_nobody_to_ask(env: dict[str, str]) -> None:
    engaged = advisor_config_of(read_settings({"MARA_OPTIMIZER": "claude", **env}))
    assert (engaged.client, engaged.off) == (None, "AI not configured")


@pytest.mark.parametrize(("optimizer", "is_automatic"), [("lp", False), ("claude", True)])
def test_with_a_key_it_is_asked_by_hand_with_lp_and_by_itself_with_claude(optimizer: str, is_automatic: bool) -> None:
    engaged = advisor_config_of(read_settings({"MARA_OPTIMIZER": optimizer, **KEY}))
    assert engaged.client is not None
    assert engaged.off == ""
    assert engaged.is_automatic is is_automatic


def test_rules_cannot_be_measured_against_so_nobody_advises_them() -> None:
    engaged = advisor_config_of(read_settings({"MARA_OPTIMIZER": "rules", **KEY}))
    assert (engaged.client, engaged.off) == (None, NEEDS_LP)


@pytest.mark.parametrize("model", ["claude-3-5-sonnet", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet-latest"])
def test_the_model_that_is_gone_is_replaced_by_the_default_with_one_warning(
    model: str, caplog: pytest.LogCaptureFixture
) -> None:
    engaged = advisor_config_of(read_settings({"MARA_CLAUDE_MODEL": model, **KEY}))
    assert engaged.model == "claude-sonnet-5-5"
    assert [record.getMessage() for record in caplog.records] == [
        f"{model} is retired: claude-sonnet-5-5 is asked instead"
    ]


def test_budgets_and_bands_are_those_of_the_settings() -> None:
    env = {
        "MARA_CLAUDE_BUDGET_USD_PER_HOUR": "0.5",
        "MARA_CLAUDE_MAX_REGRET_SHARE": "0.01",
        "MARA_SLA_FLEXIBILITY": "false",
    }
    settings = read_settings(env)
    assert advisor_config_of(settings).budget.usd_per_hour == 0.5
    assert acceptance_limits_of(settings).regret_share == 0.01
    assert not acceptance_limits_of(settings).budgets.spends
    assert not advisor_config_of(settings).budgets.spends
