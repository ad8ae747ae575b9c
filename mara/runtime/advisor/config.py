"""The advisor's configuration: whether Claude can be asked, and on what terms."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mara.optimizers.advisor.advised import AcceptanceLimits
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.runtime.advisor.consultation import Client
from mara.runtime.advisor.stored_budget import SpendLimits
from mara.settings import Settings

ADVISED: Final = ("lp", "claude")
"""Optimizers that advice can be measured against.

With `claude` advice is asked for automatically, with `lp` on a click.
"""
NOT_CONFIGURED: Final = "AI not configured"
NEEDS_LP: Final = "Claude advises the linear program: start with --optimizer claude"
GONE_PREFIX: Final = "claude-3-5-sonnet"
"""Models retired on 28 October 2025, whose names still stand in many settings."""

log = logging.getLogger("mara.advisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorConfig:
    """Terms on which Claude is asked.

    Attributes:
        client: makes a client for one conversation; None where Claude cannot be asked.
        prepare: does slow work ahead of the first question, such as imports.
        off: the reason why Claude cannot be asked, in words; empty where it can.
        is_automatic: True to ask whenever something has changed, False to ask by hand alone.
        budgets: policy on error budgets.
    """

    client: Callable[[], Client] | None
    off: str
    model: str
    budget: SpendLimits
    is_automatic: bool
    budgets: BudgetPolicy = SPENDS
    prepare: Callable[[], None] = lambda: None


def advisor_config_of(settings: Settings) -> AdvisorConfig:
    """Read the advisor's configuration from the settings; nothing is sent yet."""
    key, model = settings.anthropic_api_key, _model_of(settings)
    off = _off(settings)

    def client() -> Client:
        assert key is not None
        return _claude()(key=key.get_secret_value(), base_url=settings.anthropic_base_url, model=model)

    def prepare() -> None:
        if not off:
            _claude()

    return AdvisorConfig(
        client=None if off else client,
        off=off,
        model=model,
        budget=SpendLimits(
            usd_per_hour=settings.claude_budget_usd_per_hour,
            usd_per_day=settings.claude_budget_usd_per_day,
            requests_per_hour=settings.claude_requests_per_hour,
        ),
        is_automatic=settings.optimizer == "claude",
        budgets=BudgetPolicy(settings.sla_flexibility),
        prepare=prepare,
    )


def acceptance_limits_of(settings: Settings) -> AcceptanceLimits:
    """Read the limits that advice must keep to from the settings."""
    return AcceptanceLimits(
        moved_share=settings.claude_max_moved_share,
        regret_share=settings.claude_max_regret_share,
        budgets=BudgetPolicy(settings.sla_flexibility),
    )


def _off(settings: Settings) -> str:
    """Say why Claude cannot be asked; empty where it can."""
    if settings.anthropic_api_key is None:
        return NOT_CONFIGURED
    return "" if settings.optimizer in ADVISED else NEEDS_LP


def _claude() -> Callable[..., Client]:
    """Import the client, which takes seconds; called only where there is an API key."""
    from mara.optimizers.advisor.client import Claude

    return Claude


def _model_of(settings: Settings) -> str:
    model = settings.claude_model
    if not model.startswith(GONE_PREFIX):
        return model
    default = str(Settings.model_fields["claude_model"].default)
    log.warning("%s is retired: %s is asked instead", model, default)
    return default
