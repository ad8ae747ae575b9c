"""From the settings to who advises: whether anybody can be asked, and by what terms. Nothing is sent yet."""

import logging
from collections.abc import Callable
from typing import Final

from mara.optimizers.advisor.advised import AcceptanceLimits
from mara.optimizers.base import BudgetPolicy
from mara.runtime.advisor.consultation import Client
from mara.runtime.advisor.scheduler import NOT_CONFIGURED, AdvisorConfig
from mara.runtime.advisor.stored_budget import SpendLimits
from mara.settings import Settings

ADVISED: Final = ("lp", "claude")
"""Optimizers that advice can be measured against; with the latter it is asked for without being pressed."""
NEEDS_LP: Final = "Claude advises the linear program: start with --optimizer claude"
GONE_PREFIX: Final = "claude-3-5-sonnet"
"""Retired on 28 October 2025; the name is still in many minds and scripts."""

log = logging.getLogger("mara.advisor")


def engagement_of(settings: Settings) -> AdvisorConfig:
    """How the settings engage the advisor."""
    key, model = settings.anthropic_api_key, _model_of(settings)

    def client() -> Client:
        assert key is not None
        return _claude()(key=key.get_secret_value(), base_url=settings.anthropic_base_url, model=model)

    def prepare() -> None:
        if not off:
            _claude()

    off = NOT_CONFIGURED if key is None else "" if settings.optimizer in ADVISED else NEEDS_LP
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


def bands_of(settings: Settings) -> AcceptanceLimits:
    """What advice must keep to."""
    return AcceptanceLimits(
        moved_share=settings.claude_max_moved_share,
        regret_share=settings.claude_max_regret_share,
        budgets=BudgetPolicy(settings.sla_flexibility),
    )


def _claude() -> Callable[..., Client]:
    """The client, whose library takes seconds to import: only where there is a key, and before ticks begin."""
    from mara.optimizers.advisor.client import Claude

    return Claude


def _model_of(settings: Settings) -> str:
    model = settings.claude_model
    if not model.startswith(GONE_PREFIX):
        return model
    default = str(Settings.model_fields["claude_model"].default)
    log.warning("%s is retired: %s is asked instead", model, default)
    return default
