"""Any instant from the key frames around it, made to agree with the exposure that it lies in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.motion import Motion
from vsdeblur.flow.upsample import upsampled
from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.keyframes import displacement, extent
from vsdeblur.noise import noise_level

# Points that move by less than STILL pixels a period are not touched; by more than MOVING, wholly.
STILL, MOVING = 0.05, 0.2
NO_NOISE = 2 / 255  # at this level fine texture is easily taken for noise, and exact data are worth more


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the window became: everything that an instant is rendered from.

    keys, frames: (n, C, H, W) restored key frames and the blurry frames. motion: of the same n frames.
    start: the first one's number in the clip. shutters, spans: per frame. cuts: frames that open a scene, clip numbers.
    taus: for each frame the instants of its exposure's quadrature, in periods from its middle.
    rows: rows handled at once; changes memory, not the result.
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

    def instant(self, t: float, residual: Callable[[int], Tensor]) -> Tensor:
        """The frame (C, H, W) at t, in periods of the clip; residual: gives what ``residual`` does, kept or not."""
        n = min(max(floor(t) - self.start, 0), len(self.frames) - 1)
        out = torch.empty_like(self.frames[0])
        for y in range(0, out.shape[-2], self.rows):
            rows = slice(y, min(y + self.rows, out.shape[-2]))
            u = self._warped(n, t - self.start, rows)
            u += self._unexplained(n, t - self.start - n, residual, rows)
            blurry = self.frames[n : n + 1, :, rows]
            out[:, rows] = torch.lerp(blurry, u, self._moving(n, rows))[0]
        return out

    def residual(self, n: int) -> Tensor:
        """v_n - sum_q w_q u(tau_q), (C, H, W), less what of it is noise: what the prox of D1 adds to every instant."""
        out = self.frames[n].clone()
        middle = n + self.shutters[n] / 2
        for y in range(0, out.shape[-2], self.rows):
            rows = slice(y, min(y + self.rows, out.shape[-2]))
            for tau in self.taus[n]:
                out[:, rows] -= self._warped(n, middle + tau, rows)[0] / len(self.taus[n])
        # Wiener's rule: of a residual of local power S + sigma^2 the part S / (S + sigma^2).
        colour = out.shape[0] - (out.shape[0] + 1) % 2  # 2 and 4 channels: the last one is alpha
        power = out[None, :colour].square().mean(1, keepdim=True)
        power = F.avg_pool2d(power, 9, stride=1, padding=4, count_include_pad=False)[0]
        noise = max(noise_level(self.frames[n : n + 1, :colour]) ** 2 - NO_NOISE**2, 1e-12)
        return out.mul_(1 - noise / power.clamp_(min=noise))

    def _warped(self, n: int, t: float, rows: slice) -> Tensor:
        """Key frames moved to t (counted from the window's first frame), (1, C, rows, W); n: the frame t lies in."""
        left = n if t >= n + self.shutters[n] / 2 else n - 1
        if left < 0 or left + 1 >= len(self.keys) or self.start + left + 1 in self.cuts:
            return self._moved(n, -displacement(self._path(n, rows), t - (n + self.shutters[n] / 2)), rows)
        middle = left + self.shutters[left] / 2
        span = self.spans[left + 1]
        a = elapsed(middle, t, left + 1, span) / elapsed(middle, left + 1 + self.shutters[left + 1] / 2, left + 1, span)
        here, there = self._path(left, rows), self._path(left + 1, rows)
        # Where the point seen at t is in either key frame, by the paths of both, each counting by its nearness.
        gone = displacement(here, a)
        to_come = displacement(there, -(1 - a) * span)
        to_left = (1 - a) * -gone + a * (displacement(there, -span) - to_come)
        to_right = (1 - a) * (displacement(here, 1.0) - gone) + a * -to_come
        return torch.lerp(self._moved(left, to_left, rows), self._moved(left + 1, to_right, rows), a)

    def _unexplained(self, n: int, since: float, residual: Callable[[int], Tensor], rows: slice) -> Tensor:
        """The residual at ``since`` periods after the opening of frame n, (1, C, rows, W).

        The same all through the exposure, as the prox of D1 has it; then carried along the motion from the closing of
        this exposure to the opening of the next, so that sharpness does not pulse with the shutter.
        """
        shutter = self.shutters[n]
        here = residual(n)[None]
        if since <= shutter:
            return here[:, :, rows]
        path = self._path(n, rows)
        here = _carried(here, displacement(path, shutter / 2) - displacement(path, since - shutter / 2), rows)
        if n + 1 == len(self.frames) or self.start + n + 1 in self.cuts:
            return here
        path, opening = self._path(n + 1, rows), -self.shutters[n + 1] / 2
        before = displacement(path, opening - (1 - since) * self.spans[n + 1])
        there = _carried(residual(n + 1)[None], displacement(path, opening) - before, rows)
        return torch.lerp(here, there, (since - shutter) / (1 - shutter))

    def _moved(self, n: int, flow: Tensor, rows: slice) -> Tensor:
        return _carried(self.keys[n : n + 1], flow, rows)

    def _path(self, n: int, rows: slice) -> Tensor:
        return upsampled(self.motion.path[n : n + 1], self.scale, (self.keys.shape[-2], self.keys.shape[-1]), rows)

    def _moving(self, n: int, rows: slice) -> Tensor:
        """How far the picture moves within the period, as a smooth weight in [0, 1]."""
        x = ((extent(self._path(n, rows)) - STILL) / (MOVING - STILL)).clamp_(0, 1)
        return x * x * (3 - 2 * x)


def _carried(image: Tensor, flow: Tensor, rows: slice) -> Tensor:
    """image (1, C, H, W) at x + flow(x) for some rows: (1, C, rows, W)."""
    return sample(image, sampling_grid(flow, top=rows.start, height=image.shape[-2]))


def elapsed(begin: float, end: float, opening: int, span: float) -> float:
    """Time from begin to end across the opening of a frame, in periods of the frame before it.

    begin, end: instants that count each frame's own periods. span: the period before the opening over that after it.
    """
    return min(end, opening) - begin + max(end - opening, 0.0) / span
