"""The z-step of plug and play: the prior, shown the key frames as it knows pictures.

- Denoisers know display values. Noise of a camera is even there, more or less, and so is what the eye makes of it; in
  linear light it is not. So linear light goes through a display's curve (BT.709, continued below black and above white)
  and back, and the noise is measured there too.
- Neighbouring key frames lie a period's motion apart. A prior that looks at several frames gets them aligned.
- Alpha is no picture and passes by.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.camera.noise import noise_level
from vsdeblur.colour.display import from_display, to_display
from vsdeblur.footprint import TileFootprint
from vsdeblur.priors import Prior, PriorInfo, describe
from vsdeblur.priors.aligned import aligned
from vsdeblur.solver.keyframes import KeyFrameProblem


@dataclass(frozen=True, slots=True)
class ZStep:
    """linear: values are linear light; otherwise they are display values as they are."""

    prior: Prior
    linear: bool

    def noise(self, frames: Tensor) -> float:
        """The deviation of the noise in frames (n, C, H, W), all of them colour, as the prior will see it."""
        return noise_level(self._shown(frames))

    def __call__(self, keys: Tensor, problem: KeyFrameProblem, sigma: float, colour: int) -> Tensor:
        """z (n, C, H, W) of the key frames of ``problem``, of whose channels the first ``colour`` are colour."""
        shown = self._shown(keys[:, :colour])
        frames = describe(self.prior).frames
        if frames:
            calm = torch.empty_like(shown)
            for n in range(len(shown)):
                around = aligned(shown, n, problem.path, problem.occlusion, problem.spans, frames // 2)
                calm[n : n + 1] = self.prior.middle(around[None], sigma)  # type: ignore[attr-defined]
        else:
            calm = self.prior(shown, sigma)
        light = from_display(calm) if self.linear else calm
        return torch.cat((light, keys[:, colour:]), 1) if colour < keys.shape[1] else light

    def _shown(self, frames: Tensor) -> Tensor:
        return to_display(frames) if self.linear else frames


def footprint(prior: PriorInfo, channels: int) -> TileFootprint:
    """Of the z-step.

    Per frame v, path and occlusion; keys as they are, as shown, denoised, and as light again; and what a prior of whole
    videos holds. One of single frames or of a few aligned ones is at work on a frame at a time.
    """
    if not prior.frames:
        return TileFootprint(per_frame=9 + (5 + prior.floats) * channels)
    return TileFootprint(per_frame=9 + 5 * channels, working=prior.floats + 2 * prior.frames * channels + 12)
