"""An instant: composed from the key frames around it, with the residual of the exposure that it lies in."""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.solver.render.compositing import composite, keep_static, key_frame_layers
from vsdeblur.solver.render.geometry import key_frame_positions, row_groups
from vsdeblur.solver.render.residual import Residual, add_residual, residual_layers
from vsdeblur.solver.render.solved import SolvedWindow


def render_instant(solved: SolvedWindow, t: float, residual: Residual) -> Tensor:
    """The frame at t.

    Args:
        solved: the window.
        t: periods of the clip.
        residual: ``exposure_residual`` of the window, kept or not.

    Returns:
        (C, H, W), linear light.
    """
    out = torch.empty_like(solved.frames[0])
    groups = row_groups(solved, t)
    for group in groups:
        layers = key_frame_layers(solved, key_frame_positions(solved, group))
        rest = residual_layers(solved, group, residual)
        for rows in solved.bands(group.rows):
            out[:, rows] = add_residual(solved, composite(solved, layers, rows), rest, rows)[0]
    return keep_static(solved, out, groups)
