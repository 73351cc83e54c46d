"""Forward differences in space and time, the operator D of total variation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Differences:
    """D, a ``BoundedOperator``: (3, T, C, H, W), along x, y and time, of u (T, C, H, W); 0 at the far edge.

    Attributes:
        time: weight of differences in time against those in space, 0 for every frame by itself.
    """

    time: float

    @property
    def norm_squared(self) -> float:
        """A difference along one axis has a norm below 2, and those along different axes are stacked."""
        return 8 + 4 * self.time**2

    def __call__(self, u: Tensor) -> Tensor:
        """D u."""
        g = torch.zeros(3, *u.shape, dtype=u.dtype, device=u.device)
        g[0, ..., :-1] = u[..., 1:] - u[..., :-1]
        g[1, ..., :-1, :] = u[..., 1:, :] - u[..., :-1, :]
        g[2, :-1] = self.time * (u[1:] - u[:-1])
        return g

    def adjoint(self, p: Tensor) -> Tensor:
        """D' p."""
        u = torch.zeros_like(p[0])
        u[..., 1:] += p[0, ..., :-1]
        u[..., :-1] -= p[0, ..., :-1]
        u[..., 1:, :] += p[1, ..., :-1, :]
        u[..., :-1, :] -= p[1, ..., :-1, :]
        u[1:] += self.time * p[2, :-1]
        u[:-1] -= self.time * p[2, :-1]
        return u
