"""Large pictures: the movement found in them made small is refined at larger scales, on pieces of large gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.kernel_step import gradients, kernel_step
from vsdeblur.blind.estimate.latent import StrongEdges, strong_edges
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.camera.noise import noise_level

LARGEST = 320  # px, along the longer side: in larger pictures only pieces are looked at
PIECES, SIDE = 4, 144  # along each side of the picture; px: together about as many pixels as in the largest whole one
_ROUNDS = 3
_STEP = 2.0  # of scale, at most, and what is not worth one
_LEAST_STEP = 1.2
_ROOM = 0.85  # of the kernels' reach that a movement may take up when it is looked at closer
# Of the brightest pose, at the end: the haze around a path has grown with it. At 0.05 kernels of 8 px at 1216 x 789
# were a third too wide, and restored pictures lost 3.6 dB. Before the end as much would keep a path from growing.
_FAINT = 0.12


@torch.no_grad()
def refine_scales(v: Tensor, poses: Poses, sigma: float | None) -> Poses:
    """The movement of the camera as v (1, 1, H, W) shows it at the largest scale at which it is within reach.

    poses: found in v made smaller. sigma: of the noise in v; None measures it. Each scale costs the same, however large
    v is: as many pieces of one size. A picture that was hardly made smaller keeps its poses.
    """
    begun = poses
    while (times := _step(v, poses)) >= _LEAST_STEP:
        small, level = scaled(v, poses.size[0] / v.shape[-2] * times, sigma)
        poses = poses.zoomed((small.shape[-2], small.shape[-1]), times)
        patches = Patches.by_gradient(small, PIECES, SIDE)
        pieces, price = patches.cut(small), StrongEdges().price(level)
        slopes = gradients(pieces)
        for _ in range(_ROUNDS):
            u = strong_edges(pieces, poses.blur.kernels(patches.middles), price)
            poses = kernel_step(gradients(u), slopes, poses, patches)
    return poses if poses is begun else poses.cleaned(_FAINT)


def scaled(v: Tensor, share: float, sigma: float | None) -> tuple[Tensor, float]:
    """v (1, 1, H, W) made smaller, ``share`` times as large, and the noise that is left in it."""
    if share >= 1:
        return v, noise_level(v) if sigma is None else sigma
    size = [round(n * share) for n in v.shape[-2:]]
    small = F.interpolate(v, size, mode="bicubic", antialias=True, align_corners=False)
    return small, noise_level(small)


def _step(v: Tensor, poses: Poses) -> float:
    """How many times closer the next look is."""
    return min(_STEP, v.shape[-2] / poses.size[0], _ROOM / max(poses.fullness, 1e-3))
