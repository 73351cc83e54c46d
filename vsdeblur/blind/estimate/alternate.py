"""Picture and blur estimated in alternation, from coarse to fine: expectation-maximisation without a network."""

from __future__ import annotations

import math
from collections.abc import Iterator
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


class Expectation(Protocol):
    """The expected sharp picture under a blur: u (1, 1, H + 2 margin, W + 2 margin) of v (1, 1, H, W).

    Not for showing: kernels are found best from few, strong edges. sigma: of the noise in v.
    """

    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Alternation:
    """``find(v, sigma) -> Poses``: the expectation step, then the kernel step, ``rounds`` times at each scale.

    reach: pixels that a kernel may extend to each side. turn: how far roll may move pixels half the shorter side away
    from the middle, as a share of reach; 0 for one kernel for the whole picture. count: pieces along each side that
    have a kernel of their own. expectation: None for ``StrongEdges``.
    """

    reach: int = 15
    turn: float = 0.0
    count: int = 1
    rounds: int = 5
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
            poses = self.improved(small, poses, sigma)
        assert poses is not None
        return poses

    @torch.no_grad()
    def improved(self, v: Tensor, poses: Poses, sigma: float, rounds: int | None = None) -> Poses:
        """``rounds`` of both steps at the scale of v, from what is known of the movement."""
        expectation = self.expectation or StrongEdges(self.count)
        patches = Patches.over(poses.size, self.count)
        slopes = patches.cut(gradients(v))
        for _ in range(self.rounds if rounds is None else rounds):
            u = expectation(v, poses.blur, sigma)
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
