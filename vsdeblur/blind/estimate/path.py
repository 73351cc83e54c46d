"""The blur of a shaken camera from the picture alone: one movement of the camera explains every pixel's kernel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.kernel_step import fitted
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.operators.graded import GradedBlur
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.camera.noise import noise_level
from vsdeblur.errors import ArgumentError

REACH = 15  # px, of a kernel to each side, in a picture of at most LARGEST
LARGEST = 320  # px, along the longer side: larger pictures are looked at smaller
TURN = 0.7  # how far roll may move pixels half way to the border, as a share of REACH
COUNT = 5  # pieces along each side that have a kernel of their own
RANK = 10  # kernels of the blur that is returned
_ROUNDS = 6
SMALLEST = 48


def estimate_uniform(v: Tensor, sigma: float | None = None, reach: int = REACH) -> UniformBlur:
    """One kernel for the whole of v (1, C, H, W), display values.

    sigma: of the noise in v; None measures it. reach: as ``REACH``. Raises ArgumentError for less than 48 px a side.
    """
    small, level = looked_at(v, sigma)
    poses = Alternation(reach)(small, level)
    middle = torch.tensor([[poses.size[1] // 2, poses.size[0] // 2]])
    kernel = _larger(poses.blur.kernels(middle), v.shape[-2] / poses.size[0])[0]
    return UniformBlur(kernel / kernel.sum(), (v.shape[-2], v.shape[-1]))


def estimate_path(v: Tensor, sigma: float | None = None, reach: int = REACH) -> GradedBlur:
    """The blur of a camera that turned in any way during the exposure; arguments as ``estimate_uniform``."""
    small, level = looked_at(v, sigma)
    return blended(Alternation(reach, TURN, COUNT)(small, level), (v.shape[-2], v.shape[-1]))


def refine(v: Tensor, blur: Blur, sigma: float | None = None, reach: int = REACH, rounds: int = _ROUNDS) -> GradedBlur:
    """The movement of a camera that comes nearest to ``blur``, improved on what v (1, C, H, W) shows.

    blur: from a network or from a neighbouring frame; what no movement of a camera can do is lost from it.
    """
    small, level = looked_at(v, sigma)
    size = (small.shape[-2], small.shape[-1])
    n = 2 * reach + 1
    patches = Patches.over(size, COUNT)
    share = size[0] / v.shape[-2]
    points = (patches.middles / share).long()
    kernels = resized(blur.kernels(points).float(), share, n)
    poses = fitted(kernels, Poses.still(size, n, 2 * round(TURN * reach) + 1), patches.middles)
    improved = Alternation(reach, TURN, COUNT).improved(small, poses, level, rounds)
    return blended(improved, (v.shape[-2], v.shape[-1]))


def blended(poses: Poses, size: tuple[int, int]) -> GradedBlur:
    """The blur of the poses in a picture of ``size``, by kernels in COUNT x COUNT places and blended between them."""
    patches = Patches.over(poses.size, COUNT)
    kernels = poses.blur.kernels(patches.middles)
    shares = kernels.new_zeros(1, len(kernels), *poses.size)
    tall, wide = patches.windows.shape[-2:]
    for k, (y, x) in enumerate(zip(patches.rows, patches.columns, strict=True)):
        shares[0, k, y : y + tall, x : x + wide] = patches.windows[k, 0]
    few = PixelwiseBlur(kernels[None], shares).compressed(RANK)
    basis = _larger(few.basis[0], size[0] / poses.size[0])[None]
    light = torch.einsum("bkhw,bk->bhw", few.weights, basis.sum((-2, -1)))
    return GradedBlur(basis, few.weights / light[:, None], size)  # constants stay what they are


def looked_at(v: Tensor, sigma: float | None) -> tuple[Tensor, float]:
    """(1, 1, h, w): v in grey, no larger than LARGEST, and its noise."""
    if v.ndim != 4 or len(v) != 1 or min(v.shape[-2:]) < SMALLEST:
        raise ArgumentError("v", tuple(v.shape), f"one picture (1, C, H, W) of at least {SMALLEST} px a side")
    grey = v.float().mean(1, keepdim=True)
    if max(v.shape[-2:]) > LARGEST:
        share = LARGEST / max(v.shape[-2:])
        size = [max(SMALLEST, round(n * share)) for n in v.shape[-2:]]
        grey = F.interpolate(grey, size, mode="bicubic", antialias=True, align_corners=False)
    if grey.shape[-2:] == v.shape[-2:] and v.shape[1] == 1 and sigma is not None:
        return grey, sigma
    return grey, noise_level(grey)  # less than in v


def _larger(kernels: Tensor, times: float) -> Tensor:
    """Kernels (P, n, n) of a picture that was made ``times`` smaller, in the picture as it is; not normalised."""
    side = 2 * round(kernels.shape[-1] // 2 * times) + 1
    if side == kernels.shape[-1]:
        return kernels
    return F.interpolate(kernels[None], (side, side), mode="bilinear", align_corners=True)[0] / times**2


def resized(kernels: Tensor, share: float, n: int) -> Tensor:
    """Kernels (P, n', n') of a picture made ``share`` times as large, cut or filled up to (P, n, n)."""
    if share < 1:
        side = max(3, 2 * round(kernels.shape[-1] // 2 * share) + 1)
        kernels = F.interpolate(kernels[None], (side, side), mode="bilinear", antialias=True)[0]
    more = n // 2 - kernels.shape[-1] // 2
    kernels = F.pad(kernels, (more,) * 4).clamp_min(0)
    return kernels / kernels.sum((-2, -1), keepdim=True)
