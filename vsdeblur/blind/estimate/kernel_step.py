"""The kernel step: where the camera looked, given the sharp picture and the blurry one."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import FAINT, Poses
from vsdeblur.blind.estimate.quadratic import KernelQuadratic

_RIDGE = 1e-3  # of the gradients' energy
_STEPS = 40


def kernel_step(u: Tensor, v: Tensor, poses: Poses, patches: Patches) -> Poses:
    """argmin over densities w >= 0 of  sum_p || Dv - (S_p w) Du ||^2 + ridge |w|^2, over the pieces p of the picture.

    u: Du, (P, 2, h + 2m, w + 2m), v: Dv, (P, 2, h, w): ``gradients`` of the pieces, m that of the poses. Convex; on
    gradients, as flat areas say nothing. Whyte et al. 2010, eq. 12, with the local kernels S_p w of Hirsch et al.
    2011, so that the pictures are only looked at once, through their correlations. Poses next to those in use may come
    into use: one step of the grid each time.
    """
    n = poses.density.shape[-1]
    m = n // 2
    root = patches.windows.sqrt()
    slopes = u * F.pad(root, (m,) * 4)  # around a piece u is only a guess
    quadratic = KernelQuadratic.of(slopes, v * root, n)
    which = poses.active(1)
    spread = poses.shares(which, patches.middles)
    gather = spread.t().coalesce()
    ridge = _RIDGE * float(slopes.square().sum())

    def gram(w: Tensor) -> Tensor:
        kernels = torch.sparse.mm(spread, w).view(-1, n, n)
        seen: Tensor = torch.sparse.mm(gather, quadratic.gram(kernels).reshape(-1, 1))
        return seen + ridge * w

    pull = torch.sparse.mm(gather, quadratic.cross.reshape(-1, 1))
    at = which.unbind(1)
    found = nonnegative(gram, pull, poses.density[at][:, None])
    if float(found.sum()) <= 0:
        return poses  # no edges, no quadratic
    density = torch.zeros_like(poses.density)
    density[at] = found[:, 0]
    return Poses(density, poses.size).cleaned()


def fitted(kernels: Tensor, poses: Poses, points: Tensor, faint: float = FAINT) -> Poses:
    """The density whose kernels at ``points`` (P, 2) are nearest to kernels (P, n, n), starting from every pose."""
    which = torch.ones_like(poses.density).nonzero()
    spread = poses.shares(which, points)
    gather = spread.t().coalesce()

    def gram(w: Tensor) -> Tensor:
        seen: Tensor = torch.sparse.mm(gather, torch.sparse.mm(spread, w))
        return seen

    start = torch.full((len(which), 1), 1.0 / len(which))
    found = nonnegative(gram, torch.sparse.mm(gather, kernels.reshape(-1, 1)), start)
    return Poses(found.view_as(poses.density), poses.size).cleaned(faint)


def nonnegative(gram: Callable[[Tensor], Tensor], pull: Tensor, start: Tensor, steps: int = _STEPS) -> Tensor:
    """argmin over w >= 0 of  w'Gw / 2 - pull'w  for w (J, 1), by accelerated projected gradients (FISTA)."""
    # The power method, from no symmetric start: a few steps come within a fifth of the largest eigenvalue.
    probe = 1 + torch.sin(torch.arange(len(start), dtype=start.dtype, device=start.device))[:, None]
    for _ in range(6):
        seen = gram(probe)
        steepest = float(seen.norm() / probe.norm())
        if steepest == 0:
            return start
        probe = seen / seen.norm()
    step = 1 / (1.3 * steepest)
    w = ahead = start
    t = 1.0
    for _ in range(steps):
        following = (ahead - step * (gram(ahead) - pull)).clamp_min(0)
        later = (1 + math.sqrt(1 + 4 * t * t)) / 2
        ahead = following + (t - 1) / later * (following - w)
        w, t = following, later
    return w


def gradients(x: Tensor) -> Tensor:
    """(P, 2, H, W): to the right and down, 0 at the last column and row."""
    right = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
    down = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return torch.cat((right, down), 1)
