"""The cubic part of paths, from where points are two frames away.

A path through both neighbours is a parabola q. The points two frames away, at times t = 1 + p and t = -r - s of this
frame's periods (p, r, s: those of the frames after, before and before that), say how it goes on by Newton's form of
interpolation:

    psi(t) = q(t) + b t (t - 1) (t + r),        b = (psi(t) - q(t)) / (t (t - 1) (t + r))

b falls out of either side. Taken is the mean, as far as both agree and the points are seen there; a side that is not in
the window says that there is no bend.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from vsdeblur.flow.motion import Motion, MotionEngine, bent, displacement
from vsdeblur.flow.warp import warp
from vsdeblur.tensors import box, known_zero
from vsdeblur.window import Window

_AROUND = 9  # points that share a bend
_MOST = 0.5  # of the mean way to a neighbour: the velocity in mid-exposure keeps its direction
_DISAGREEMENT = 0.1  # weight of the squared difference of both sides against the squared bend
_FLOOR = 0.02  # pixels^2 of a bend that counts as one half


@dataclass(frozen=True, slots=True, eq=False)
class BentMotion:
    """A ``MotionEngine``: the paths that ``first`` finds, with their cubic part.

    Paths that have one already (a shaken camera's, a network's) and those of a still picture stay as they are.
    """

    first: MotionEngine
    is_motion_engine: ClassVar[bool] = True

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        motion = self.first(window, shutter)
        if motion.path.shape[1] == 6 or len(motion.path) < 4 or known_zero(motion.path):
            return motion
        path = motion.path.new_zeros(len(motion.path), 6, *motion.path.shape[-2:])
        scale = motion.scale(*window.frames.shape[-2:])
        for n in range(len(path)):
            path[n : n + 1, :4] = motion.path[n : n + 1]
            bend = bend_of(motion, n, window.spans, scale)
            if bend is not None:
                path[n : n + 1] = bent(motion.path[n : n + 1], bend, window.spans[n])
        return replace(motion, path=path)


def bend_of(motion: Motion, n: int, spans: tuple[float, ...], scale: int = 1) -> Tensor | None:
    """The bend (1, 2, h, w), pixels, of frame n's path, as ``motion.bent`` takes it.

    Args:
        motion: The parabolas, (n, 4, h, w).
        n: The frame.
        spans: As in ``Window``: the duration of the frame before over that of each.
        scale: ``motion.scale``, pixels of the picture per point.

    Returns:
        None for frames that lack a neighbour.
    """
    path, seen, count = motion.path, motion.occlusion, len(motion.path)
    if not 0 < n < count - 1:
        return None
    here, ratio = slice(n, n + 1), spans[n]
    absent = torch.zeros_like(path[here, :2])
    bends, weights = [], []
    for step, tau, side in ((1, 1.0, 0), (-1, -ratio, 1)):
        if not 0 <= n + 2 * step < count:
            bends.append(absent)
            weights.append(torch.ones_like(seen[here, :1]))
            continue
        beside = slice(n + step, n + step + 1)
        there, t = (1.0, 1 + 1 / spans[n + 1]) if step > 0 else (-spans[n - 1], -ratio * (1 + spans[n - 1]))
        way = displacement(path[here], tau)
        onward = torch.cat((displacement(path[beside], there), seen[beside, side : side + 1]), 1)
        onward = warp(onward, way / scale, "bilinear")
        left = way + onward[:, :2] - displacement(path[here], t)
        bends.append(left / (t * (t - 1) * (t + ratio)))
        weights.append(seen[here, side : side + 1] * onward[:, 2:])
    share = (weights[0] + weights[1]) / 2
    bend = (bends[0] * weights[0] + bends[1] * weights[1]) / (2 * share + 1e-3)
    agreed, apart = box(_squared(bend), _AROUND), box(_squared(bends[0] - bends[1]), _AROUND)
    share = share * seen[here].amin(1, keepdim=True) * agreed / (agreed + _DISAGREEMENT * apart + _FLOOR)
    length = (_squared(displacement(path[here], 1.0)).sqrt() + _squared(displacement(path[here], -ratio)).sqrt()) / 2
    bend = bend * (_MOST * length / _squared(bend).sqrt().clamp(min=1e-6)).clamp(max=1)
    return box(bend * share, _AROUND)


def _squared(field: Tensor) -> Tensor:
    """Squared lengths (1, 1, h, w) of vectors (1, 2, h, w)."""
    return field.square().sum(1, keepdim=True)
