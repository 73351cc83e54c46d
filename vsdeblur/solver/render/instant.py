"""An instant: composed from the key frames around it, with the residual of the exposure that it lies in."""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.footprint import FLOAT, FrameSize
from vsdeblur.solver.render.blending import MARGIN, blended
from vsdeblur.solver.render.compositing import keep_static, key_frame_layers
from vsdeblur.solver.render.geometry import RowGroup, key_frame_positions, row_groups
from vsdeblur.solver.render.residual import Residual, add_residual, residual_layers
from vsdeblur.solver.render.solved import SolvedWindow


def render_instant(solved: SolvedWindow, t: float, residual: Residual) -> Tensor:
    """The frame at an instant.

    Args:
        solved: The window.
        t: Instant, periods of the clip.
        residual: ``exposure_residual`` of the window, kept or not.

    Returns:
        (C, H, W), linear light.
    """
    out = torch.empty_like(solved.frames[0])
    groups = row_groups(solved, t)
    for group in groups:
        _render_group(solved, group, residual, out)
    return keep_static(solved, out, groups)


def _render_group(solved: SolvedWindow, group: RowGroup, residual: Residual, out: Tensor) -> None:
    """The rows of a group, into ``out`` (C, H, W)."""
    layers = key_frame_layers(solved, key_frame_positions(solved, group))
    rest = residual_layers(solved, group, residual)

    def render(rows: slice) -> None:
        out[:, rows] = add_residual(solved, blended(solved, group, layers, rows)[0], rest, rows)[0]

    solved.by_bands(render, group.rows)


def footprint(size: FrameSize, band: int, *, averaged: bool, rolling: bool) -> int:
    """Bytes of rendering an instant.

    The instant and the one before it, two residuals, a third while it is computed, or its power: 6 frames. One more
    for the mean of an output shutter, and one for the exposure that a rolling shutter's first rows lie in. And a band.

    Args:
        size: Of the frame.
        band: Rows rendered at once.
        averaged: There is an output shutter.
        rolling: There is a rolling shutter.
    """
    return (6 + averaged + rolling) * size.frame + band_footprint(size, band)


def band_footprint(size: FrameSize, band: int) -> int:
    """Bytes of rendering a band of so many rows: the images that are sampled, their detail, and their fields."""
    return (band + 2 * MARGIN) * size.width * FLOAT * (8 * size.channels + 32)
