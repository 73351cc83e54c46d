"""Whether to believe a blur that was found: undoing one that is not there is worse than leaving one that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.estimate.latent import StrongEdges
from vsdeblur.blind.estimate.path import COUNT, SMALLEST, estimate_path, looked_at, resized
from vsdeblur.blind.operators.graded import GradedBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur

_SHORT, _LONG = 1.3, 2.0  # px, spread of light: what is found in sharp pictures, and what only in blurred ones
_AS_DEAR, _DEARER = 1.02, 1.05  # cost of the picture under the blur over that without blur
_PIECES = 3  # along each side, under one kernel each: fewer than for the estimate, as borders cost
_EDGE = 0.01  # a step in value that counts as an edge


def confidence(v: Tensor, blur: Blur, sigma: float | None = None) -> float:
    """From 0, leave the picture alone, to 1: v (1, C, H, W) is blurred as ``blur`` says.

    Two signs together. The blur must spread light further than what is "found" in sharp pictures, about a pixel. And
    the strong edges that explain the picture through it must not be dearer, in misfit and number, than those that do
    so without any blur: text, whose edges are as sharp as edges can be, becomes several times dearer. sigma: of the
    noise in v; None measures it. A large picture is looked at smaller, as for the estimate, and pixels are those.
    """
    grey, level = looked_at(v, sigma)
    here = _smaller(blur, (grey.shape[-2], grey.shape[-1]))
    kernels = here.kernels(_places(here.size)).to(grey)
    far = _ramp(float(spread(kernels).median()), _SHORT, _LONG)
    if far == 0:
        return 0.0
    m = here.margin  # the same for both: so much is guessed around the picture
    still = UniformBlur(torch.nn.functional.pad(torch.ones(1, 1), (m,) * 4), here.size)
    simply, edges = cost(grey, still, level)
    if edges == 0:
        return 0.0
    dearer = cost(grey, here, level)[0] / simply
    return far * (1 - _ramp(dearer, _AS_DEAR, _DEARER))


def cost(v: Tensor, blur: Blur, sigma: float) -> tuple[float, float]:
    """||A u - v||^2 + weight |D u|_0 of the strong edges u that explain v (1, 1, H, W), and |D u|_0; per pixel."""
    edges = StrongEdges(_PIECES)
    u, m = edges(v, blur, sigma), blur.margin
    seen = u[..., m : m + blur.size[0], m : m + blur.size[1]]
    right, down = seen[..., :-1, 1:] - seen[..., :-1, :-1], seen[..., 1:, :-1] - seen[..., :-1, :-1]
    many = float((right.square() + down.square() > _EDGE**2).to(v).mean())
    return float((blur(u) - v).square().mean()) + edges.price(sigma) * many, many


def spread(kernels: Tensor) -> Tensor:
    """(P,): how far kernels (P, n, n) spread light around its mean, standard deviation, pixels."""
    line = torch.arange(kernels.shape[-1]).to(kernels)
    total = torch.zeros_like(kernels[:, 0, 0])
    for axis in (1, 2):
        along = kernels.sum(axis)
        mean = (along * line).sum(1, keepdim=True)
        total = total + (along * (line - mean).square()).sum(1)
    return total.clamp_min(0).sqrt()


@dataclass(frozen=True, slots=True)
class Careful:
    """``estimate(picture) -> Blur``: what ``find`` finds, or no blur at all where that is not to be believed.

    Nor is anything to be seen in a picture of less than 48 pixels a side.
    """

    find: Callable[[Tensor], Blur] = estimate_path
    least: float = 0.7

    def __call__(self, picture: Tensor) -> Blur:
        """The blur of picture (1, C, H, W), display values."""
        none = UniformBlur(torch.ones(1, 1, device=picture.device), (picture.shape[-2], picture.shape[-1]))
        if min(none.size) < SMALLEST:
            return none
        blur = self.find(picture)
        return blur if confidence(picture, blur) >= self.least else none


def _smaller(blur: Blur, size: tuple[int, int]) -> Blur:
    """The blur in the picture made smaller to ``size``: kernels of COUNT x COUNT places, and between them mixtures."""
    if blur.size == size:
        return blur
    share = size[0] / blur.size[0]
    kernels = blur.kernels(_places(blur.size)).float()
    side = max(3, 2 * round(blur.margin * share) + 1)
    basis = resized(kernels, share, side)
    shares = torch.eye(COUNT * COUNT, device=basis.device).view(1, COUNT * COUNT, COUNT, COUNT)
    return GradedBlur(basis[None], shares, size)


def _places(size: tuple[int, int]) -> Tensor:
    """(COUNT * COUNT, 2) integer pixels, x then y, from corner to corner."""
    y, x = (torch.linspace(0, n - 1, COUNT).round().long() for n in size)
    return torch.stack((x.repeat(COUNT), y.repeat_interleave(COUNT)), 1)


def _ramp(x: float, low: float, high: float) -> float:
    return min(max((x - low) / (high - low), 0.0), 1.0)
