"""The blur of a shaken camera from the picture alone: one camera motion explains every pixel's kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.alternate import LAST, Alternation
from vsdeblur.blind.estimate.kernel_step import fitted
from vsdeblur.blind.estimate.multiscale import LARGEST, refine_scales, scaled
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import flow_through
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError

REACH = 15  # px from the middle of a kernel to its border: longer blurs are found in the picture made smaller
TURN = 0.7  # largest displacement by roll at half the shorter side from the middle, as a share of REACH
COUNT, FINER = 4, 6  # pieces along each side that have a kernel of their own, at first and at the end
NODES = 8  # kernels along the longer side of the blur that is returned, and how far apart they are, pixels
_NEAR, _FAR = 32, 96
_NOTHING = 1e-3  # of a kernel's peak
MIN_ESTIMATE_SIDE = 48


def estimate_uniform(v: Tensor, sigma: float | None = None, reach: int = REACH) -> UniformBlur:
    """One kernel for the whole picture.

    Args:
        v: (1, C, H, W), display values.
        sigma: Standard deviation of v's noise; None measures it.
        reach: Pixels from the middle of a kernel to its border, at the scale of the first estimate.

    Raises:
        ArgumentError: v is not one picture of at least 48 px a side.
    """
    grey, level = grey_of(v, sigma)
    poses = refine_scales(grey, Alternation(reach)(*small(grey, level)), level)
    middle = torch.tensor([[poses.size[1] // 2, poses.size[0] // 2]])
    kernel = trimmed(larger(poses.blur.kernels(middle), v.shape[-2] / poses.size[0]))[0]
    return UniformBlur(kernel.to(v.device), (v.shape[-2], v.shape[-1]))


def estimate_path(v: Tensor, sigma: float | None = None, reach: int = REACH) -> FilterFlow:
    """The blur of a camera that rotated in any way during the exposure.

    Args:
        v: (1, C, H, W), display values.
        sigma: Standard deviation of v's noise; None measures it.
        reach: Pixels from the middle of a kernel to its border, at the scale of the first estimate.

    Raises:
        ArgumentError: v is not one picture of at least 48 px a side.
    """
    return blur_of(v, lambda seen, level: camera_poses(seen, level, reach), sigma)


def blur_of(v: Tensor, find: Callable[[Tensor, float], Poses], sigma: float | None = None) -> FilterFlow:
    """The blur of a picture by the poses that are found in it at moderate size, refined at its own.

    Args:
        v: (1, C, H, W), display values.
        find: Poses of a picture (1, 1, h, w), display values, under noise of some deviation.
        sigma: Standard deviation of v's noise; None measures it.

    Raises:
        ArgumentError: v is not one picture of at least 48 px a side.
    """
    grey, level = grey_of(v, sigma)
    return blended(refine_scales(grey, find(*small(grey, level)), level), v)


def camera_poses(seen: Tensor, sigma: float, reach: int = REACH) -> Poses:
    """The poses of a camera that rotated in any way, in a picture of moderate size.

    Args:
        seen: (1, 1, H, W), display values.
        sigma: Standard deviation of its noise.
        reach: As in ``estimate_path``.
    """
    return Alternation(reach, TURN, COUNT, FINER)(seen, sigma)


def refine(v: Tensor, blur: Blur, sigma: float | None = None, reach: int = REACH, rounds: int = LAST) -> FilterFlow:
    """The camera motion nearest to a given blur, refined on the picture.

    Args:
        v: (1, C, H, W), display values.
        blur: Of v's size, from a network or a neighbouring frame; what no camera motion can produce is lost.
        sigma: Standard deviation of v's noise; None measures it.
        reach: Pixels from the middle of a kernel to its border, at the scale of the first estimate.
        rounds: Of expectation and kernel step.

    Raises:
        ArgumentError: v is not one picture of at least 48 px a side.
    """
    grey, level = grey_of(v, sigma)
    seen, less = small(grey, level)
    size = (seen.shape[-2], seen.shape[-1])
    n = 2 * reach + 1
    patches = Patches.over(size, FINER)
    share = size[0] / v.shape[-2]
    kernels = resized(blur.kernels((patches.middles / share).long()).float().cpu(), share, n)
    poses = fitted(kernels, Poses.still(size, n, 2 * round(TURN * reach) + 1), patches.middles)
    improved = Alternation(reach, TURN, COUNT, FINER).improved(seen, poses, less, rounds)
    return blended(refine_scales(grey, improved, level), v)


def blended(poses: Poses, v: Tensor) -> FilterFlow:
    """The blur of poses at a picture's own size, by kernels at nodes, interpolated between them.

    Args:
        poses: At that size or smaller.
        v: (1, C, H, W), gives size and device alone.
    """
    size = (v.shape[-2], v.shape[-1])
    times = size[0] / poses.size[0]
    blur = poses.blur

    def kernels(points: Tensor) -> Tensor:
        return trimmed(larger(blur.kernels(points / times), times)).to(v.device)

    reach = round(times * blur.margin * poses.fullness)
    return flow_through(kernels, size, max(_NEAR, min(max(size) // NODES, max(_FAR, reach))))


def grey_of(v: Tensor, sigma: float | None) -> tuple[Tensor, float | None]:
    """The mean over the channels of a picture, on the processor, and its noise where that is known.

    Args:
        v: (1, C, H, W).
        sigma: Standard deviation of v's noise, or None.

    Returns:
        (1, 1, H, W) float32, and sigma for one channel; None for several, whose mean has less noise.

    Raises:
        ArgumentError: v is not one picture of at least 48 px a side.
    """
    if v.ndim != 4 or len(v) != 1 or min(v.shape[-2:]) < MIN_ESTIMATE_SIDE:
        raise ArgumentError("v", tuple(v.shape), f"one picture (1, C, H, W) of at least {MIN_ESTIMATE_SIDE} px a side")
    return v.float().mean(1, keepdim=True).cpu(), sigma if v.shape[1] == 1 else None


def small(grey: Tensor, sigma: float | None) -> tuple[Tensor, float]:
    """A grey picture (1, 1, H, W) no larger than LARGEST, at least 48 px a side, and its noise; see ``scaled``."""
    share = LARGEST / max(grey.shape[-2:])
    return scaled(grey, max(share, MIN_ESTIMATE_SIDE / min(grey.shape[-2:])), sigma)


def larger(kernels: Tensor, times: float) -> Tensor:
    """Kernels of a smaller picture, at the picture's own size.

    Args:
        kernels: (P, n, n).
        times: Factor between the two sizes, 1 or more.

    Returns:
        (P, n', n'), each summing to 1.
    """
    side = 2 * round(kernels.shape[-1] // 2 * times) + 1
    if side != kernels.shape[-1]:
        kernels = F.interpolate(kernels[None], (side, side), mode="bilinear", align_corners=True)[0]
    return kernels / kernels.sum((-2, -1), keepdim=True)


def trimmed(kernels: Tensor) -> Tensor:
    """Kernels (P, n, n) without the border where all are negligible: their cost grows with their width."""
    m = kernels.shape[-1] // 2
    seen = (kernels > _NOTHING * kernels.amax((-2, -1), keepdim=True)).any(0)
    reach = int((seen.nonzero() - m).abs().max())
    kept = kernels[:, m - reach : m + reach + 1, m - reach : m + reach + 1]
    return kept / kept.sum((-2, -1), keepdim=True)


def resized(kernels: Tensor, share: float, n: int) -> Tensor:
    """Kernels of a picture made smaller, cropped or padded to a given side.

    Args:
        kernels: (P, n', n'), at the picture's own size.
        share: Of the picture's sides; from 1 on the kernels keep their scale.
        n: Side of the result, odd.

    Returns:
        (P, n, n), each summing to 1.
    """
    if share < 1:
        side = max(3, 2 * round(kernels.shape[-1] // 2 * share) + 1)
        kernels = F.interpolate(kernels[None], (side, side), mode="bilinear", antialias=True)[0]
    more = n // 2 - kernels.shape[-1] // 2
    kernels = F.pad(kernels, (more,) * 4).clamp_min(0)
    return kernels / kernels.sum((-2, -1), keepdim=True)
