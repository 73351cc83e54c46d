"""Any instant from the key frames around it, made to agree with the exposure that it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import torch
from torch import Tensor

from vsdeblur.flow.motion import Motion
from vsdeblur.flow.upsample import upsampled
from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.keyframes import displacement, extent

# Points that move by less than STILL pixels a period are not touched; by more than MOVING, wholly.
STILL, MOVING = 0.05, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the window became: everything that an instant is rendered from.

    keys, frames: (n, C, H, W) restored key frames and the blurry frames. motion: of the same n frames.
    start: the first one's number in the clip. shutters, spans: per frame. cuts: frames that open a scene, clip numbers.
    taps: instants of one exposure's quadrature. rows: rows handled at once; changes memory, not the result.
    """

    keys: Tensor
    frames: Tensor
    motion: Motion
    scale: int
    start: int
    shutters: tuple[float, ...]
    spans: tuple[float, ...]
    cuts: frozenset[int]
    taus: tuple[tuple[float, ...], ...]
    rows: int

    def instant(self, t: float, residual: Tensor) -> Tensor:
        """The frame (C, H, W) at t, in periods of the clip; residual: of the exposure that t's frame is."""
        n = min(max(floor(t) - self.start, 0), len(self.frames) - 1)
        exposed = t - self.start - n <= self.shutters[n]
        out = torch.empty_like(self.frames[0])
        for y in range(0, out.shape[-2], self.rows):
            rows = slice(y, min(y + self.rows, out.shape[-2]))
            u = self._warped(n, t - self.start, rows)
            if exposed:
                u += residual[None, :, rows]
            blurry = self.frames[n : n + 1, :, rows]
            out[:, rows] = torch.lerp(blurry, u, self._moving(n, rows))[0]
        return out

    def residual(self, n: int) -> Tensor:
        """v_n - sum_q w_q u(tau_q), (C, H, W): what the prox of D1 adds to every instant of the exposure."""
        out = self.frames[n].clone()
        middle = n + self.shutters[n] / 2
        for y in range(0, out.shape[-2], self.rows):
            rows = slice(y, min(y + self.rows, out.shape[-2]))
            for tau in self.taus[n]:
                out[:, rows] -= self._warped(n, middle + tau, rows)[0] / len(self.taus[n])
        return out

    def _warped(self, n: int, t: float, rows: slice) -> Tensor:
        """Key frames moved to t (counted from the window's first frame), (1, C, rows, W); n: the frame t lies in."""
        left = n if t >= n + self.shutters[n] / 2 else n - 1
        if left < 0 or left + 1 >= len(self.keys) or self.start + left + 1 in self.cuts:
            return self._moved(n, -displacement(self._path(n, rows), t - (n + self.shutters[n] / 2)), rows)
        middle = left + self.shutters[left] / 2
        a = (t - middle) / (left + 1 + self.shutters[left + 1] / 2 - middle)
        span = self.spans[left + 1]
        here, there = self._path(left, rows), self._path(left + 1, rows)
        # Where the point seen at t is in either key frame, by the paths of both, each counting by its nearness.
        gone = displacement(here, a)
        to_come = displacement(there, -(1 - a) * span)
        to_left = (1 - a) * -gone + a * (displacement(there, -span) - to_come)
        to_right = (1 - a) * (displacement(here, 1.0) - gone) + a * -to_come
        return torch.lerp(self._moved(left, to_left, rows), self._moved(left + 1, to_right, rows), a)

    def _moved(self, n: int, flow: Tensor, rows: slice) -> Tensor:
        grid = sampling_grid(flow, top=rows.start, height=self.keys.shape[-2])
        return sample(self.keys[n : n + 1], grid)

    def _path(self, n: int, rows: slice) -> Tensor:
        return upsampled(self.motion.path[n : n + 1], self.scale, (self.keys.shape[-2], self.keys.shape[-1]), rows)

    def _moving(self, n: int, rows: slice) -> Tensor:
        """How far the picture moves within the period, as a smooth weight in [0, 1]."""
        x = ((extent(self._path(n, rows)) - STILL) / (MOVING - STILL)).clamp_(0, 1)
        return x * x * (3 - 2 * x)
