"""Picture and kernel diffused in parallel: both go from noise to what they are, and each guides the other.

    x = u + sigma n         u' = E[u | x, v, k']        by guided diffusion of the picture, under the kernel so far
    y = SCALE k + tau n     k' = S_0 w,
    w = argmin_w>=0  sum_p || Dv - (S_p w) Du' ||^2 / (2 s^2)  +  || SCALE S_0 w - D(y; tau) ||^2 / r^2

sigma and tau fall together. w is the density of camera poses of ``estimate_path``, S_0 w its kernel in the middle of
the picture, which is the one that is diffused; the camera's motion carries it to all other places. BlindDPS takes a
gradient step on the misfit where the kernel step solves for the kernel: the misfit is quadratic in it.

References:
    Chung, Kim, Kim and Ye: Parallel diffusion models of operator and image for blind inverse problems, CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.unrolled import norm_bound
from vsdeblur.blind.diffusion.guidance.dds import DDS
from vsdeblur.blind.diffusion.guidance.protocol import Guidance
from vsdeblur.blind.diffusion.kernel_prior import SCALE, KernelPrior, load_kernel_prior
from vsdeblur.blind.diffusion.noise import Noise, PlacedNoise, no_noise
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior, load_diffusion_prior
from vsdeblur.blind.diffusion.sample import following
from vsdeblur.blind.diffusion.schedule import noise_levels
from vsdeblur.blind.estimate.kernel_step import ExpectedKernel, gradients, kernel_step
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.path import FINER, blur_of, camera_poses
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.sampled import sampled_flow
from vsdeblur.priors.tv import TotalVariation

STEPS = 8
FIRST, LAST = 0.05, 0.02  # deviations of the picture's noise
KERNEL_FIRST, KERNEL_LAST = 0.1, 0.03  # of the kernel's, in units of SCALE k
_SPACING = 64  # pixels between the kernels of the blur under which the picture is restored
_QUIETEST = 0.5 / 255
_QUICK = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=3, steps=6)
_ELSEWHERE = 1 << 20, 1 << 20  # row and column from which the kernel's noise is taken: no picture reaches there


@dataclass(frozen=True, slots=True)
class BlindDPS:
    """An estimator: the camera path of ``estimate_path``, from which picture and kernel diffuse on in parallel.

    Attributes:
        prior: Of pictures.
        kernels: Of kernels.
        guidance: How the data enters the picture's process.
        steps: Evaluations of both priors.
        seed: Of all noise; None draws none.
        begin: Finds the poses from which both processes start, in a picture and under its noise.
        finer: Pieces along each side that have a kernel of their own.
        slack: Variance of the data's misfit over that of its noise: the expected picture errs too.
        levels: First and last deviation of the picture's noise.
        kernel_levels: The same of the kernel's.
    """

    prior: DiffusionPrior
    kernels: KernelPrior
    guidance: Guidance = field(default_factory=DDS)
    steps: int = STEPS
    seed: int | None = None
    begin: Callable[[Tensor, float], Poses] = camera_poses
    finer: int = FINER
    slack: float = 10.0
    levels: tuple[float, float] = (FIRST, LAST)
    kernel_levels: tuple[float, float] = (KERNEL_FIRST, KERNEL_LAST)

    def with_steps(self, steps: int) -> BlindDPS:
        """The same with that many evaluations of each prior."""
        return replace(self, steps=steps)

    def with_seed(self, seed: int) -> BlindDPS:
        """The same with other noise."""
        return replace(self, seed=seed)

    @torch.no_grad()
    def __call__(self, v: Tensor) -> FilterFlow:
        """The blur of a picture.

        Args:
            v: (1, C, H, W), display values.

        Raises:
            ArgumentError: v is not one picture of at least 48 px a side.
        """
        return blur_of(v, lambda seen, level: self.diffused(seen, self.begin(seen, level), level))

    def _noises(self) -> tuple[Noise, Noise]:
        """Of the picture, and of the kernel."""
        if self.seed is None:
            return no_noise, no_noise
        return PlacedNoise(self.seed), PlacedNoise(self.seed, *_ELSEWHERE)

    @torch.no_grad()
    def diffused(self, v: Tensor, poses: Poses, sigma: float) -> Poses:
        """The poses at the end of both processes.

        Args:
            v: (1, 1, H, W), display values.
            poses: Where the kernel's process starts, of v's size.
            sigma: Standard deviation of v's noise.
        """
        level = max(sigma, _QUIETEST)
        noise, of_kernels = self._noises()
        levels, taus = (noise_levels(*ends, self.steps) for ends in (self.levels, self.kernel_levels))
        patches = Patches.over(poses.size, self.finer)
        slopes = patches.cut(gradients(v))
        blur = sampled_flow(poses.blur, _SPACING)
        colour = v.expand(-1, 3, -1, -1)
        begun = _QUICK.with_margin(colour, blur, level)
        prior = self.prior.fitted(begun)
        x = begun + levels[0] * noise(begun, 0)
        y = SCALE * _middle(poses)
        y = y + taus[0] * of_kernels(y, 0)
        for step, (now, tau) in enumerate(zip(levels, taus, strict=True), 1):
            # Three equal channels are one observation, not three.
            observation = Observation(colour, blur, level * 3**0.5, False, None, norm_bound(blur, colour))
            u = self.guidance(prior, x, now, observation)
            precision = 2 * self.slack * (level * SCALE / self.kernels.deviation(tau)) ** 2
            expected = ExpectedKernel(self.kernels(y, tau)[0, 0] / SCALE, precision)
            grey = u.mean(1, keepdim=True)
            poses = kernel_step(patches.cut(gradients(grey), blur.margin), slopes, poses, patches, expected)
            if step == self.steps:
                break
            blur = sampled_flow(poses.blur, _SPACING)
            x = following(x, u, (now, levels[step]), noise, step)
            y = following(y, SCALE * _middle(poses), (tau, taus[step]), of_kernels, step)
        return poses


def _middle(poses: Poses) -> Tensor:
    """(1, 1, n, n): the kernel in the middle of the picture."""
    return poses.blur.kernels(torch.tensor([[poses.size[1] // 2, poses.size[0] // 2]]))[None]


def load_blind_dps(weights: Path | None = None) -> BlindDPS:
    """The estimator with trained weights, on the processor as all estimates are.

    Args:
        weights: A file that ``vsdeblur train kernel-prior`` wrote; None for the project's own.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    return BlindDPS(load_diffusion_prior(), load_kernel_prior(weights))
