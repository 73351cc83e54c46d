"""Instants after the learned step, held to the exposures as what was composed from key frames already is.

The mean of what the step changes while a shutter is open goes against the data. It is found from a few instants of the
exposure, and taken from every instant as the residual is given: evenly while the shutter is open, and carried along the
motion from shutter to shutter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.solver.render.solved import Residuals, Run, SolvedWindow, View

CELL = 4  # pixels per side of what one hint stands for
HINTS = 13
HELD = 4  # instants of an exposure that it is held to

Step = Callable[
    [Sequence[Tensor], Tensor], Tensor
]  # pictures and hints of ``InstantFeatures``, of colours -> the change


class InstantFeatures(NamedTuple):
    """What there is to know of an instant.

    pictures: five (C, H, W): as it was composed, the key frames before and after it moved to it, the last blurry frame
    that opened and the first that closes. hints: (1, HINTS, h, w), by cells of CELL pixels: the ways to both key
    frames, pixels (0 to 3); trust of either's path and whether it is seen in the other (4 to 7); where between them the
    instant lies, from 0 to 1 (8); 1 while the shutter is open (9); where in the exposure it lies (10), and where in the
    gap (11), from -1 to 1, or else 0; the shutter (12).
    """

    pictures: tuple[Tensor, ...]
    hints: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RefinedInstants:
    """``scene`` with ``step`` at its instants. share: how far the step is followed. residual: the scene's, kept."""

    scene: SolvedWindow
    step: Step
    share: float
    residual: Residuals

    def instant(self, t: float, excess: Residuals) -> Tensor:
        """The frame (C, H, W) at t, in periods of the clip; excess: gives what ``excess`` does, kept or not."""
        scene, runs = self.scene, self.scene.runs(t)
        out, change = self._changed(runs)
        out += change
        for run in runs:
            views = scene.leftovers(run, excess)
            for rows in scene.bands(run.rows):
                out[:, rows] -= scene.composed(views, rows)[0]
        return scene.settled(out, runs)

    def excess(self, n: int) -> Tensor:
        """What the step would change the mean of exposure n by, (C, H, W)."""
        out = torch.zeros_like(self.scene.frames[n])
        for k in range(HELD):
            run = self.scene.at_once(n, self.scene.shutters[n] * (k + 0.5) / HELD)
            out += self._changed([run])[1]
        return out.div_(HELD)

    def _changed(self, runs: list[Run]) -> tuple[Tensor, Tensor]:
        """An instant as it was composed, and what the step changes it by."""
        scene = self.scene
        known = instant_features(scene, runs, self.residual)
        change = torch.zeros_like(known.pictures[0])
        change[: scene.colour] = self.step([x[: scene.colour] for x in known.pictures], known.hints).mul_(self.share)
        return known.pictures[0], scene.owed(change, runs)


def instant_features(scene: SolvedWindow, runs: list[Run], residual: Residuals) -> InstantFeatures:
    """What there is to know of the instant that these rows see."""
    composed, before, after = (torch.empty_like(scene.frames[0]) for _ in range(3))
    around = [_exposures(scene, run) for run in runs]
    whole = len(runs) == 1
    opened, closing = (scene.frames[n] if whole else torch.empty_like(composed) for n in around[0])
    hints = composed.new_empty(1, HINTS, *(-(-x // CELL) for x in composed.shape[-2:]))
    for run, (first, last) in zip(runs, around, strict=True):
        views, rest = scene.views(run), scene.leftovers(run, residual)
        for rows in scene.bands(run.rows):
            u, parts = scene.nothing(rows), [scene.part(view, rows) for view in views]
            for view, part in zip(views, parts, strict=True):
                scene.add(u, view, part, rows)
            composed[:, rows] = scene.completed(u, rest, rows)[0]
            before[:, rows], after[:, rows] = parts[0][0], parts[-1][0]
            if not whole:
                opened[:, rows], closing[:, rows] = scene.frames[first, :, rows], scene.frames[last, :, rows]
        cells = slice(run.rows.start // CELL, -(-run.rows.stop // CELL))
        hints[:, :, cells] = _hints(scene, run, views)[:, :, cells]
    return InstantFeatures((composed, before, after, opened, closing), hints)


def _exposures(scene: SolvedWindow, run: Run) -> tuple[int, int]:
    """The last exposure that has opened and the first that has not closed: one and the same while it is open."""
    n, after = run.n, run.n + 1
    closed = run.at > scene.shutters[n] and after < len(scene.frames) and scene.start + after not in scene.cuts
    return n, after if closed else n


def _hints(scene: SolvedWindow, run: Run, views: list[View]) -> Tensor:
    """(1, HINTS, h, w) of the whole picture, were it all seen as these rows are."""
    n, shutter = run.n, scene.shutters[run.n]
    size = tuple(-(-x // CELL) for x in scene.frames.shape[-2:])

    def by_cells(field: Tensor) -> Tensor:
        return _by_cells(field, scene.motion.scale(*scene.frames.shape[-2:]), size)

    def plane(value: float | Tensor) -> Tensor:
        like = scene.frames.new_empty(1, 1, *size)
        return by_cells(value).expand_as(like) if isinstance(value, Tensor) else like.fill_(value)

    first = n if len(views) == 1 or run.at >= shutter / 2 else n - 1  # as ``SolvedWindow.views`` has it
    ways = [by_cells(view.flow) for view in views if view.flow is not None]
    sides = [(first, 1, ways[0]), (first + len(views) - 1, 2, ways[-1])]
    told = torch.cat((scene.motion.reliability, scene.motion.occlusion), 1)
    trust = [
        sample(by_cells(told[k : k + 1, (0, side)]), sampling_grid(way / CELL), "bilinear") for k, side, way in sides
    ]
    is_open = run.at <= shutter
    during = 2 * run.since / shutter - 1 if is_open else 0.0
    between = 0.0 if is_open else 2 * (run.since - shutter) / max(1 - shutter, 1e-3) - 1
    at = views[-1].weight if len(views) > 1 else 0.5
    flat = [plane(x) for x in (at, float(is_open), during, between, shutter)]
    return torch.cat((ways[0], ways[-1], *trust, *flat), 1)


def _by_cells(field: Tensor, scale: int, size: tuple[int, ...]) -> Tensor:
    """A field of the motion's resolution, or one value for each of its rows, by cells."""
    if CELL % scale:
        return F.interpolate(field, (size[0], size[1] if field.shape[-1] > 1 else 1), mode="bilinear")
    cell = CELL // scale
    wide = cell if field.shape[-1] > 1 else 1
    return F.avg_pool2d(field, (cell, wide), ceil_mode=True, count_include_pad=False)
