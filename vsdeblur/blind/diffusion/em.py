"""Fast diffusion EM: pictures drawn by guided diffusion under the present blur, and the kernel step on what was drawn.

    E: u ~ p(u | v, blur) by a few guided steps          M: the density of camera poses that explains v by u

The M-step is that of ``estimate_path``, convex and closed over camera poses. EM climbs to the nearest maximum, so it
begins where the strong edges end.

References:
    Laroche, Almansa and Coupete: Fast diffusion EM: a diffusion model for blind inverse problems with application to
    deconvolution, WACV 2024 (arXiv 2309.00287).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.diffusion.deconvolve import load_diffusion
from vsdeblur.blind.estimate.alternate import Alternation
from vsdeblur.blind.estimate.path import COUNT, FINER, REACH, TURN, blur_of, camera_poses
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.estimate.restored import RestorationWithMargin, RestoredExpectation
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.priors.tv import TotalVariation

ROUNDS, STEPS = 4, 6
_QUICK = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=3, steps=6)


class SampledRestoration(RestorationWithMargin, Protocol):
    """A restoration that draws its result, in steps that can be chosen: diffusion, or a bridge."""

    def with_steps(self, steps: int) -> Self:
        """The same with that many evaluations of its network."""
        ...

    def with_seed(self, seed: int) -> Self:
        """The same with other noise."""
        ...


_EDGES = Alternation(REACH, TURN, COUNT, FINER)  # that of ``estimate_path``


@dataclass(frozen=True, slots=True)
class DiffusionEM:
    """An estimator: the camera path of ``estimate_path``, improved by EM.

    Attributes:
        draw: The E-step.
        rounds: Of both steps.
        step: The M-step.
        begin: Finds the poses from which EM starts, in a picture and under its noise.
    """

    draw: SampledRestoration
    rounds: int = ROUNDS
    step: Alternation = _EDGES
    begin: Callable[[Tensor, float], Poses] = camera_poses

    def with_steps(self, steps: int) -> DiffusionEM:
        """The same with that many evaluations of the prior in each E-step."""
        return replace(self, draw=self.draw.with_steps(steps))

    def with_seed(self, seed: int) -> DiffusionEM:
        """The same with other noise."""
        return replace(self, draw=self.draw.with_seed(seed))

    @torch.no_grad()
    def __call__(self, v: Tensor) -> FilterFlow:
        """The blur of a picture.

        Args:
            v: (1, C, H, W), display values.

        Raises:
            ArgumentError: v is not one picture of at least 48 px a side.
        """
        step = replace(self.step, expectation=RestoredExpectation(self.draw))
        return blur_of(v, lambda seen, level: step.improved(seen, self.begin(seen, level), level, self.rounds))


def load_diffusion_em(weights: Path | None = None) -> DiffusionEM:
    """The estimator with trained weights, on the processor as all estimates are; errors as in ``load_diffusion``."""
    return DiffusionEM(replace(load_diffusion("dds", weights), start=_QUICK, steps=STEPS))
