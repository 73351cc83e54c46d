"""The z-step of plug and play: the prior, on key frames as display values.

- Denoisers know display values. Noise of a camera is even there, more or less, and so is what the eye makes of it; in
  linear light it is not. So linear light goes through a display's curve (BT.709, continued below black and above white)
  and back.
- Neighbouring key frames lie a period's motion apart. A prior of several frames gets them aligned.
- Alpha is no picture and stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.colour.display import from_display, to_display
from vsdeblur.footprint import TileFootprint
from vsdeblur.priors import ImagePrior, VideoPrior
from vsdeblur.priors.aligned import aligned
from vsdeblur.solver.keyframes import KeyFrameProblem


@dataclass(frozen=True, slots=True)
class ZStep:
    """linear: values are linear light; otherwise they are display values as they are."""

    prior: ImagePrior
    linear: bool

    def __call__(self, keys: Tensor, problem: KeyFrameProblem, sigma: float, colour: int) -> Tensor:
        """z (n, C, H, W) of the key frames of ``problem``, of whose channels the first ``colour`` are colour.

        sigma: the deviation of their noise in display values.
        """
        shown = self._display(keys[:, :colour])
        if isinstance(self.prior, VideoPrior):
            reach = self.prior.frames // 2
            clean = torch.empty_like(shown)
            for n in range(len(shown)):
                around = aligned(shown, n, problem.path, problem.occlusion, problem.spans, reach)
                clean[n : n + 1] = self.prior.middle(around[None], sigma)
        else:
            clean = self.prior(shown, sigma)
        light = from_display(clean) if self.linear else clean
        return torch.cat((light, keys[:, colour:]), 1) if colour < keys.shape[1] else light

    def _display(self, frames: Tensor) -> Tensor:
        return to_display(frames) if self.linear else frames


def footprint(prior: ImagePrior, channels: int) -> TileFootprint:
    """Of the z-step: v, path, occlusion; keys as they are, as display values, denoised, as light; the prior's own."""
    held = prior.footprint(channels)
    return TileFootprint(9 + 5 * channels + held.per_frame, held.working)
