"""Equivariant imaging by deepinv's own losses, to compare those of ``equivariant`` with.

    SURE(f(y), y) + || T_g x1 - f(A T_g x1 + n) ||^2,     x1 = f(y), T_g made smaller

deepinv's operators take a picture to data of one size, and this project's to data that lack the margin: here A
continues a picture beyond its border by mirroring, and SURE leaves out what that reaches. Its losses that split the
data (SplittingLoss, Neighbor2Neighbor) do not fit: f would have to restore from data with holes, which its data steps
have no mask for but that of clipped lights.

References:
    Chen, Tachella, Davies: Robust equivariant imaging, CVPR 2022: SURE beside the equivariant loss.
    Tachella et al.: DeepInverse, 2025.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages
from vsdeblur.blind.estimate.kernel_net import REACH
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.external import package
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipes.equivariant import EquivariantRecipe
from vsdeblur.training.recipes.restoration import STEPS

_FACTORS = [0.6, 0.7, 0.8]  # sides of a result that was made smaller, over its own: as in ``equivariant``
_CLIP = 1.0
_LEAST_NOISE = 1e-3  # of SURE's finite difference


class DeepinvRecipe(EquivariantRecipe):
    """``EquivariantRecipe`` of pictures whose blur is known, by deepinv's SureGaussianLoss and EILoss.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.

    Raises:
        DeblurError: deepinv is missing.
    """

    def __init__(self, steps: int = STEPS, peak: float | None = None) -> None:
        super().__init__(steps, peak)
        self._deepinv = package("losses", "deepinv", "pip install vsdeblur[deepinv]")

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """SURE and the equivariant error, the mean over both halves of the batch."""
        assert isinstance(network, RestorationNet)
        random = torch.Generator().manual_seed(int(batch["seed"]))
        half = (len(batch["v"]) + 1) // 2
        found = []
        for linear, part in ((False, slice(0, half)), (True, slice(half, None))):
            v, kernels = batch["v"][part], batch["kernels"][part]
            if len(v):
                found.append(self._errors(network, v, kernels, float(batch["noise"][int(linear)]), linear, random))
        sure, equivariance = (torch.stack(errors).mean() for errors in zip(*found, strict=True))
        total = sure + equivariance
        scalars = {"loss": total, "consistency": sure, "equivariance": equivariance}
        return total, {key: float(value.detach()) for key, value in scalars.items()}

    def _errors(
        self,
        network: RestorationNet,
        v: Tensor,
        kernels: Tensor,
        noise: float,
        linear: bool,
        random: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        deepinv, noise = self._deepinv, max(noise, _LEAST_NOISE)

        def blurred(x: Tensor, **_: Any) -> Tensor:
            return _blur(kernels, x)(F.pad(x, (REACH,) * 4, mode="reflect"))

        def model(y: Tensor, _: Any) -> Tensor:
            return stages(network, y, _blur(kernels, y), noise, _CLIP, linear)[-1]

        physics = deepinv.physics.Physics(
            A=blurred,
            noise_model=deepinv.physics.GaussianNoise(noise, rng=random),
            sensor_model=lambda y: y.clamp(0, _CLIP),
        )
        sure = deepinv.loss.SureGaussianLoss(noise, tau=noise, B=_inner, rng=random)
        smaller = deepinv.transform.Scale(factors=_FACTORS, rng=random)
        # What Scale gives back is of a kind of tensor that cannot be negated.
        equivariant = deepinv.loss.EILoss(lambda x: smaller(x).as_subclass(Tensor), no_grad=True)
        x = model(v, physics)
        return sure(y=v, x_net=x, physics=physics, model=model).mean(), equivariant(x.clamp(0, _CLIP), physics, model)


def _inner(values: Tensor) -> Tensor:
    """What no mirrored light reaches."""
    return values[..., REACH:-REACH, REACH:-REACH].contiguous()


def _blur(kernels: Tensor, like: Tensor) -> PixelwiseBlur:
    return PixelwiseBlur(kernels[:, None], like.new_ones(len(like), 1, *like.shape[-2:]))
