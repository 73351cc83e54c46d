"""Large pictures: the motion found in a smaller version is refined at larger scales, on pieces of large gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.kernel_step import gradients, kernel_step
from vsdeblur.blind.estimate.latent import StrongEdges, strong_edges
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.camera.noise import noise_level

LARGEST = 320  # px, along the longer side: of larger pictures only pieces are evaluated
PIECES, SIDE = 4, 144  # along each side of the picture; px: together about as many pixels as in the largest whole one
_ROUNDS = 3
_STEP = 2.0  # largest factor between scales; below _LEAST_STEP there is no further scale
_LEAST_STEP = 1.2
_ROOM = 0.85  # share of the kernels' reach that the motion may fill at the next scale
# Of the largest density, at the end: the haze around a path has grown with it. At 0.05 kernels of 8 px at 1216 x 789
# were a third too wide, and restored pictures lost 3.6 dB. Before the end as much would keep a path from growing.
_FAINT = 0.12


@torch.no_grad()
def refine_scales(v: Tensor, poses: Poses, sigma: float | None) -> Poses:
    """The camera's poses at the largest scale at which their motion lies within the grid.

    Each scale costs the same, however large v is: the same number of pieces of one size. Where v hardly exceeds the
    poses' size they are returned as they are.

    Args:
        v: (1, 1, H, W), display values.
        poses: Found in v made smaller.
        sigma: Standard deviation of v's noise; None measures it.
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
    """A picture made smaller, and its noise.

    Args:
        v: (1, 1, H, W).
        share: Of the sides; from 1 on v is returned as it is.
        sigma: Standard deviation of v's noise where known; None measures it. Of a smaller picture it is always
            measured.

    Returns:
        (1, 1, share * H, share * W), and the standard deviation of its noise.
    """
    if share >= 1:
        return v, noise_level(v) if sigma is None else sigma
    size = [round(n * share) for n in v.shape[-2:]]
    small = F.interpolate(v, size, mode="bicubic", antialias=True, align_corners=False)
    return small, noise_level(small)


def _step(v: Tensor, poses: Poses) -> float:
    """The factor to the next scale, limited by v's size and the grid."""
    return min(_STEP, v.shape[-2] / poses.size[0], _ROOM / max(poses.fullness, 1e-3))
