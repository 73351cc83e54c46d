"""The result of a solver."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Restored instants and the energies on the way to them.

    Attributes:
        u: (T, C, H, W).
        energies: Energy of the start, then after each iteration.
    """

    u: Tensor
    energies: tuple[float, ...]
