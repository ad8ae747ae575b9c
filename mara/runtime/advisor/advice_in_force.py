"""The advice that plans follow, from its arrival until it is dropped."""

import logging
from collections.abc import Callable
from dataclasses import replace

from mara.core.plan import Plan, Provenance
from mara.errors import AdviceError
from mara.optimizers.advisor.advised import ADJUSTED, TOO_OLD, Advice
from mara.runtime.advisor.status import AdvisorStatus

log = logging.getLogger("mara.advisor")


class AdviceInForce:
    """Holds the newest advice and its outcome; the caller's lock keeps threads apart.

    Args:
        show: changes what the panel shows, by the names of its fields.

    Attributes:
        advice: the newest advice that has not been dropped; None without one.
    """

    def __init__(self, status: AdvisorStatus, show: Callable[..., None]) -> None:
        self.advice: Advice | None = None
        self._status = status
        self._show = show
        self._followed: Advice | None = None
        self._failure: Provenance | None = None

    def take_failure(self) -> Provenance | None:
        """Return why there is no advice, each reason once; None if there is no new reason."""
        failure, self._failure = self._failure, None
        return failure

    def fail(self, provenance: Provenance, message: str, tick: int) -> None:
        """Record that a question got no advice; the optimizer's own plan stays in force."""
        self._failure = provenance
        self._status.keep("kept", message, tick, provenance)

    def judged(self, advice: Advice, plan: Plan | None, refusal: AdviceError | None) -> None:
        """Record the outcome of advice: followed as `plan`, or dropped for `refusal`."""
        if advice is not self.advice:
            return
        is_first = advice is not self._followed
        if plan is None:
            assert refusal is not None
            self._drop(advice, refusal, is_first)
        elif is_first:
            self._followed = advice
            self._show(
                headline=advice.headline,
                climate_saving_usd_per_h=advice.climate_saving_usd_per_h,
                time_zone_gain_usd_per_h=advice.time_zone_gain_usd_per_h,
            )
            outcome, message = _followed_as(plan)
            self._status.keep(outcome, message, advice.made_tick, advice.provenance)

    def _drop(self, advice: Advice, refusal: AdviceError, is_first: bool) -> None:
        message = f"{refusal}: {refusal.detail}" if refusal.detail else str(refusal)
        log.info("advice dropped", extra={"tick": advice.made_tick, "reason": message})
        self.advice = self._followed = None
        self._show(headline="", climate_saving_usd_per_h=None, time_zone_gain_usd_per_h=None)
        if not is_first and str(refusal) == TOO_OLD:
            self._show(message="Claude's plan has run its hour, the optimizer's runs again")
            return
        self._failure = replace(advice.provenance, failure=message, claims=())
        if is_first:
            self._status.keep("kept", message, advice.made_tick, advice.provenance)
        else:
            self._show(message=f"The advice has ended, the optimizer's plan runs again. {message}")


def _followed_as(plan: Plan) -> tuple[str, str]:
    """Name the outcome of advice that is followed, and the panel's words for it."""
    made = plan.provenance
    assert made is not None
    if plan.optimizer == ADJUSTED:
        return "adjusted", f"Claude's plan runs, with {made.moved_mw:.1f} MW moved to what is feasible"
    return "accepted", "Claude's plan runs"
