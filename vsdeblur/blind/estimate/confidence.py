"""The confidence of an estimated blur, and its gate: undoing a blur that is not there harms more than leaving one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.latent import StrongEdges, strong_edges
from vsdeblur.blind.estimate.multiscale import LARGEST, PIECES, SIDE, scaled
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.path import MIN_ESTIMATE_SIDE, REACH, estimate_path, grey_of, resized
from vsdeblur.blind.operators.fourier import fast_length, transfer
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur

THRESHOLD = 0.4  # of the confidence, from which on a blur is undone
_PIECES = 3  # along each side, under one kernel each: fewer than for the estimate, as borders cost
_LEAST_SPREAD = 0.5  # pixels, of a kernel whose scatter is measured
_EDGE = 0.01  # a step in value that counts as an edge
# The share of its pixels that must be edges in half of a large picture's pieces, at least: of twelve sharp photographs
# one of a petal partly out of focus passed the gate, with 5%; those that passed rightly had 23% and more.
_ENOUGH = 0.1


@dataclass(frozen=True, slots=True)
class _Rule:
    """Confidence as a product of ramps, each over the range of a measure.

    Attributes:
        spread: Standard deviation of the kernels, pixels.
        edges: Number of edges that explain the picture through the blur, over that without one.
        cost: Their cost, over that without a blur.
        scatter: Effective number of the kernels' pixels, over their spread.
    """

    spread: tuple[float, float]
    edges: tuple[float, float]
    cost: tuple[float, float]
    # A path of one pixel's width has 4 to 15, whatever its length; what is found in waves and clouds, where hardly an
    # edge is strong, fills the plane and has 16.5 to 42.
    scatter: tuple[float, float] = 14.0, 17.0

    def __call__(self, spread: float, edges: float, cost: float, scatter: float) -> float:
        path = 1 - _ramp(scatter, *self.scatter)
        return path * _ramp(spread, *self.spread) * (1 - _ramp(edges, *self.edges)) * (1 - _ramp(cost, *self.cost))


# Estimates of sharp pictures spread light by up to 1.16 px, shakes that were worth undoing by 1.24 and more: twenty
# photographs as they were, sixty-five shaken, none held out. On pieces of large ones the same rule passed a sharp
# photograph.
_WHOLE = _Rule(spread=(1.1, 1.4), edges=(0.9, 0.95), cost=(1.1, 1.2))
_OF_PIECES = _Rule(spread=(1.3, 2.0), edges=(1.0, 1.1), cost=(1.02, 1.05))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a picture says of a blur.

    Attributes:
        confidence: That the picture is blurred by it, [0, 1].
        spread: Standard deviation of the kernels, pixels; 0 where the blur is not judged further.
        cost: Of the picture's strong edges through the blur, over that without one.
    """

    confidence: float
    spread: float = 0.0
    cost: float = 1.0


def confidence(v: Tensor, blur: Blur, sigma: float | None = None) -> float:
    """That of ``judged``."""
    return judged(v, blur, sigma).confidence


