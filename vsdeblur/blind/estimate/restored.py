"""A restoration as the expectation step of blind estimation: the whole picture in the place of its strong edges.

Fast Diffusion EM (Laroche, Almansa and Coupete 2023) draws the picture by diffusion that the present blur guides, and
fits the kernel to what was drawn. Any restoration that gives the picture with its margin serves: diffusion, and bridges
with or without steps towards the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import sampled_flow

_SPACING = 64  # pixels between the kernels of the blur as the restoration takes it


class RestorationWithMargin(Protocol):
    """Restoration of a picture whose blur is known, with the light around it that reaches the picture."""

    def with_margin(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """(1, C, H + 2 margin, W + 2 margin) of v (1, 1, H, W), its blur and the deviation of its noise."""
        ...


@dataclass(frozen=True, slots=True)
class RestoredExpectation:
    """An ``Expectation`` for a blur that is roughly known: ``Alternation.improved``, not its coarse scales.

    Attributes:
        restore: Makes the sharp picture under the present blur.
    """

    restore: RestorationWithMargin

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float, progress: float = 1.0) -> Tensor:
        """The expected sharp picture.

        Args:
            v: (1, 1, H, W), display values.
            blur: Of that size.
            sigma: Standard deviation of v's noise.
            progress: Of the estimate; it changes nothing.

        Returns:
            u, (1, 1, H + 2 margin, W + 2 margin).
        """
        return self.restore.with_margin(v, sampled_flow(blur, _SPACING), sigma).mean(1, keepdim=True)
