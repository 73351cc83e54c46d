"""Deviations of the noise along the reverse process."""

from __future__ import annotations

from vsdeblur.errors import ArgumentError

CURVE = 7.0  # the larger, the more steps at little noise


def noise_levels(first: float, last: float, steps: int, curve: float = CURVE) -> list[float]:
    """(first^(1/c) + i / (steps - 1) (last^(1/c) - first^(1/c)))^c for i = 0 .. steps - 1.

    Args:
        first: The greatest deviation, where the process starts.
        last: The least one above 0.
        steps: How many, 1 or more.
        curve: c.

    Raises:
        ArgumentError: There is no step.

    References:
        Karras et al. 2022, eq. 5.
    """
    if steps < 1:
        raise ArgumentError("steps", steps, "1 or more")
    if steps == 1:
        return [first]
    start, end = first ** (1 / curve), last ** (1 / curve)
    return [float((start + i / (steps - 1) * (end - start)) ** curve) for i in range(steps)]