def judged(v: Tensor, blur: Blur, sigma: float | None = None) -> Judgement:
    """The confidence that v is blurred by ``blur``, and what it follows from.

    A product of three measures. The blur must spread light further than the estimates of sharp pictures do, about a
    pixel, and along a path. And fewer strong edges must explain the picture through it than without any blur, for a
    blurred edge is a flight of steps; nor may their cost, misfit and number, be much larger: text, whose edges are as
    sharp as edges can be, takes as many at a larger cost.

    Pixels are those of the scale at which the blur fills REACH. Of a picture that is larger than LARGEST there, pieces
    of the largest gradient alone are evaluated, under the stricter rule.

    Args:
        v: (1, C, H, W), display values.
        blur: Of that size.
        sigma: Standard deviation of v's noise; measured when None.
    """
    grey, level = grey_of(v, sigma)
    share = max(LARGEST / max(blur.size), MIN_ESTIMATE_SIDE / min(blur.size), min(REACH / max(blur.margin, 1), 1))
    seen, less = scaled(grey, share, level)
    size = (seen.shape[-2], seen.shape[-1])
    share = min(share, 1.0)
    large = max(size) > LARGEST
    patches = Patches.by_gradient(seen, PIECES, SIDE) if large else Patches.over(size, _PIECES)
    here = (patches.middles / share).long()
    kernels = blur.kernels(here.minimum(torch.tensor(blur.size[::-1]) - 1).to(v.device)).float().cpu()
    kernels = resized(kernels, share, max(3, 2 * round(blur.margin * share) + 1))
    rule = _OF_PIECES if large else _WHOLE
    far = float(spread(kernels).median())
    if far <= rule.spread[0]:
        return Judgement(0.0)
    still = torch.zeros_like(kernels)  # of the same size, so that the same border around the picture is extrapolated
    still[:, still.shape[-1] // 2, still.shape[-1] // 2] = 1
    simply, edges = cost(seen, still, patches, less)
    if bool((edges == 0).all()) or (large and float(edges.median()) < _ENOUGH):
        return Judgement(0.0)
    price, left = cost(seen, kernels, patches, less)
    scatter = float((effective_pixels(kernels) / spread(kernels).clamp_min(_LEAST_SPREAD)).median())
    found = rule(far, float(left.sum() / edges.sum()), price / simply, scatter)
    return Judgement(found, far, price / simply)


def cost(v: Tensor, kernels: Tensor, patches: Patches, sigma: float) -> tuple[float, Tensor]:
    """The cost ||k u - v||^2 + price |D u|_0 of the strong edges u that explain v, per pixel.

    Args:
        v: (1, 1, H, W), display values.
        kernels: (P, n, n), of each of the P pieces.
        patches: The pieces.
        sigma: Standard deviation of v's noise.

    Returns:
        The cost, and |D u|_0 of each piece, (P,), both per pixel.
    """
    edges, m = StrongEdges(), kernels.shape[-1] // 2
    pieces, windows = patches.cut(v), patches.windows
    u = strong_edges(pieces, kernels, edges.price(sigma))
    side = [fast_length(n) for n in u.shape[-2:]]
    blurred = torch.fft.irfft2(torch.fft.rfft2(u, s=side) * transfer(kernels, (side[0], side[1]))[:, None], s=side)
    tall, wide = windows.shape[-2:]
    misfit, inside = (x[..., m : m + tall, m : m + wide] for x in (blurred, u))
    right, down = inside.diff(dim=-1)[..., :-1, :], inside.diff(dim=-2)[..., :-1]
    many = F.pad((right.square() + down.square() > _EDGE**2).to(v), (0, 1, 0, 1))
    error, number = ((x * windows).sum((1, 2, 3)) for x in ((misfit - pieces).square(), many))
    price = float((error + edges.price(sigma) * number).sum() / windows.sum())
    return price, number / windows.sum((1, 2, 3))


def spread(kernels: Tensor) -> Tensor:
    """The standard deviation of kernels about their mean, pixels.

    Args:
        kernels: (P, n, n), each summing to 1.

    Returns:
        (P,).
    """
    return covariance(kernels).diagonal(dim1=1, dim2=2).sum(1).clamp_min(0).sqrt()


def effective_pixels(kernels: Tensor) -> Tensor:
    """The exponential of the entropy of kernels: so many pixels, if all were alike.

    Args:
        kernels: (P, n, n), each summing to 1.

    Returns:
        (P,).
    """
    entropy: Tensor = torch.special.entr(kernels.clamp_min(0)).sum((-2, -1))
    return entropy.exp()


def covariance(kernels: Tensor) -> Tensor:
    """The covariance of kernels about their mean, square pixels.

    Args:
        kernels: (P, n, n), each summing to 1.

    Returns:
        (P, 2, 2), x then y.
    """
    line = torch.arange(kernels.shape[-1]).to(kernels)
    across, down = kernels.sum(1), kernels.sum(2)
    x, y = (line - (along * line).sum(1, keepdim=True) for along in (across, down))
    xx, yy = (across * x.square()).sum(1), (down * y.square()).sum(1)
    xy = torch.einsum("pyx,py,px->p", kernels, y, x)
    return torch.stack((xx, xy, xy, yy), -1).view(-1, 2, 2)


@dataclass(frozen=True, slots=True)
class ConfidenceGate:
    """A blur estimator that returns no blur where the confidence of its estimate is below a threshold.

    A picture of less than 48 pixels a side has no blur.

    Attributes:
        estimate: (1, C, H, W) display values -> Blur.
        threshold: Of the confidence, [0, 1].
    """

    estimate: Callable[[Tensor], Blur] = estimate_path
    threshold: float = THRESHOLD

    def __call__(self, picture: Tensor) -> Blur:
        """The blur of a picture, one pixel wide where none passes the gate.

        Args:
            picture: (1, C, H, W), display values.
        """
        if min(picture.shape[-2:]) < MIN_ESTIMATE_SIDE:
            return no_blur(picture)
        blur = self.estimate(picture)
        return blur if confidence(picture, blur) >= self.threshold else no_blur(picture)


def no_blur(picture: Tensor) -> UniformBlur:
    """A blur one pixel wide, of a picture (1, C, H, W)."""
    return UniformBlur(torch.ones(1, 1, device=picture.device), (picture.shape[-2], picture.shape[-1]))


def _ramp(x: float, low: float, high: float) -> float:
    """0 up to ``low``, 1 from ``high`` on, linear between."""
    return min(max((x - low) / (high - low), 0.0), 1.0)
