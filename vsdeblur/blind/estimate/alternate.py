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


class Expectation(Protocol):
    """The expected sharp picture under a blur: u (1, 1, H + 2 margin, W + 2 margin) of v (1, 1, H, W).

    Not for showing: kernels are found best from few, strong edges. sigma: of the noise in v. progress: from 0, while
    the blur is hardly known, to 1.
    """

    def __call__(self, v: Tensor, blur: Blur, sigma: float, progress: float) -> Tensor:
        """The posterior of the sharp gradients; ``progress`` goes from 0 to 1 over the rounds."""
        ...


@dataclass(frozen=True, slots=True)
class Alternation:
    """``find(v, sigma) -> Poses``: the expectation step, then the kernel step, ``rounds`` times at each scale.

    At each scale the expectation begins with the strongest edges alone and ends with all that are worth keeping; at the
    largest one it goes on from there, on smaller pieces (Xu and Jia 2010 and Pan et al. 2014 take in weaker edges round
    by round too). reach: pixels that a kernel may extend to each side. turn: how far roll may move pixels half the
    shorter side away from the middle, as a share of reach; 0 for one kernel for the whole picture. count, finer: pieces
    along each side that have a kernel of their own, first and in the end. expectation: None for ``StrongEdges``.
    """

    reach: int = 15
    turn: float = 0.0
    count: int = 1
    finer: int = 1
    rounds: int = 8
    expectation: Expectation | None = None

    @torch.no_grad()
    def __call__(self, v: Tensor, sigma: float) -> Poses:
        """From nothing, over a pyramid of scales; v (1, 1, H, W)."""
        poses: Poses | None = None
        for n in self._sides():
            share = n / (2 * self.reach + 1)
            small = v if share == 1 else _smaller(v, share)
            size = (small.shape[-2], small.shape[-1])
            turns = 2 * round(self.turn * (n // 2)) + 1
            poses = Poses.nearly_still(size, n, turns) if poses is None else poses.resized(size, n, turns).cleaned()
            course = [k / max(self.rounds - 1, 1) for k in range(self.rounds)]
            poses = self._alternated(small, poses, sigma, self.count, course)
        assert poses is not None
        return self.improved(v, poses, sigma)

    @torch.no_grad()
    def improved(self, v: Tensor, poses: Poses, sigma: float, rounds: int = LAST) -> Poses:
        """``rounds`` of both steps on the smallest pieces, from what is known of the movement."""
        return self._alternated(v, poses, sigma, self.finer, [1.0] * rounds)

    def _alternated(self, v: Tensor, poses: Poses, sigma: float, count: int, course: Sequence[float]) -> Poses:
        """A round of both steps for each of course: how far the estimate has come, 0 to 1."""
        expectation = self.expectation or StrongEdges(count)
        patches = Patches.over(poses.size, count)
        slopes = patches.cut(gradients(v))
        for progress in course:
            u = expectation(v, poses.blur, sigma, progress)
            poses = kernel_step(patches.cut(gradients(u), poses.blur.margin), slopes, poses, patches)
        return poses

    def _sides(self) -> Iterator[int]:
        """Of the kernel at each scale, the smallest first."""
        sides = [2 * self.reach + 1]
        while sides[-1] > 3:
            n = math.ceil(sides[-1] / _RATIO)
            sides.append(max(3, min(n + 1 - n % 2, sides[-1] - 2)))
        return reversed(sides)


def _smaller(v: Tensor, share: float) -> Tensor:
    size = [max(8, round(n * share)) for n in v.shape[-2:]]
    return F.interpolate(v, size, mode="bicubic", antialias=True, align_corners=False)
