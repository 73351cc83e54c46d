"""Instants after a learned step, projected on the exposures.

    u <- u + s d - excess,        excess_n = 1/Q sum_q s d(tau_q)

d is the change that the step makes, s the share of it that is taken. The mean of the change over an exposure
contradicts the data; it is computed from Q instants of the exposure and subtracted from every instant as the residual
is added: evenly while the shutter is open, carried along the motion while it is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.flow.warp import warp
from vsdeblur.footprint import FrameSize
from vsdeblur.heap import release_unused
from vsdeblur.solver.render.blending import blended, is_between
from vsdeblur.solver.render.compositing import keep_static, key_frame_layers, subtract
from vsdeblur.solver.render.geometry import Position, RowGroup, key_frame_positions, row_groups, whole_frame
from vsdeblur.solver.render.instant import band_footprint
from vsdeblur.solver.render.residual import Residual, add_residual, joint_part, residual_layers
from vsdeblur.solver.render.solved import SolvedWindow

CELL = 4  # pixels per side of what one hint stands for
HINTS = 13
HELD = 4  # Q, instants of an exposure at which the change is averaged

# Colours and hints of ``InstantFeatures``, how much is worked on at once -> the change of the first colours.
Step = Callable[[Sequence[Tensor], Tensor, int], Tensor]


class InstantFeatures(NamedTuple):
    """The inputs of the learned step at an instant.

    Attributes:
        pictures: Five (C, H, W): the instant as composed, the key frames before and after moved to it, the last blurry
            frame that opened and the first that closes.
        hints: (1, HINTS, h, w), by cells of CELL pixels: the flows to both key frames, pixels (0 to 3); reliability of
            either's path and whether it is visible in the other (4 to 7); the weight of the later key frame, 0 to 1
            (8); 1 while the shutter is open (9); the place in the exposure (10) and in the gap (11), from -1 to 1, or
            else 0; the shutter (12).
    """

    pictures: tuple[Tensor, ...]
    hints: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RefinedInstants:
    """Instants of a window with a learned step applied.

    Attributes:
        solved: The window.
        step: From pictures and hints to the change of the first picture.
        share: Of the change that is taken, [0, 1].
        residual: ``exposure_residual`` of the window, kept or not.
    """

    solved: SolvedWindow
    step: Step
    share: float
    residual: Residual

    def instant(self, t: float, excess: Residual) -> Tensor:
        """The frame at an instant.

        Args:
            t: Instant, periods of the clip.
            excess: As the method of that name, kept or not.

        Returns:
            (C, H, W), linear light.
        """
        solved, groups = self.solved, row_groups(self.solved, t)
        out, change = self._changed(groups)
        out += change
        for group in groups:
            subtract(solved, out, residual_layers(solved, group, excess), group.rows)
        return keep_static(solved, out, groups)

    def excess(self, n: int) -> Tensor:
        """The change of the mean of exposure n, (C, H, W)."""
        out = torch.zeros_like(self.solved.frames[n])
        for k in range(HELD):
            group = whole_frame(self.solved, n, self.solved.shutters[n] * (k + 0.5) / HELD)
            out += self._changed([group])[1]
        return out.div_(HELD)

    def _changed(self, groups: list[RowGroup]) -> tuple[Tensor, Tensor]:
        """An instant as composed, and its change."""
        solved = self.solved
        known = instant_features(solved, groups, self.residual)
        release_unused()
        change = torch.zeros_like(known.pictures[0])
        colours = [x[: solved.colour] for x in known.pictures]
        change[: solved.colour] = self.step(colours, known.hints, solved.workers).mul_(self.share)
        return known.pictures[0], joint_part(solved, change, groups)


def instant_features(solved: SolvedWindow, groups: list[RowGroup], residual: Residual) -> InstantFeatures:
    """The features of the instant that these groups of rows make up.

    Args:
        solved: The window.
        groups: All rows of the instant.
        residual: ``exposure_residual`` of the window, kept or not.
    """
    composed, before, after = (torch.empty_like(solved.frames[0]) for _ in range(3))
    around = [_exposures(solved, group) for group in groups]
    whole = len(groups) == 1
    opened, closing = (solved.frames[n] if whole else torch.empty_like(composed) for n in around[0])
    hints = composed.new_empty(1, HINTS, *(-(-x // CELL) for x in composed.shape[-2:]))
    for group, (first, last) in zip(groups, around, strict=True):
        places = key_frame_positions(solved, group)
        _compose(solved, group, places, residual, (composed, before, after))
        if not whole:
            rows = group.rows
            opened[:, rows], closing[:, rows] = solved.frames[first, :, rows], solved.frames[last, :, rows]
        cells = slice(group.rows.start // CELL, -(-group.rows.stop // CELL))
        hints[:, :, cells] = _hints(solved, group, places)[:, :, cells]
    return InstantFeatures((composed, before, after, opened, closing), hints)


def _compose(
    solved: SolvedWindow, group: RowGroup, places: Sequence[Position], residual: Residual, into: Sequence[Tensor]
) -> None:
    """The rows of a group: the instant, and the key frames before and after moved to it, (C, H, W) each."""
    layers, rest = key_frame_layers(solved, places), residual_layers(solved, group, residual)
    composed, before, after = into

    def compose(rows: slice) -> None:
        u, moved = blended(solved, group, layers, rows)
        composed[:, rows] = add_residual(solved, u, rest, rows)[0]
        before[:, rows], after[:, rows] = moved[0][0], moved[-1][0]

    solved.by_bands(compose, group.rows)


def _exposures(solved: SolvedWindow, group: RowGroup) -> tuple[int, int]:
    """The last exposure that has opened and the first that has not closed: the same one while it is open."""
    return group.n, group.n + 1 if is_between(solved, group) else group.n


def _hints(solved: SolvedWindow, group: RowGroup, places: Sequence[Position]) -> Tensor:
    """(1, HINTS, h, w) of the whole frame, as if all of it were exposed with the group's rows."""
    shutter = solved.shutters[group.n]
    size = tuple(-(-x // CELL) for x in solved.size)

    def by_cells(field: Tensor) -> Tensor:
        return _by_cells(field, solved.scale, size)

    def plane(value: float | Tensor) -> Tensor:
        like = solved.frames.new_empty(1, 1, *size)
        return by_cells(value).expand_as(like) if isinstance(value, Tensor) else like.fill_(value)

    flows = [by_cells(place.flow) for place in places]
    sides = [(places[0].n, 1, flows[0]), (places[-1].n, 2, flows[-1])]
    fields = torch.cat((solved.motion.reliability, solved.motion.occlusion), 1)
    trust = [warp(by_cells(fields[k : k + 1, : side + 1 : side]), flow / CELL, "bilinear") for k, side, flow in sides]
    is_open = group.at <= shutter
    during = 2 * group.since / shutter - 1 if is_open else 0.0
    between = 0.0 if is_open else 2 * (group.since - shutter) / max(1 - shutter, 1e-3) - 1
    later = places[-1].weight if len(places) > 1 else 0.5
    flat = [plane(x) for x in (later, float(is_open), during, between, shutter)]
    return torch.cat((flows[0], flows[-1], *trust, *flat), 1)


def _by_cells(field: Tensor, scale: int, size: tuple[int, ...]) -> Tensor:
    """A field of the motion's resolution, or one value for each of its rows, averaged or interpolated to cells."""
    if CELL % scale:
        return F.interpolate(field, (size[0], size[1] if field.shape[-1] > 1 else 1), mode="bilinear")
    cell = CELL // scale
    wide = cell if field.shape[-1] > 1 else 1
    return F.avg_pool2d(field, (cell, wide), ceil_mode=True, count_include_pad=False)


def footprint(size: FrameSize, band: int, step: int, *, averaged: bool, rolling: bool) -> int:
    """Bytes of rendering an instant with its change.

    Held are the instant before it, two residuals and two changes of a mean, and the instant and both key frames moved
    to it; for an output shutter the mean; with a rolling shutter one residual more, and rows of several exposures side
    by side. At work is either a residual and a band, or the change and the learned step.

    Args:
        size: Of the frame.
        band: Rows rendered at once.
        step: Bytes of the learned step at work.
        averaged: There is an output shutter.
        rolling: There is a rolling shutter.
    """
    return (9 + averaged + 4 * rolling) * size.frame + max(band_footprint(size, band), step)
