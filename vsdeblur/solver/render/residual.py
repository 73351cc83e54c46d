"""The residual of the exposures against the key frames, and its return to the instants.

    r_n = v_n - sum_q w_q u(tau_q)

The prox of D1, the data term (``vsdeblur.camera.exposure.Exposure.prox``), adds r_n to every instant of exposure n
alike. While the shutter is closed the residuals of both
exposures are carried along the motion, from the closing of the one to the opening of the next, so that sharpness does
not pulse with the shutter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.flow.motion import displacement
from vsdeblur.heap import release_unused
from vsdeblur.solver.render.compositing import Layer, composite, key_frame_layers, subtract
from vsdeblur.solver.render.geometry import RowGroup, key_frame_positions, whole_frame
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.tensors import known_zero

Residual = Callable[[int], Tensor]  # number of the frame in the window -> (C, H, W)


def exposure_residual(solved: SolvedWindow, n: int) -> Tensor:
    """r_n less its noise.

    Args:
        solved: The window.
        n: Number of the exposure in it.

    Returns:
        (C, H, W), in units of ``DataWeights.step``: of display values where the data is linear.
    """
    by_itself = solved.keys is solved.frames  # every frame was restored so
    if solved.joint is not None and (by_itself or known_zero(solved.joint[n])):
        return torch.zeros_like(solved.frames[n])
    release_unused()
    out = solved.frames[n].clone()
    for layers in at_once(partial(_layers_at, solved, n), solved.taus[n], solved.workers):
        subtract(solved, out, layers, parts=len(solved.taus[n]))
    colours = solved.frames[n : n + 1, : solved.colour]
    if solved.data_weights.noisy:
        out.mul_(solved.data_weights.signal_share(out[None, : solved.colour], colours)[0])
    if solved.data_weights.linear:

        def weigh(rows: slice) -> None:
            out[: solved.colour, rows] /= solved.data_weights.step(colours[0, :, rows])

        solved.by_bands(weigh)
    return joint_part(solved, out, [whole_frame(solved, n, 0.0)])


def _layers_at(solved: SolvedWindow, n: int, tau: float) -> list[Layer]:
    """The key frames at an instant of exposure n, periods from its middle."""
    group = whole_frame(solved, n, solved.shutters[n] / 2 + tau)
    return key_frame_layers(solved, key_frame_positions(solved, group))


def residual_layers(solved: SolvedWindow, group: RowGroup, residual: Residual) -> list[Layer]:
    """The residuals that the group's rows receive: of their own exposure, and of the next one while none is open.

    Args:
        solved: The window.
        group: The rows.
        residual: ``exposure_residual`` of the window, kept or not.
    """
    n, since = group.n, group.since
    shutter = solved.shutters[n]
    here = residual(n)[None]
    if group.at <= shutter:
        return [Layer(here, None, 1.0)]
    path, middle = solved.path(n), shutter / 2
    to_closing = displacement(path, middle) - displacement(path, since - middle)
    if n + 1 == len(solved.frames) or solved.opens_scene(n + 1):
        return [Layer(here, to_closing, 1.0)]
    path, opening = solved.path(n + 1), -solved.shutters[n + 1] / 2
    before = displacement(path, opening - (1 - since) * solved.spans[n + 1])
    a = (since - shutter) / (1 - shutter)
    return [
        Layer(here, to_closing, 1 - a),
        Layer(residual(n + 1)[None], displacement(path, opening) - before, a),
    ]


def add_residual(solved: SolvedWindow, u: Tensor, layers: Sequence[Layer], rows: slice) -> Tensor:
    """u + the residual's layers, for some rows.

    Args:
        solved: The window.
        u: (1, C, rows, W) as composed from key frames; overwritten.
        layers: From ``residual_layers``.
        rows: Of the frame.

    Returns:
        u.
    """
    if not solved.data_weights.linear:
        return composite(solved, layers, rows, u)
    rest = composite(solved, layers, rows)
    rest[:, : solved.colour] *= solved.data_weights.step(u[:, : solved.colour])
    return u.add_(rest)


def joint_part(solved: SolvedWindow, change: Tensor, groups: Sequence[RowGroup]) -> Tensor:
    """The share of a change that belongs to the joint solution.

    Args:
        solved: The window.
        change: (C, H, W), overwritten.
        groups: All rows of it.

    Returns:
        change.
    """
    if solved.joint is not None:
        for group in groups:
            _scale_rows(solved, change, solved.joint[group.n : group.n + 1], group.rows)
    return change


def _scale_rows(solved: SolvedWindow, change: Tensor, share: Tensor, rows: slice) -> None:
    """change (C, H, W) times a share (1, 1, h, w), in some rows."""

    def scale(rows: slice) -> None:
        change[:, rows] *= solved.upsampled(share, rows)[0]

    solved.by_bands(scale, rows)
