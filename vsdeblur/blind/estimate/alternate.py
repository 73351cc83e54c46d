"""Picture and blur estimated in alternation, from coarse to fine: expectation-maximisation without a network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.kernel_step import gradients, kernel_step
from vsdeblur.blind.estimate.latent import StrongEdges
from vsdeblur.blind.estimate.patches import Patches
from vsdeblur.blind.estimate.poses import Poses
from vsdeblur.blind.operators.protocol import Blur

_RATIO = math.sqrt(2)  # of two scales
LAST = 6  # rounds on the smallest pieces
# Poses in use from which on the grid stays coarse: paths of up to 25 px use 300 to 700 before faint ones are removed,
# what fills the plane 2,600 and more, which would take minutes on a finer one.
_MANY = 1200


class Expectation(Protocol):
    """The expected sharp picture under a given blur. It serves the kernel step: few, strong edges are best."""

    def __call__(self, v: Tensor, blur: Blur, sigma: float, progress: float) -> Tensor:
        """The expected sharp picture.

        Args:
            v: (1, 1, H, W), display values.
            blur: Of that size.
            sigma: Standard deviation of v's noise.
            progress: Of the estimate, from 0, where the blur is almost unknown, to 1.

        Returns:
            u, (1, 1, H + 2 margin, W + 2 margin).
        """
        ...


@dataclass(frozen=True, slots=True)
class Alternation:
    """Expectation step and kernel step in turn, ``rounds`` times at each scale.

    At each scale the expectation begins with the strongest edges alone and ends with all that are worth keeping (Xu and
    Jia 2010 and Pan et al. 2014 also add weaker edges round by round). At the largest scale it continues from there, on
    smaller pieces.

    Attributes:
        reach: Pixels from the middle of a kernel to its border.
        turn: Largest displacement by roll at half the shorter side from the middle, as a share of reach; 0 for one
            kernel for the whole picture.
        count: Pieces along each side that have a kernel of their own, at first.
        finer: The same at the end.
        rounds: Of both steps at each scale.
        expectation: None for ``StrongEdges``.
        step: Of the grid of poses at the largest scale, pixels; 1 at the others, and of a camera without roll. Where
            roll moves a point by a part of a pixel, a grid of whole ones has only kernels that are wider than the true
            one.
    """

    reach: int = 15
    turn: float = 0.0
    count: int = 1
    finer: int = 1
    rounds: int = 8
    expectation: Expectation | None = None
    step: float = 0.5

    @torch.no_grad()
    def __call__(self, v: Tensor, sigma: float) -> Poses:
        """The poses of the camera, from no prior estimate, over a pyramid of scales.

        Args:
            v: (1, 1, H, W), display values.
            sigma: Standard deviation of v's noise.
        """
        poses: Poses | None = None
        for n in self._sides():
            share = n / (2 * self.reach + 1)
            small = v if share == 1 else _smaller(v, share)
            size = (small.shape[-2], small.shape[-1])
            turns = 2 * round(self.turn * (n // 2)) + 1
            poses = Poses.nearly_still(size, n, turns) if poses is None else poses.resized(size, n, turns)
            poses = self._finest(poses).cleaned() if share == 1 else poses.cleaned()
            course = [k / max(self.rounds - 1, 1) for k in range(self.rounds)]
            poses = self._alternated(small, poses, sigma, self.count, course)
        assert poses is not None
        return self._alternated(v, poses, sigma, self.finer, [1.0] * LAST)

    @torch.no_grad()
    def improved(self, v: Tensor, poses: Poses, sigma: float, rounds: int = LAST) -> Poses:
        """Poses after further rounds on the smallest pieces, from a given estimate.

        Args:
            v: (1, 1, H, W), display values.
            poses: The estimate, of v's size.
            sigma: Standard deviation of v's noise.
            rounds: Of both steps.
        """
        return self._alternated(v, self._finest(poses), sigma, self.finer, [1.0] * rounds)

    def _finest(self, poses: Poses) -> Poses:
        """The poses on the grid of the largest scale, where they are few enough to be a path."""
        few = int((poses.density > 0).sum()) <= _MANY
        return poses.finer(self.step) if self.turn and few and poses.step > self.step else poses

    def _alternated(self, v: Tensor, poses: Poses, sigma: float, count: int, course: Sequence[float]) -> Poses:
        """A round of both steps for each element of ``course``: the progress of the estimate, 0 to 1."""
        expectation = self.expectation or StrongEdges(count)
        patches = Patches.over(poses.size, count)
        slopes = patches.cut(gradients(v))
        for progress in course:
            u = expectation(v, poses.blur, sigma, progress)
            poses = kernel_step(patches.cut(gradients(u), poses.blur.margin), slopes, poses, patches)
        return poses

    def _sides(self) -> Iterator[int]:
        """Sides of the kernel at each scale, pixels, the smallest first."""
        sides = [2 * self.reach + 1]
        while sides[-1] > 3:
            n = math.ceil(sides[-1] / _RATIO)
            sides.append(max(3, min(n + 1 - n % 2, sides[-1] - 2)))
        return reversed(sides)


def _smaller(v: Tensor, share: float) -> Tensor:
    size = [max(8, round(n * share)) for n in v.shape[-2:]]
    return F.interpolate(v, size, mode="bicubic", antialias=True, align_corners=False)
