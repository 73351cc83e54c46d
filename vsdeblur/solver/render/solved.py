"""Any instant from the key frames around it, made to agree with the exposure that it lies in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor
from typing import NamedTuple, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.motion import Motion, displacement, extent
from vsdeblur.flow.project import foreground_weight, positions
from vsdeblur.flow.resolution import upsampled
from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.tensors import smoothstep

Residuals = Callable[[int], Tensor]  # of the frame of that number in the window, (C, H, W)

# Points that move by less than STILL pixels a period are not touched; by more than MOVING, wholly.
STILL, MOVING = 0.05, 0.2


class View(NamedTuple):
    """An image (1, C, H, W) at x + flow(x), as far as it counts; flow: (1, 2, h, w) pixels, None for as it is.

    weight: one for all, or one for each row, (1, 1, h, 1). white: above it the image is lights, None without any.
    """

    image: Tensor
    flow: Tensor | None
    weight: float | Tensor
    white: float | None = None


class Run(NamedTuple):
    """Rows that see an instant in the same part of a frame's period.

    n: the frame in the window. at: some instant of theirs, in periods after its opening. since: all of them, the same
    or one for each row of the motion, (1, 1, h, 1). slope: how that changes from one row of the picture to the next.
    """

    rows: slice
    n: int
    at: float
    since: float | Tensor
    slope: float


@dataclass(frozen=True, slots=True, eq=False)
class SolvedWindow:
    """What the window became: everything that an instant is rendered from.

    keys, frames: (n, C, H, W) restored key frames and the blurry frames. motion: of the same n frames.
    start: the first one's number in the clip. shutters, spans: per frame. cuts: frames that open a scene, clip numbers.
    taus: for each frame the instants of its exposure's quadrature, in periods from its middle.
    rows: rows handled at once; changes memory, not the result. delays: (n, H) float64, how much later each row of a
    frame is exposed, in periods of the frame; None where all are at once (see ``vsdeblur.camera.rolling``). joint:
    (n, 1, h, w) in [0, 1], how far keys and frames are those of the joint solution; the rest was restored by itself, or
    is a light that clipped, and owes the exposure nothing; None for wholly. white: above it key frames are lights, None
    without any. data_weights: how far frames are believed. carried: (n, 2, h, w), what a point counts on its way to the
    next (0) and to the previous (1) key frame.
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
    delays: Tensor | None = None
    joint: Tensor | None = None
    white: float | None = None
    data_weights: DataWeights = field(default_factory=DataWeights)
    carried: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "carried", self.motion.occlusion * foreground_weight(self.motion.path))

    def instant(self, t: float, residual: Residuals) -> Tensor:
        """The frame (C, H, W) at t, in periods of the clip; residual: gives what ``residual`` does, kept or not."""
        out = torch.empty_like(self.frames[0])
        runs = self.runs(t)
        for run in runs:
            views, rest = self.views(run), self.leftovers(run, residual)
            for rows in self.bands(run.rows):
                out[:, rows] = self.completed(self.composed(views, rows), rest, rows)[0]
        return self.settled(out, runs)

    def settled(self, u: Tensor, runs: list[Run]) -> Tensor:
        """u (C, H, W) where the picture moves, the blurry frame where it stands still; changes u."""
        for run in runs:
            moving = self._moving(run.n)
            for rows in self.bands(run.rows):
                u[:, rows] = torch.lerp(self.frames[run.n, :, rows], u[:, rows], self.enlarged(moving, rows)[0])
        return u

    def owed(self, change: Tensor, runs: list[Run]) -> Tensor:
        """change (C, H, W) as far as frames are those of the joint solution; changes it."""
        if self.joint is not None:
            for run in runs:
                for rows in self.bands(run.rows):
                    change[:, rows] *= self.enlarged(self.joint[run.n : run.n + 1], rows)[0]
        return change

    def course(self, t: float) -> Tensor:
        """The paths of the points that are seen at t, onward from there: (1, 4, h, w) as ``Motion.path``, in periods of
        the frame that t lies in."""
        out = torch.empty_like(self._path(0)[:, :4])
        for run in self.runs(t):
            rows = slice(run.rows.start // self.scale, -(-run.rows.stop // self.scale))
            out[..., rows, :] = self._course(run)[..., rows, :]
        return out

    def _course(self, run: Run) -> Tensor:
        """Those of the whole picture, were it all seen as these rows are: what both key frames tell, in parts."""
        views, middle = self.views(run), self.shutters[run.n] / 2
        first, *second = views
        assert first.flow is not None
        if not second:
            return self._onward(run.n, first.flow, run.since - middle, 1.0)
        left = run.n if run.at >= middle else run.n - 1
        a, span, right = second[0].weight, self.spans[left + 1], second[0].flow
        assert right is not None
        units = (1.0, span) if run.n == left else (1 / span, 1.0)  # periods of the key frames in one of this frame
        by_left = self._onward(left, first.flow, a, units[0])
        by_right = self._onward(left + 1, right, -(1 - a) * span, units[1])
        return by_left + (by_right - by_left) * a

    def _onward(self, n: int, way: Tensor, tau: float | Tensor, unit: float) -> Tensor:
        """Key frame n's paths at the points that lie at x + way(x) in it, from tau on, in periods of which n's has
        ``unit``."""
        path = self._path(n)
        bend = path[:, 2:4] + tau * path[:, 4:] if path.shape[1] == 6 else path[:, 2:4]
        speed = path[:, :2] + tau * (path[:, 2:4] + bend) / 2
        onward = torch.cat((speed * unit, bend * unit**2), 1)
        return sample(onward, sampling_grid(way / self.scale), "bilinear")

    def residual(self, n: int) -> Tensor:
        """v_n - sum_q w_q u(tau_q), (C, H, W), less what of it is noise: what the prox of D1 adds to every instant.

        In units of ``DataWeights.step``: in linear light as a display shows it.
        """
        if self.joint is not None and not bool(self.joint[n].any()):
            return torch.zeros_like(self.frames[n])
        out = self.frames[n].clone()
        for tau in self.taus[n]:
            views = self.views(self.at_once(n, self.shutters[n] / 2 + tau))
            for rows in self.bands():
                out[:, rows] -= self.composed(views, rows)[0] / len(self.taus[n])
        colours = self.frames[n : n + 1, : self.colour]
        if self.data_weights.noisy:
            out.mul_(self.data_weights.signal_share(out[None, : self.colour], colours)[0])
        if self.data_weights.linear:
            out[: self.colour] /= self.data_weights.step(colours[0])
        if self.joint is not None:
            for rows in self.bands():
                out[:, rows] *= self.enlarged(self.joint[n : n + 1], rows)[0]
        return out

    @property
    def colour(self) -> int:
        """The number of channels that are colour: of 2 and 4 the last one is alpha."""
        channels = self.frames.shape[1]
        return channels - (channels + 1) % 2

    def at_once(self, n: int, since: float) -> Run:
        return Run(slice(0, self.frames.shape[-2]), n, since, since, 0.0)

    def runs(self, t: float) -> list[Run]:
        """Which frame each row sees at t, and when: all the same one, or with a rolling shutter each its own."""
        n = min(max(floor(t) - self.start, 0), len(self.frames) - 1)
        since = t - self.start - n
        if self.delays is None:
            return [self.at_once(n, since)]
        rows = since - self.delays[n]
        late = (rows < 0) if n and self.start + n not in self.cuts else torch.zeros_like(rows, dtype=torch.bool)
        runs = []
        for frame, own, sees in ((n, rows, ~late), (n - 1, 1 + rows / self.spans[n], late)):
            shutter = self.shutters[frame]
            parts = torch.where(sees, (own >= shutter / 2).int() + (own > shutter).int(), -1)
            edges = [0, *(parts.diff().nonzero()[:, 0] + 1).tolist(), len(parts)]
            small = _averaged_rows(own, self.scale).to(self.frames)
            slope = float(own[-1] - own[0]) / max(len(own) - 1, 1)
            runs += [
                Run(slice(first, last), frame, float(own[first:last].mean()), small, slope)
                for first, last in pairwise(edges)
                if parts[first] >= 0
            ]
        return runs

    def views(self, run: Run) -> list[View]:
        """What is seen of the key frames."""
        n, since = run.n, run.since
        middle = self.shutters[n] / 2
        left = n if run.at >= middle else n - 1
        if left < 0 or left + 1 >= len(self.keys) or self.start + left + 1 in self.cuts:
            return [View(self.keys[n : n + 1], -displacement(self._path(n), since - middle), 1.0, self.white)]
        opening = left + self.shutters[left] / 2
        span = self.spans[left + 1]
        whole = elapsed(opening, left + 1 + self.shutters[left + 1] / 2, left + 1, span)
        a = elapsed(opening, n + since, left + 1, span) / whole
        slope = run.slope / whole / (1 if n == left else span)
        weights = self.carried[left : left + 1, :1], self.carried[left + 1 : left + 2, 1:]
        to_left, to_right = positions(self._path(left), self._path(left + 1), weights, a, span, self.scale, slope)
        return [
            View(self.keys[left : left + 1], to_left, 1 - a, self.white),
            View(self.keys[left + 1 : left + 2], to_right, a, self.white),
        ]

    def leftovers(self, run: Run, residual: Residuals) -> list[View]:
        """What the key frames lack: the residual.

        The same all through the exposure, as the prox of D1 has it; then carried along the motion from the closing of
        this exposure to the opening of the next, so that sharpness does not pulse with the shutter.
        """
        n, since = run.n, run.since
        shutter = self.shutters[n]
        here = residual(n)[None]
        if run.at <= shutter:
            return [View(here, None, 1.0)]
        path, middle = self._path(n), shutter / 2
        to_closing = displacement(path, middle) - displacement(path, since - middle)
        if n + 1 == len(self.frames) or self.start + n + 1 in self.cuts:
            return [View(here, to_closing, 1.0)]
        path, opening = self._path(n + 1), -self.shutters[n + 1] / 2
        before = displacement(path, opening - (1 - since) * self.spans[n + 1])
        a = (since - shutter) / (1 - shutter)
        return [
            View(here, to_closing, 1 - a),
            View(residual(n + 1)[None], displacement(path, opening) - before, a),
        ]

    def composed(self, views: list[View], rows: slice, onto: Tensor | None = None) -> Tensor:
        """The sum of the views, (1, C, rows, W), added to ``onto`` where that is given."""
        total = self.nothing(rows) if onto is None else onto
        for view in views:
            self.add(total, view, self.part(view, rows), rows)
        return total

    def nothing(self, rows: slice) -> Tensor:
        return self.frames.new_zeros(1, self.frames.shape[1], rows.stop - rows.start, self.frames.shape[-1])

    def part(self, view: View, rows: slice) -> Tensor:
        """Some rows of a view, whatever it counts."""
        if view.flow is None:
            return view.image[:, :, rows]
        return _sampled(view, self.enlarged(view.flow, rows), rows.start)

    def add(self, total: Tensor, view: View, part: Tensor, rows: slice) -> None:
        """Add these rows of a view by what they count."""
        if isinstance(view.weight, Tensor):
            total.addcmul_(part, self.enlarged(view.weight, rows, slice(0, 1)))
        else:
            total.add_(part, alpha=view.weight)

    def completed(self, u: Tensor, leftovers: list[View], rows: slice) -> Tensor:
        """Rows of what the key frames show with what they lack; changes u."""
        if not self.data_weights.linear:
            return self.composed(leftovers, rows, u)
        rest = self.composed(leftovers, rows)
        rest[:, : self.colour] *= self.data_weights.step(u[:, : self.colour])
        return u.add_(rest)

    def _moving(self, n: int) -> Tensor:
        """How far the picture moves within the period, as a smooth weight in [0, 1]: (1, 1, h, w)."""
        return smoothstep(extent(self._path(n)), STILL, MOVING)

    def _path(self, n: int) -> Tensor:
        return self.motion.path[n : n + 1]

    def enlarged(self, field: Tensor, rows: slice, columns: slice | None = None) -> Tensor:
        return upsampled(field, self.scale, (self.frames.shape[-2], self.frames.shape[-1]), rows, columns)

    def bands(self, rows: slice | None = None) -> Iterator[slice]:
        first, last = (rows.start, rows.stop) if rows else (0, self.frames.shape[-2])
        return (slice(y, min(y + self.rows, last)) for y in range(first, last, self.rows))


def _sampled(view: View, flow: Tensor, top: int) -> Tensor:
    """The rows from ``top`` on of a view, flow: (1, 2, rows, W) of the picture's pixels.

    Lights beyond white are sampled linearly: a cubic kernel's negative lobes would draw dark rings around them.
    """
    image, height = view.image, view.image.shape[-2]
    if view.white is None:
        return sample(image, sampling_grid(flow, top=top, height=height))
    low, high = flow[:, 1].aminmax()  # only so much of the image is split
    first = min(max(top + int(low) - 3, 0), height - 1)
    last = max(min(top + flow.shape[-2] + int(high) + 4, height), first + 1)
    strip = image[:, :, first:last]
    grid = sampling_grid(flow, top=top - first, height=last - first)
    below = strip.clamp(max=view.white)
    return sample(below, grid).add_(sample(strip - below, grid, "bilinear"))


@overload
def elapsed(begin: float, end: float, opening: int, span: float) -> float: ...
@overload
def elapsed(begin: float, end: float | Tensor, opening: int, span: float) -> float | Tensor: ...
def elapsed(begin: float, end: float | Tensor, opening: int, span: float) -> float | Tensor:
    """Time from begin to end across the opening of a frame, in periods of the frame before it.

    begin, end: instants that count each frame's own periods. span: the period before the opening over that after it.
    """
    if isinstance(end, Tensor):
        return end.clamp(max=opening) - begin + (end - opening).clamp(min=0) / span
    return min(end, opening) - begin + max(end - opening, 0.0) / span


def _averaged_rows(values: Tensor, scale: int) -> Tensor:
    """Values (H,) of rows as rows of the motion, (1, 1, h, 1)."""
    column = values[None, None, :, None]
    return F.avg_pool2d(column, (scale, 1), ceil_mode=True, count_include_pad=False) if scale > 1 else column
