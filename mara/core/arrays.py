"""Read-only, shape-checked arrays that every core record is made of.

Axes, always in this order: H hours or horizon steps, R demand regions, S sites, K workloads, G tiers; C contracts
stand alone.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

A = TypeVar("A", bound=NDArray[Any])

LATER: Final = MappingProxyType({"later": True})
"""Metadata of a field that records did not always have.

It is stored only where it is not its default, so that a record that does without it keeps the bytes, and the hash, that
it had before there was such a field.
"""


def floats(values: ArrayLike, shape: Sequence[int], name: str) -> Floats:
    """Copy `values` into a read-only float64 array of exactly `shape`, all finite.

    Raises:
        ValueError: wrong shape, NaN or infinity; the message names the field.
    """
    array = np.array(values, dtype=np.float64)
    if array.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers, got NaN or infinity")
    return sealed(array)


def ints(values: ArrayLike, shape: Sequence[int], name: str) -> Ints:
    """Copy `values` into a read-only int64 array of exactly `shape`.

    Raises:
        ValueError: wrong shape, or a value that is not a whole number.
    """
    given = np.asarray(values)
    array = given.astype(np.int64)
    if array.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {array.shape}")
    if not np.array_equal(array, given):
        raise ValueError(f"{name} must be whole numbers")
    array.flags.writeable = False
    return array


def row_sums(array: Floats) -> Floats:
    """Sum over the last axis (..., n) -> (...), which must be short (n at most 8).

    A product with ones is many times faster there than a reduction.
    """
    sums: Floats = array.dot(_ONES[array.shape[-1]])
    return sums


def row_sums_of_all(powers_mw: Floats) -> Floats:
    """Compute `row_sums` of many arrays to the same bits as of each.

    They are joined along the first axis. The last digits of `row_sums` itself depend on the shape that is summed.
    """
    sums: Floats = np.matmul(powers_mw, _ONES[powers_mw.shape[-1]])
    return sums


def stacked(arrays: Sequence[A]) -> A:
    """Join arrays of one shape along a new first axis.

    It takes a third of the time of `np.stack` where they are many and small.
    """
    joined: Any = np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)
    return joined  # type: ignore[no-any-return]


def sealed(array: A) -> A:
    """Make an array read-only in place, for one that the program has just computed."""
    array.setflags(False)  # type: ignore[call-arg]  # by place: a name takes twice as long
    return array


def has_any(mask: Bools) -> bool:
    """Say whether an array of any shape holds a True.

    A look at its bytes takes a fraction of the time of `any`.
    """
    return 1 in mask.tobytes()


_ONES = tuple(sealed(np.ones(count)) for count in range(9))
