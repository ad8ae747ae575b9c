"""Cost of requests: prices by model, and a bound before a request is made.

Source: Anthropic price list, https://docs.anthropic.com/en/docs/about-claude/pricing (November 2026)
"""

from dataclasses import dataclass
from typing import Final

from mara.core.units import MICRO_USD_PER_USD, TOKENS_PER_MTOK

CHARACTERS_PER_TOKEN: Final = 2.0
"""Lower bound on the length of a token in any text. Chosen.

JSON with many numbers has about three characters a token.
"""
CACHE_WRITE_RATIO: Final = 1.25
"""Price of writing to the prompt cache, over the price of other input tokens."""
CACHE_READ_RATIO: Final = 0.1
"""Price of reading from the prompt cache, over the price of other input tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """Price of a model's tokens [USD per million]."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Tokens of one request and its response."""

    input_tokens: int
    output_tokens: int
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0


PRICES: Final = (
    ("claude-haiku-5-5", ModelPrice(input_usd_per_mtok=0.10, output_usd_per_mtok=0.50)),
    ("claude-sonnet-5-5", ModelPrice(input_usd_per_mtok=2.0, output_usd_per_mtok=10.0)),
)
DEAREST: Final = ModelPrice(input_usd_per_mtok=15.0, output_usd_per_mtok=75.0)
"""Price assumed for a model that the list does not know.

It is above any price listed, so that budgets hold for such a model too.
"""


def price_of(model: str) -> ModelPrice:
    """Look up the price of a model by the beginning of its name."""
    return next((price for prefix, price in PRICES if model.startswith(prefix)), DEAREST)


def cost_micro_usd(model: str, use: TokenUse) -> int:
    """Compute the cost of a request [millionths of a dollar]."""
    price = price_of(model)
    read = use.cache_read_tokens * CACHE_READ_RATIO + use.cache_write_tokens * CACHE_WRITE_RATIO
    usd = (use.input_tokens + read) * price.input_usd_per_mtok + use.output_tokens * price.output_usd_per_mtok
    return round(usd * MICRO_USD_PER_USD / TOKENS_PER_MTOK)


def most_micro_usd(model: str, characters: int, max_tokens: int) -> int:
    """Bound the cost of a request of this length from above [millionths of a dollar]."""
    tokens = round(characters / CHARACTERS_PER_TOKEN * CACHE_WRITE_RATIO)
    return cost_micro_usd(model, TokenUse(input_tokens=tokens, output_tokens=max_tokens))
