"""The cubic part of paths, from where points are two frames away.

A path through both neighbours is a parabola q. The points two frames away, at times t = 1 + p and t = -r - s of this
frame's periods (p, r, s: those of the frames after, before and before that), say how it goes on by Newton's form of
interpolation:

    psi(t) = q(t) + b t (t - 1) (t + r),        b = (psi(t) - q(t)) / (t (t - 1) (t + r))

b falls out of either side. What both agree on is taken, and of frames that have one side only what that says, as far as
the points are seen there. A hand that turns back within a period moves on a cubic like that: with the true ways to both
neighbours of ten clips of people and hands, restoring along the least-squares cubic won 0.7 dB over the parabola.
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
        None for frames that lack a neighbour, and both of those two frames away.
    """
    path, seen, count = motion.path, motion.occlusion, len(motion.path)
    if not 0 < n < count - 1:
        return None
    here = slice(n, n + 1)
    sides = []
    for step, tau, side in ((1, 1.0, 0), (-1, -spans[n], 1)):
        if not 0 <= n + 2 * step < count:
            continue
        next_to = slice(n + step, n + step + 1)
        period = spans[n] if step < 0 else 1 / spans[n + 1]  # of the neighbour, in this frame's
        way = displacement(path[here], tau)
        further = displacement(path[next_to], 1.0 if step > 0 else -spans[n - 1])
        moved = warp(torch.cat((further, seen[next_to, side : side + 1]), 1), way / scale, "bilinear")
        t = 1 + period if step > 0 else -spans[n] * (1 + spans[n - 1])
        left = way + moved[:, :2] - displacement(path[here], t)
        sides.append((left / (t * (t - 1) * (t + spans[n])), seen[here, side : side + 1] * moved[:, 2:]))
    if not sides:
        return None
    weights = torch.cat([weight for _, weight in sides], 1)
    bend = sum((value * weight for value, weight in sides), torch.zeros_like(sides[0][0]))
    bend = bend / (weights.sum(1, keepdim=True) + 1e-3)
    share = weights.mean(1, keepdim=True) * seen[here].amin(1, keepdim=True)
    if len(sides) == 2:
        agreed = box(_squared(bend), _AROUND)
        share = share * agreed / (agreed + _DISAGREEMENT * box(_squared(sides[0][0] - sides[1][0]), _AROUND) + _FLOOR)
    length = (_squared(displacement(path[here], 1.0)).sqrt() + _squared(displacement(path[here], -spans[n])).sqrt()) / 2
    bend = bend * (_MOST * length / _squared(bend).sqrt().clamp(min=1e-6)).clamp(max=1)
    return box(bend * share, _AROUND)


def _squared(field: Tensor) -> Tensor:
    """Squared lengths (1, 1, h, w) of vectors (1, 2, h, w)."""
    return field.square().sum(1, keepdim=True)
