"""The blur of a picture by the kernel network."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.kernel_net import ALIGN, REACH, SPAN, KernelNet
from vsdeblur.blind.operators.patched import PatchedBlur
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.priors.pictures import in_colour
from vsdeblur.tiles import tiles
from vsdeblur.weights import fill

WINDOW = 256  # pixels that have kernels of their own, and more of them around
OVERLAP = 48
RANK = 6  # kernels to which a window's are compressed, for speed
_FAR = 0.75  # of REACH: weight outside means that the blur is longer than the kernels
_MUCH = 0.1  # share of such weight
_SMALLER = (1, 2, 4)  # factors by which a picture is made smaller
_FAINT = 0.03  # of a kernel's peak: what is fainter is the network's uncertainty


class KernelEstimator:
    """Kernels for windows of a picture by the kernel network, each mixed pixel by pixel.

    Blurs that are longer than the network's kernels are estimated in the picture made smaller.
    """

    def __init__(self, network: KernelNet) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> PatchedBlur:
        """The blur of a picture.

        Args:
            picture: (1, C, H, W), display values, C 1 or 3.
        """
        size = (picture.shape[-2], picture.shape[-1])
        for smaller in _SMALLER:
            if smaller > 1 and min(size) < 2 * SPAN * smaller:
                break
            pieces = list(tiles(*size, WINDOW * smaller, OVERLAP * smaller))
            found, cut_off = [], 0.0
            for tile in pieces:
                blur = self._window(picture[..., tile.rows, tile.columns], smaller)
                cut_off += light_far_out(blur) / len(pieces)
                found.append((tile, blur.compressed(RANK)))  # at once: the kernels' shares take much room
            if cut_off < _MUCH:
                break
        return PatchedBlur(size, found)

    def _window(self, window: Tensor, smaller: int) -> PixelwiseBlur:
        """The blur of one window, estimated ``smaller`` times smaller."""
        size = (window.shape[-2], window.shape[-1])
        small = in_colour(F.avg_pool2d(window, smaller, ceil_mode=True, count_include_pad=False), ALIGN)
        basis, shares, _ = self.network(small)
        return meant_blur(basis, shares, size, smaller)


def meant_blur(basis: Tensor, shares: Tensor, size: tuple[int, int], smaller: int = 1) -> PixelwiseBlur:
    """The blur from the network's outputs; differentiable.

    Args:
        basis: (B, K, n, n), logarithms of the kernels, unnormalised.
        shares: (B, K, h, w), logarithms of their weights, unnormalised.
        size: (H, W) of the pictures, of which the network received a version ``smaller`` times smaller, padded at its
            ends.
        smaller: Factor between the picture and the network's input.
    """
    height, width = (-(-n // smaller) for n in size)
    fine = F.interpolate(shares.float(), scale_factor=4.0, mode="bilinear")[..., :height, :width]
    if smaller > 1:
        fine = F.interpolate(fine, size, mode="bilinear")
    kernels = basis.float().flatten(2).softmax(-1).view_as(basis)
    kernels = (kernels - _FAINT * kernels.amax((-2, -1), keepdim=True)).clamp_min(0)
    if smaller > 1:
        n = 2 * REACH * smaller + 1
        kernels = F.interpolate(kernels, (n, n), mode="bilinear", align_corners=True)
    return PixelwiseBlur(kernels / kernels.sum((-2, -1), keepdim=True), fine.softmax(1))


def light_far_out(blur: PixelwiseBlur) -> float:
    """The share of the kernels' weight at more than three quarters of the distance from their middle to the border."""
    m = blur.margin
    line = torch.arange(-m, m + 1, device=blur.basis.device).abs()
    far = torch.maximum(line[:, None], line) > _FAR * m
    share = blur.weights.mean((0, 2, 3))
    return float((share[:, None, None] * blur.basis[0])[:, far].sum())


def load_kernel_estimator(weights: Path | None = None, device: torch.device | None = None) -> KernelEstimator:
    """The kernel network with trained weights.

    Args:
        weights: A file that ``vsdeblur train kernels`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = KernelNet()
    fill(network, "kernels", weights)
    return KernelEstimator(network.to(device or torch.device("cpu")).to(memory_format=torch.channels_last))
