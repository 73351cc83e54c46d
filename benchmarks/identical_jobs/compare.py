"""Two outcomes of a job against each other, byte for byte; where they differ, by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def difference(old: Mapping[str, Array], new: Mapping[str, Array]) -> str | None:
    """None where all parts are the same to the byte; else the first one that is not, and how far the worst is off."""
    labels = list(dict.fromkeys([*old, *new]))
    differing = [label for label in labels if not _same(old.get(label), new.get(label))]
    if not differing:
        return None
    first = differing[0]
    count = f"{len(differing)} of {len(labels)} parts differ, first {first}"
    if first not in old or first not in new:
        return f"{count}: only in {'new' if first in new else 'old'}"
    return f"{count}: {_between(old, new, differing)}"


def same_numbers(old: Mapping[str, Array], new: Mapping[str, Array]) -> bool:
    """Whether all parts that are not texts are the same to the byte."""
    a, b = ({label: value for label, value in side.items() if value.dtype.kind != "U"} for side in (old, new))
    return a.keys() == b.keys() and all(_same(a[label], b[label]) for label in a)


def _same(old: Array | None, new: Array | None) -> bool:
    if old is None or new is None:
        return False
    return old.dtype == new.dtype and old.shape == new.shape and old.tobytes() == new.tobytes()


def _between(old: Mapping[str, Array], new: Mapping[str, Array], differing: list[str]) -> str:
    """Of the first part, in words where it is text; of all numbers, the largest difference and the least PSNR."""
    a, b = old[differing[0]], new[differing[0]]
    if a.dtype.kind == "U" or b.dtype.kind == "U":
        return f"{_excerpt(str(a), str(b))} -> {_excerpt(str(b), str(a))}"
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype} {a.shape} -> {b.dtype} {b.shape}"
    pairs = [(old[label], new[label]) for label in differing if _numbers(old.get(label), new.get(label))]
    largest = max(float(_gap(x, y).max()) for x, y in pairs)
    return f"largest difference {largest:.3g}, PSNR {min(_psnr(x, y) for x, y in pairs):.1f} dB"


def _excerpt(text: str, other: str, length: int = 70) -> str:
    """From where the texts part."""
    start = next((k for k, (x, y) in enumerate(zip(text, other, strict=False)) if x != y), min(len(text), len(other)))
    begin = max(start - 15, 0)
    return repr(text[begin : begin + length])


def _numbers(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and a.dtype == b.dtype and a.shape == b.shape and a.dtype.kind in "fiub"


def _gap(a: Array, b: Array) -> Array:
    """NaN where both are is no difference; where one is it is infinite."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    gap = np.abs(x - y)
    return np.where(np.isnan(x) & np.isnan(y), 0.0, np.where(np.isnan(gap), np.inf, gap))


def _psnr(a: Array, b: Array) -> float:
    """Against 1 for floats, and against all bits set for integers."""
    peak = 1.0 if a.dtype.kind == "f" else float((1 << int(max(a.max(), b.max())).bit_length()) - 1)
    error = float((_gap(a, b) ** 2).mean())
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(peak * peak / np.float64(error)))
