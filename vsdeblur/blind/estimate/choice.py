"""The blur of a shaken camera: a path, or one kernel for the whole picture where that explains it at a lower cost.

A camera that does not roll blurs all of the picture alike. The path has that blur among many; one kernel is found more
exactly where it is the truth: on twelve photographs under uniform kernels it gained 1.4 dB more. Where the camera
rolled, one kernel may leave fewer edges too, and is wrong: so the path's own kernels have to be alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.estimate.confidence import THRESHOLD, Judgement, judged, no_blur
from vsdeblur.blind.estimate.path import MIN_ESTIMATE_SIDE, estimate_path, estimate_uniform
from vsdeblur.blind.operators.protocol import Blur

# Pixels of the kernel's deviation. Sharp photographs, and those in which a thing moved before a still camera, gave
# kernels of up to 1.7 with confidence, uniformly blurred ones 2.1 to 5.7.
_WIDE = 2.0
# Where nothing else passes, the most that strong edges through one kernel may cost, over that without a blur. Dark and
# noisy photographs that were shaken had 0.89 to 1.07; of sixty with a thing that moved four 0.96 to 1.09.
_DEAREST = 1.08
# How alike the path's kernels are: where one kernel was the truth 0.976 and more, where the camera rolled 0.86 to 0.99.
# And by how much the one kernel's cost of edges, over that without a blur, is then lower: up to 0.028, and up to 0.005.
_ALIKE, _CHEAPER = 0.975, 0.003
_PLACES = (0.15, 0.5, 0.85)  # of the sides, where kernels are compared


@dataclass(frozen=True, slots=True)
class CameraBlur:
    """An estimator: the blur of a camera whose path passes the gate, one pixel wide where none does.

    Attributes:
        path: Finds the blur of a camera that turned in any way.
        uniform: Finds one kernel.
    """

    path: Callable[[Tensor], Blur] = estimate_path
    uniform: Callable[[Tensor], Blur] = estimate_uniform

    def __call__(self, picture: Tensor) -> Blur:
        """The blur of a picture.

        Args:
            picture: (1, C, H, W), display values.
        """
        if min(picture.shape[-2:]) < MIN_ESTIMATE_SIDE:
            return no_blur(picture)
        path = self.path(picture)
        turned = judged(picture, path)
        if turned.confidence < THRESHOLD:
            return no_blur(picture)
        if alikeness(path) < _ALIKE:
            return path
        kernel = self.uniform(picture)
        one = judged(picture, kernel)
        return kernel if _passes(one) and one.cost < turned.cost - _CHEAPER else path


@dataclass(frozen=True, slots=True)
class KernelAlone:
    """An estimator: one kernel where it passes a stricter gate, one pixel wide where not.

    For pictures in which neither a path nor a thing that moved is found: noise hides paths first.

    Attributes:
        uniform: Finds one kernel.
    """

    uniform: Callable[[Tensor], Blur] = estimate_uniform

    def __call__(self, picture: Tensor) -> Blur:
        """As of ``CameraBlur``."""
        if min(picture.shape[-2:]) < MIN_ESTIMATE_SIDE:
            return no_blur(picture)
        kernel = self.uniform(picture)
        one = judged(picture, kernel)
        return kernel if _passes(one) and one.cost < _DEAREST else no_blur(picture)


def _passes(one: Judgement) -> bool:
    """Whether one kernel passes the gate, and is wider than those of sharp pictures are."""
    return one.confidence >= THRESHOLD and one.spread >= _WIDE


def alikeness(blur: Blur) -> float:
    """The mean correlation of kernels at eight places with that in the middle, each at its best shift, to 1."""
    down, across = ([share * n for share in _PLACES] for n in blur.size)
    points = torch.tensor([(x, y) for y in down for x in across]).long()
    kernels = F.avg_pool2d(F.pad(blur.kernels(points).float()[:, None], (1,) * 4), 3, 1)[:, 0]
    side = [2 * kernels.shape[-1]] * 2
    spectra = torch.fft.rfft2(kernels, s=side)
    middle = len(points) // 2
    found = torch.fft.irfft2(spectra[middle].conj() * spectra, s=side).amax((1, 2))
    norms = kernels.flatten(1).norm(dim=1)
    shares = found / (norms * norms[middle])
    return float((shares.sum() - 1) / (len(points) - 1))
