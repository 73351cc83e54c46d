"""Unrolled deconvolution: a few rounds of a linear data step and a learned proximal step.

    x = argmin_x  || M (v - A x) ||^2 + rho_k || x - z ||^2,     rho_k = (noise / error_k)^2
    z = P(x, v, A'M(v - A x))

Half-quadratic splitting with a network in the place of the prox, the same in every stage. M is 0 where the camera
clipped. error_k is the deviation that z is assumed to have; it falls from stage to stage. The first z is the result of
plug and play with total variation, since what takes many rounds is cheap there; the network supplies what that lacks.
Blur adds up light, so the data step works on light; the network works on display values.

References:
    Laroche, Almansa and Tassano 2022, who linearise the data step instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.protocol import extended, inside
from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.operators import gram
from vsdeblur.priors.pictures import as_given, colours
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.solver.chebyshev import chebyshev
from vsdeblur.unet import ALIGNED
from vsdeblur.weights import fill

START = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=6, steps=8)
ERRORS = (0.02, 0.015)  # of the start, and of what each stage but the last leaves
STEPS = (4, 4)  # of Chebyshev's iteration in the data step of each stage
_MODEL = 0.004  # least error of a blur model, in values: a lower bound of the assumed noise
_CLIPPED = 0.996  # share of the clip level: values from here on are lower bounds of the light


@dataclass(frozen=True, slots=True)
class UnrolledDeconvolution:
    """Unrolled half-quadratic splitting: a ``Deconvolver``.

    Attributes:
        network: The proximal step.
        linear: Values are linear light, which the network receives through a display's curve.
        clip: The value from which on v is clipped; None where it never is.
    """

    network: RestorationNet
    linear: bool = False
    clip: float | None = None

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture.

        Args:
            v: (B, C, H, W); an alpha channel (C 2 or 4) stays as it is.
            blur: Of v's size.
            sigma: Standard deviation of v's noise.

        Returns:
            (B, C, H, W).
        """
        colour = v[:, : colours(v.shape[1])].expand(-1, 3, -1, -1)
        return as_given(stages(self.network, colour, blur, sigma, self.clip, self.linear)[-1], v)


def stages(
    network: RestorationNet,
    v: Tensor,
    blur: Blur,
    noise: float,
    clip: float | None = None,
    linear: bool = False,
    start: Tensor | None = None,
) -> list[Tensor]:
    """The result of every stage, without its margin.

    Differentiable in the network, and in the blur where that is, but not through the start.

    Args:
        network: The proximal step.
        v: (B, 3, H, W).
        blur: Of v's size.
        noise: Standard deviation of v's noise.
        clip: As in ``UnrolledDeconvolution``.
        linear: As in ``UnrolledDeconvolution``.
        start: (B, 3, H, W); None for the result of ``started``.

    Returns:
        One (B, 3, H, W) for each stage.
    """
    known = torch.ones_like(v[:, :1]) if clip is None else unclipped(v, clip)
    start = started(v, blur, noise, clip) if start is None else start
    z, continued = extended(start, blur), extended(v, blur)
    inside_v = F.pad(known, (blur.margin,) * 4).repeat_interleave(len(z) // len(v), 0)  # the same for each plane
    blurry = to_smooth_display(continued) if linear else continued
    out = []
    noise = max(noise, 1e-4) + _MODEL
    largest = norm_bound(blur, v)
    for error, steps in zip(ERRORS, STEPS, strict=True):
        x = data_step(v, blur, z, known, (noise / error) ** 2, largest, steps)
        missing = blur.adjoint(known * (v - blur(x)))
        seen = to_smooth_display(x) if linear else x
        z = _padded(network, seen, blurry, missing, inside_v, noise, error)
        z = from_smooth_display(z) if linear else z
        out.append(inside(z, blur))
    return out


def started(v: Tensor, blur: Blur, noise: float, clip: float | None) -> Tensor:
    """The start of the stages: v restored with total variation, without gradients.

    Args:
        v: (B, 3, H, W).
        blur: Of v's size.
        noise: Standard deviation of v's noise.
        clip: The value from which on v is clipped; None where it never is.

    Returns:
        (B, 3, H, W).
    """
    return replace(START, clip=clip)(v, blur, noise)


def data_step(v: Tensor, blur: Blur, z: Tensor, known: Tensor, rho: float, largest: float, steps: int) -> Tensor:
    """argmin_x || M (v - A x) ||^2 + rho || x - z ||^2, approximated by a fixed number of Chebyshev steps from z.

    Args:
        v: (B, C, H, W).
        blur: A, of v's size.
        z: (B, C, H + 2 margin, W + 2 margin).
        known: M, (B, 1, H, W) in [0, 1].
        rho: Weight of z, above 0.
        largest: At least the norm of A'A.
        steps: Of Chebyshev's iteration.

    Returns:
        x, of z's shape.
    """
    data_gram = gram(blur, known)

    def normal(x: Tensor) -> Tensor:
        return data_gram(x) + rho * x

    return chebyshev(normal, blur.adjoint(known * v) + rho * z, z, max(rho, _LOWEST), largest + rho, steps)


_LOWEST = 0.02  # of A'A's spectrum: frequencies below are left to the network


@torch.no_grad()
def norm_bound(blur: Blur, like: Tensor) -> float:
    """An upper bound of ||A'A||: the largest row sum of A times its largest column sum (Schur's test).

    Args:
        blur: A.
        like: (B, ...), gives batch, type and device alone.
    """
    columns = blur.adjoint(like.new_ones(len(like), 1, *blur.size))
    rows = blur(torch.ones_like(columns))
    return 1.01 * float(columns.amax() * rows.amax())


def unclipped(v: Tensor, clip: float) -> Tensor:
    """M: 0 where a channel of v reaches the clip level, else 1.

    Args:
        v: (B, C, H, W).
        clip: The value from which on v is clipped.

    Returns:
        (B, 1, H, W).
    """
    return (v.amax(1, keepdim=True) < _CLIPPED * clip).to(v.dtype)


def load_unrolled_deconvolution(
    weights: Path | None = None, device: torch.device | None = None
) -> UnrolledDeconvolution:
    """Unrolled deconvolution with trained weights.

    Args:
        weights: A file that ``vsdeblur train restoration`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = RestorationNet()
    fill(network, "restoration", weights)
    network.to(device or torch.device("cpu")).to(memory_format=torch.channels_last)
    return UnrolledDeconvolution(network.eval())


def _padded(network: RestorationNet, *given: Tensor | float) -> Tensor:
    """``network`` on pictures of any size."""
    height, width = given[0].shape[-2:]  # type: ignore[union-attr]
    margin = (0, -width % ALIGNED, 0, -height % ALIGNED)
    pictures: Sequence[Tensor | float] = [
        F.pad(x, margin, mode="replicate") if isinstance(x, Tensor) and any(margin) else x for x in given
    ]
    out: Tensor = network(*pictures)
    return out[..., :height, :width]
