"""Numbers of a problem file, read strictly: shapes, kinds and sizes.

The message of a refusal names the field, what was expected and what came.
"""

import json
from collections.abc import Iterable
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid

MAX_MAGNITUDE: Final = 1e12
"""Largest number that is accepted; beyond it, products of two lose digits."""

TOKENS: Final = frozenset({"token_per_mwh", "token_demand"})
"""Fields of any magnitude, because they may count tokens in any unit."""


def numbers_of(name: str, value: object, shape: tuple[int, ...]) -> Floats:
    """Read a field as an array.

    Raises:
        FeedInvalid: another shape, something that is no number, or one that is not finite or too large.
    """
    expected = f"must have shape {list(shape)}" if shape else "must be one number"
    try:
        given = np.array(value, dtype=object)
    except ValueError as error:
        raise FeedInvalid(f"{name} {expected}, got lists of different lengths") from error
    if given.ndim and any(isinstance(item, list) for item in given.flat):
        raise FeedInvalid(f"{name} {expected}, got lists of different lengths")
    if given.shape != shape:
        raise FeedInvalid(f"{name} {expected}, got {list(given.shape) if isinstance(value, list) else said(value)}")
    wrong = next((item for item in given.flat if type(item) not in (int, float)), None)
    if wrong is not None or any(item is None for item in given.flat):
        raise FeedInvalid(f"{name} must hold numbers, got {said(wrong)}")
    try:
        array: Floats = given.astype(np.float64)
    except OverflowError:  # an integer beyond all floats
        array = np.full(shape, np.inf)
    if not np.isfinite(array).all():
        raise FeedInvalid(f"{name} must be finite numbers, got NaN or infinity")
    if name not in TOKENS and (np.abs(array) > MAX_MAGNITUDE).any():
        raise FeedInvalid(f"{name} must be within {MAX_MAGNITUDE:g}, got {np.abs(array).max():g}")
    return array


def listed(names: Iterable[str]) -> str:
    """List names with the verb that they need."""
    given = list(names)
    return f"{', '.join(given)} {'is' if len(given) == 1 else 'are'}"


def said(value: object) -> str:
    """Quote a value of a file, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
