"""Validation of requests for quotes, and what a request becomes when it is booked."""

from math import isfinite
from typing import Final

from mara.core.booking import admit
from mara.core.commands import Book
from mara.core.contract import TIER_KEYS
from mara.core.market import REGION_KEYS, REGION_ZONE
from mara.core.quote import QuoteRequest
from mara.core.world import RunConfig
from mara.errors import CommandError
from mara.optimizers.quoting.pricing import ContractDemand
from mara.runtime.tick.command_validation import MAX_ORDER_TICKS
from mara.runtime.tick.order_book import CurrentState

MIN_POWER_MW: Final = 0.01
MAX_POWER_MW: Final = 100_000.0
MAX_NAME_CHARACTERS: Final = 80
NOBODY: Final = "unnamed customer"


def refuse_unfit(order: Book, now: CurrentState, config: RunConfig) -> None:
    """Look whether the next tick would accept a booking after all that waits.

    Raises:
        CommandError: it would not.
    """
    before = tuple((c.request, c.rate_usd_per_mwh) for c in now.waiting if isinstance(c, Book))
    _, refused = admit((*before, (order.request, order.rate_usd_per_mwh)), now.world, config)
    if any(refusal.request is order.request for refusal in refused):
        raise CommandError(f"it does not fit any more: {refused[-1].reason}; ask for a new quote")


def refuse_unaskable(ask: QuoteRequest, config: RunConfig) -> int:
    """Return the length of a request in ticks.

    Raises:
        CommandError: an unknown tier or region, or a power, life or name out of bounds.
    """
    if ask.tier not in TIER_KEYS:
        raise CommandError(f"a tier is one of {', '.join(TIER_KEYS)}, got {ask.tier!r}: choose one of these")
    if ask.region and ask.region not in REGION_KEYS:
        raise CommandError(f"a region is one of {', '.join(REGION_KEYS)}, got {ask.region!r}: choose one of these")
    if not (isfinite(ask.power_mw) and MIN_POWER_MW <= ask.power_mw <= MAX_POWER_MW):
        raise CommandError(
            f"a contract has {MIN_POWER_MW:g} to {MAX_POWER_MW:,.0f} MW, got {ask.power_mw:g}: correct it"
        )
    most_h = MAX_ORDER_TICKS * config.grid.dt_h
    if not (isfinite(ask.duration_h) and config.grid.dt_h <= ask.duration_h <= most_h):
        raise CommandError(
            f"a contract lasts {config.grid.dt_h:.3g} to {most_h:,.0f} hours, got {ask.duration_h:g}: correct it"
        )
    customer_name(ask.customer)
    return config.grid.ticks_of_hours(ask.duration_h)


def contract_id_of(quote_id: str) -> str:
    """Name the contract that a quote becomes."""
    return f"c-{quote_id.removeprefix('q-')}"


def customer_name(given: str) -> str:
    """Normalise a customer's name to one line; an empty one becomes `NOBODY`.

    Raises:
        CommandError: it is too long or holds signs that are none.
    """
    name = " ".join(given.split())
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise CommandError(
            f"a customer's name has at most {MAX_NAME_CHARACTERS} printable characters, got {len(name)}: shorten it"
        )
    return name or NOBODY


def timezone_of(region: str) -> str:
    """Return the time zone whose calendar months measure a region's contracts."""
    return REGION_ZONE[REGION_KEYS.index(region)] if region else "UTC"


def demand_of(command: Book, tick: int) -> ContractDemand:
    """Convert a booking that waits to the demand that plans see."""
    request, first = command.request, tick + 1
    ends = first + request.duration_ticks
    return ContractDemand(tier=request.tier, power_mw=request.power_mw, starts_tick=first, ends_tick=ends)
