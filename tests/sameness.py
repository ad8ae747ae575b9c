"""Comparison of nested values, bit for bit: records, tuples, arrays."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np


def differences(a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths at which two values differ, bit for bit."""
    if a is b:
        return
    if type(a) is not type(b):
        yield f"{path}: {type(a).__name__} is not {type(b).__name__}"
    elif isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
            yield f"{path}: {a!r} is not {b!r}"
    elif dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            yield from differences(getattr(a, field.name), getattr(b, field.name), f"{path}.{field.name}")
    elif isinstance(a, tuple):
        if len(a) != len(b):
            yield f"{path}: {len(a)} items are not {len(b)}"
        for i, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from differences(one, other, f"{path}[{i}]")
    elif a != b:
        yield f"{path}: {a!r} is not {b!r}"
