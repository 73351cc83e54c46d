"""The z-step of plug and play: the prior, on key frames as display values.

- Denoisers are trained on display values. A camera's noise is roughly uniform there, and so is the eye's response; in
  linear light neither is. So linear light goes through a display's curve (BT.709, continued below black and above
  white) and back.
- Neighbouring key frames lie a period's motion apart. A prior of several frames receives them aligned.
- Alpha is not filtered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur.colour.display import from_display, to_display
from vsdeblur.footprint import TileFootprint
from vsdeblur.priors import ImagePrior, VideoPrior
from vsdeblur.priors.aligned import aligned
from vsdeblur.priors.protocol import of_window
from vsdeblur.solver.keyframes import KeyFrameProblem


@dataclass(frozen=True, slots=True)
class ZStep:
    """The prior on key frames.

    Attributes:
        prior: Of one picture, or of several aligned ones.
        linear: Values are linear light; otherwise they are display values as they are.
    """

    prior: ImagePrior
    linear: bool

    def of_window(self, frames: Tensor, sigma: float) -> ZStep:
        """With what the prior learns from a window's blurry frames (n, C, H, W), colours of noise ``sigma``."""
        return replace(self, prior=of_window(self.prior, frames, sigma, linear=self.linear))

    def __call__(self, keys: Tensor, problem: KeyFrameProblem, sigma: float, colour: int) -> Tensor:
        """z, the denoised key frames.

        Args:
            keys: (n, C, H, W).
            problem: Of these key frames: gives the paths by which neighbours are aligned.
            sigma: Standard deviation of the key frames' noise, display values.
            colour: Number of leading channels that are colour; the rest stay as they are.

        Returns:
            (n, C, H, W).
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
    """Memory of the z-step, per pixel of a tile.

    Held are v, path, occlusion; keys as they are, as display values, denoised, as light; and the prior's own.

    Args:
        prior: Gives its own footprint.
        channels: Of a key frame.
    """
    held = prior.footprint(channels)
    return TileFootprint(9 + 5 * channels + held.per_frame, held.working)
