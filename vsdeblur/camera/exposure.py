"""D1: how the shutter averages instants into frames, and the closed-form steps that invert it per pixel.

    v_n = sum_k w_nk u_k + noise,   sum_k w_nk = 1,       D1(u, v) = lambda/2 sum_n || v_n - sum_k w_nk u_k ||^2

Everything here is local in x: with W the (N, T) matrix of the weights of one row of the picture, each pixel needs one
tridiagonal N x N system, and no system at all while no instant is shared by two exposures (W W' diagonal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError

Quadrature = Literal["integral", "taps"]


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """weights: (R, N, T), the w_nk of N exposures over T instants; R = 1, or the picture's height (rolling shutter)."""

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
        """The weights of ``frames`` exposures, n open from n to n + shutter, over cells of 1 / steps_per_period.

        Instant k stands for the cell [k, k + 1) / steps_per_period. "integral": w_nk is the part of exposure n that
        lies in cell k. "taps": the plain mean of the round(shutter * steps_per_period), at least 1, instants from the
        opening on. row_offset: (H,), how much later (in periods, in [0, 1)) the shutter opens for each row; what then
        reaches beyond the last instant counts there, so give ``instants`` a period more than the default
        floor(frames * steps_per_period).

        Raises ArgumentError when the shutter is outside (0, 1], the steps are below one per period or an offset is
        outside [0, 1).
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
        return self.weights.shape[1]

    @property
    def instants(self) -> int:
        return self.weights.shape[2]

    @property
    def norm(self) -> float:
        """A bound on ||W||^2, the largest eigenvalue of W'W (Gershgorin on W W')."""
        return float(self._gram.abs().sum(dim=2).max())

    def to(self, like: Tensor) -> Exposure:
        """The same exposure in the dtype and on the device of ``like``."""
        return Exposure(self.weights.to(like))

    def blur(self, u: Tensor) -> Tensor:
        """W u: instants (T, C, H, W) to frames (N, C, H, W)."""
        return self._apply(self.weights, u)

    def adjoint(self, v: Tensor) -> Tensor:
        """W' v: frames (N, C, H, W) to instants (T, C, H, W)."""
        return self._apply(self.weights.transpose(1, 2), v)

    def energy(self, u: Tensor, v: Tensor, weight: float | Tensor = 1.0) -> float:
        """D1(u, v) with lambda = weight."""
        return float((weight * (v - self.blur(u)).square()).sum()) / 2

    def prox(self, z: Tensor, v: Tensor, weight: float | Tensor) -> Tensor:
        """argmin_u  D1(u, v) + ||u - z||^2 / 2  with lambda = weight > 0, a number or a tensor like v (N, C, H, W).

        By the push-through identity u = z + W' a with (W W' + 1 / lambda) a = v - W z; where W W' is diagonal this is
        z + w_n lambda (v_n - w_n.z) / (1 + lambda ||w_n||^2).
        """
        return z + self.adjoint(self._solve(v - self.blur(z), 1 / weight))

    def project(self, z: Tensor, v: Tensor) -> Tensor:
        """The nearest u with W u = v: ``prox`` as lambda goes to infinity."""
        return z + self.adjoint(self._solve(v - self.blur(z), 0.0))

    def project_clipped(self, z: Tensor, v: Tensor, white: float = 1.0, steps: int = 30, sweeps: int = 8) -> Tensor:
        """The nearest u with W u = v and 0 <= u <= white; where v >= white the sensor clipped: W u >= v, u >= 0 there.

        The optimum is u = clip(z + W' a): one multiplier a_n per exposure and pixel, the root of the monotone
        a_n -> w_n.u - v_n, found by Newton steps kept inside a shrinking bracket. Exposures that share an instant take
        turns (``sweeps`` times; ascent in the coordinates of the concave dual), others need one turn.
        """
        v = v.clamp(min=0)
        clipped = v >= white
        open_top = self.adjoint(clipped.to(v)) > 0  # an instant seen by a clipped exposure may be a highlight
        top = torch.where(open_top, torch.inf, white).to(z)
        a = torch.zeros_like(v)
        for _ in range(1 if self._separable else sweeps):
            for n in range(self.frames):
                touched = self.weights[:, n].amax(dim=0).nonzero()[:, 0]
                k = slice(int(touched[0]), int(touched[-1]) + 1)
                w = self.weights[:, n, k].T[:, None, :, None]  # (instants, 1, R, 1)
                others = a.clone()
                others[n] = 0
                base = z[k] + self._apply(self.weights.transpose(1, 2)[:, k], others)
                root = _clipped_root(base, w, v[n], top[k], steps)
                a[n] = torch.where(clipped[n], root.clamp(min=0), root)
        return (z + self.adjoint(a)).clamp(min=0).minimum(top)

    def _apply(self, weights: Tensor, x: Tensor) -> Tensor:
        if weights.shape[0] == 1:
            mean: Tensor = torch.tensordot(weights[0], x, dims=1)
            return mean
        return torch.einsum("hij,jchw->ichw", weights, x)

    @property
    def _gram(self) -> Tensor:
        return self.weights @ self.weights.transpose(1, 2)

    @property
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


def _clipped_root(base: Tensor, w: Tensor, v: Tensor, top: Tensor, steps: int) -> Tensor:
    """The a (C, H, W) with  sum_k w_k clip(base_k + a w_k, 0, top_k) = v,  for v within what the clip can reach."""
    seen = w > 0
    scale = w.clamp(min=torch.finfo(w.dtype).tiny)
    ceiling = torch.where(top.isinf(), v / scale, top)  # one instant alone already makes up v there
    low = torch.where(seen, -base / scale, torch.inf).amin(dim=0)  # every instant black
    high = torch.where(seen, (ceiling - base) / scale, -torch.inf).amax(dim=0)  # every instant white, or enough
    a = torch.zeros_like(v).clamp(low, high)
    for _ in range(steps):
        u = base + a * w
        excess = (w * u.clamp(min=0).minimum(top)).sum(dim=0) - v
        low, high = torch.where(excess < 0, a, low), torch.where(excess > 0, a, high)
        slope = (w * w * ((u > 0) & (u < top))).sum(dim=0)
        newton = a - excess / slope.clamp(min=torch.finfo(w.dtype).tiny)
        inside = (newton > low) & (newton < high)
        a = torch.where(excess == 0, a, torch.where(inside, newton, (low + high) / 2))
    return a
