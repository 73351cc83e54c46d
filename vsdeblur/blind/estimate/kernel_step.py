"""The kernel step: the density of the camera's poses, given the sharp picture and the blurry one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import FAINT, Poses
from vsdeblur.blind.estimate.quadratic import KernelQuadratic

_RIDGE = 1e-3  # of the gradients' energy
_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedKernel:
    """What is known of the kernel in the middle of the picture beside the data: weight || S_0 w - kernel ||^2.

    Attributes:
        kernel: (n, n).
        weight: In units of the data's squared misfit.
    """

    kernel: Tensor
    weight: float


def kernel_step(u: Tensor, v: Tensor, poses: Poses, patches: Patches, expected: ExpectedKernel | None = None) -> Poses:
    """argmin over densities w >= 0 of  sum_p || Dv - (S_p w) Du ||^2 + ridge |w|^2, over the pieces p of the picture.

    Convex; on gradients, as flat areas do not constrain the kernel. The local kernels are S_p w, so that the pictures
    enter once, through their correlations. Poses adjacent to those in use may come into use: one step of the grid each
    time.

    Args:
        u: Du, (P, 2, h + 2m, w + 2m): ``gradients`` of the sharp pieces, m the margin of the poses' kernels.
        v: Dv, (P, 2, h, w): ``gradients`` of the blurry pieces.
        poses: The estimate so far.
        patches: The pieces.
        expected: A further term, of the kernel in the middle; it takes the place of the ridge.

    Returns:
        The new poses; those given where the pieces have no gradients.

    References:
        Whyte et al. 2010, eq. 12; Hirsch et al. 2011 for local kernels.
    """
    n = poses.side
    m = n // 2
    root = patches.windows.sqrt()
    slopes = u * F.pad(root, (m,) * 4)  # around a piece u is extrapolated
    quadratic = KernelQuadratic.of(slopes, v * root, n)
    which = poses.active(1)
    spread = poses.shares(which, patches.middles)
    gather = spread.t().coalesce()
    ridge = _RIDGE * float(slopes.square().sum()) if expected is None else 0.0
    pull = torch.sparse.mm(gather, quadratic.cross.reshape(-1, 1))
    if expected is not None:
        spread_0 = poses.shares(which, torch.tensor([[poses.size[1] // 2, poses.size[0] // 2]]))
        gather_0 = expected.weight * spread_0.t().coalesce()
        pull += torch.sparse.mm(gather_0, expected.kernel.reshape(-1, 1))

    def gram(w: Tensor) -> Tensor:
        kernels = torch.sparse.mm(spread, w).view(-1, n, n)
        seen: Tensor = torch.sparse.mm(gather, quadratic.gram(kernels).reshape(-1, 1))
        if expected is None:
            return seen + ridge * w
        middle: Tensor = torch.sparse.mm(gather_0, torch.sparse.mm(spread_0, w))
        return seen + middle

    at = which.unbind(1)
    found = nonnegative(gram, pull, poses.density[at][:, None])
    if float(found.sum()) <= 0:
        return poses  # no edges, no quadratic
    density = torch.zeros_like(poses.density)
    density[at] = found[:, 0]
    return Poses(density, poses.size, poses.step).cleaned()


def fitted(kernels: Tensor, poses: Poses, points: Tensor, faint: float = FAINT) -> Poses:
    """The density whose kernels are nearest to given ones in the mean square, starting from every pose.

    Args:
        kernels: (P, n, n), each summing to 1.
        poses: Gives the grid and the picture's size.
        points: (P, 2) integer pixels, x then y: where the kernels lie.
        faint: See ``Poses.cleaned``.
    """
    which = torch.ones_like(poses.density).nonzero()
    spread = poses.shares(which, points)
    gather = spread.t().coalesce()

    def gram(w: Tensor) -> Tensor:
        seen: Tensor = torch.sparse.mm(gather, torch.sparse.mm(spread, w))
        return seen

    start = torch.full((len(which), 1), 1.0 / len(which))
    found = nonnegative(gram, torch.sparse.mm(gather, kernels.reshape(-1, 1)), start)
    return Poses(found.view_as(poses.density), poses.size, poses.step).cleaned(faint)


def nonnegative(gram: Callable[[Tensor], Tensor], pull: Tensor, start: Tensor, steps: int = _STEPS) -> Tensor:
    """argmin over w >= 0 of  w'Gw / 2 - pull'w, by accelerated projected gradients (FISTA).

    Args:
        gram: w -> G w, symmetric and positive semidefinite.
        pull: (J, 1).
        start: (J, 1), 0 or more.
        steps: Iterations.

    Returns:
        w, (J, 1).

    References:
        Beck and Teboulle 2009.
    """
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
    """Forward differences to the right and down, 0 at the last column and row.

    Args:
        x: (P, 1, H, W).

    Returns:
        (P, 2, H, W).
    """
    right = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
    down = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return torch.cat((right, down), 1)
