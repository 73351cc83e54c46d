"""What a solver hands back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """u: the restored instants (T, C, H, W). energies: the energy of the start, then after each iteration."""

    u: Tensor
    energies: tuple[float, ...]
