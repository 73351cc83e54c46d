"""D1: the shutter averages instants into frames; the closed-form steps that invert it, pixel by pixel.

    v_n = sum_k w_nk u_k + noise,   sum_k w_nk = 1,       D1(u, v) = lambda/2 sum_n || v_n - sum_k w_nk u_k ||^2

Everything here is local in x: with W the (N, T) matrix of the weights of one row of the picture, each pixel needs one
tridiagonal N x N system, and no system at all while no instant is shared by two exposures (W W' diagonal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError

Quadrature = Literal["integral", "taps"]


@dataclass(frozen=True, eq=False)
class Exposure:
    """W, a ``BoundedOperator``: instants u (T, C, H, W) to frames v (N, C, H, W), v_n = sum_k w_nk u_k.

    What is read of the weights is read once, and goes with them to an accelerator.

    Attributes:
        weights: (R, N, T), the w_nk of N exposures over T instants; R = 1, or the picture's height (rolling shutter).
    """

    weights: Tensor

    @classmethod
    def build(
        cls,
        frames: int,
        steps_per_period: int | Fraction,
        shutter: float,
        row_offset: Tensor | None = None,
        quadrature: Quadrature = "integral",
        *,
        instants: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> Exposure:
        """The weights of exposures that are open from n to n + shutter, over cells of 1 / steps_per_period.

        Instant k stands for the cell [k, k + 1) / steps_per_period.

        Args:
            frames: N.
            steps_per_period: instants per frame period, at least 1.
            shutter: the open part of the period, in (0, 1].
            row_offset: (H,), how much later the shutter opens for each row, in periods, in [0, 1). What then reaches
                beyond the last instant counts there, so give ``instants`` a period more than the default.
            quadrature: "integral": w_nk is the part of exposure n that lies in cell k. "taps": the plain mean of the
                round(shutter * steps_per_period), at least 1, instants from the opening on.
            instants: T, floor(frames * steps_per_period) when None.
            dtype: of the weights.
            device: of the weights, None for the CPU.

        Raises:
            ArgumentError: The shutter is outside (0, 1], the steps are below one per period or an offset is outside
                [0, 1).
        """
        if not 0 < shutter <= 1:
            raise ArgumentError("shutter", shutter, "a fraction of the period in (0, 1]")
        if steps_per_period < 1:
            raise ArgumentError("steps_per_period", steps_per_period, "at least 1")
        steps = float(steps_per_period)
        total = math.floor(frames * steps_per_period) if instants is None else instants
        offset = torch.zeros(1) if row_offset is None else row_offset
        if offset.ndim != 1 or bool((offset < 0).any()) or bool((offset >= 1).any()):
            raise ArgumentError("row_offset", tuple(offset.shape), "a vector of periods in [0, 1)")
        opening = (torch.arange(frames, dtype=torch.float64) + offset.double().cpu()[:, None])[:, :, None] * steps
        length = shutter * steps
        if quadrature == "taps":  # a comb of unit cells that begins at the cell in which the shutter opens
            opening, length = (opening + 1e-9).floor(), max(1.0, float(round(length)))
        start = torch.arange(total, dtype=torch.float64)
        stop = start + 1
        stop[-1:] = math.inf
        overlap = torch.minimum(opening + length, stop) - torch.maximum(opening, start)
        weights = (overlap / length).clamp(min=0)
        weights[weights < 1e-9] = 0  # cells that merely touch
        return cls(weights.to(device, dtype))

    @property
    def frames(self) -> int:
        """N."""
        return self.weights.shape[1]

    @property
    def instants(self) -> int:
        """T."""
        return self.weights.shape[2]

    @cached_property
    def norm_squared(self) -> float:
        """A bound of ||W||^2, the largest eigenvalue of W'W and of W W': the largest row sum of W W' (Gershgorin)."""
        return float(self._gram.abs().sum(dim=2).max())

    def to(self, like: Tensor) -> Exposure:
        """The same exposure in the dtype and on the device of ``like``."""
        moved = Exposure(self.weights.to(like))
        vars(moved).update(norm_squared=self.norm_squared, _separable=self._separable)
        return moved

    def __call__(self, u: Tensor) -> Tensor:
        """W u: instants (T, C, H, W) to frames (N, C, H, W)."""
        return _weighted(self.weights, u)

    def adjoint(self, v: Tensor) -> Tensor:
        """W' v: frames (N, C, H, W) to instants (T, C, H, W)."""
        return _weighted(self.weights.transpose(1, 2), v)

    def energy(self, u: Tensor, v: Tensor, weight: float | Tensor = 1.0) -> float:
        """D1(u, v) with lambda = ``weight``, a number or a tensor that v (N, C, H, W) can be multiplied by."""
        return float((weight * (v - self(u)).square()).sum()) / 2

    def prox(self, z: Tensor, v: Tensor, weight: float | Tensor) -> Tensor:
        """argmin_u  D1(u, v) + ||u - z||^2 / 2, exactly.

        By the push-through identity u = z + W' a with (W W' + 1 / lambda) a = v - W z; where W W' is diagonal this is
        z + w_n lambda (v_n - w_n.z) / (1 + lambda ||w_n||^2).

        Args:
            z: (T, C, H, W).
            v: (N, C, H, W).
            weight: lambda > 0, a number or a tensor like v.
        """
        return z + self.adjoint(self._solve(v - self(z), 1 / weight))

    def project(self, z: Tensor, v: Tensor) -> Tensor:
        """The nearest u to z (T, C, H, W) with W u = v (N, C, H, W): ``prox`` as lambda goes to infinity."""
        return z + self.adjoint(self._solve(v - self(z), 0.0))

    @property
    def _gram(self) -> Tensor:
        return self.weights @ self.weights.transpose(1, 2)

    @cached_property
    def _separable(self) -> bool:
        return not bool(self._gram.diagonal(offset=1, dim1=1, dim2=2).any())

    def _solve(self, residual: Tensor, ridge: float | Tensor) -> Tensor:
        """a of (W W' + ridge) a = residual, per pixel: a division, or Thomas's elimination along n."""
        gram = self._gram
        main = gram.diagonal(dim1=1, dim2=2).T[:, None, :, None] + ridge  # (N, 1, R, 1), or like residual
        if self._separable:
            return residual / main
        off = gram.diagonal(offset=1, dim1=1, dim2=2).T[:, None, :, None]
        pivots, a = [main[0]], [residual[0]]
        for n in range(1, self.frames):
            ratio = off[n - 1] / pivots[-1]
            pivots.append(main[n] - ratio * off[n - 1])
            a.append(residual[n] - ratio * a[-1])
        a[-1] = a[-1] / pivots[-1]
        for n in range(self.frames - 2, -1, -1):
            a[n] = (a[n] - off[n] * a[n + 1]) / pivots[n]
        return torch.stack(a)


def _weighted(weights: Tensor, x: Tensor) -> Tensor:
    """sum_j weights_ij x_j at every pixel: weights (R, I, J), x (J, C, H, W) to (I, C, H, W)."""
    if weights.shape[0] == 1:
        mean: Tensor = torch.tensordot(weights[0], x, dims=1)
        return mean
    return torch.einsum("hij,jchw->ichw", weights, x)
