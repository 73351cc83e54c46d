"""Samples from a user's clip: what was restored, blurred again by the clip's own shutter, and solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from vsdeblur.training.clips import ClipFile
from vsdeblur.training.film import film
from vsdeblur.training.footage import Opening
from vsdeblur.training.paths import Array
from vsdeblur.training.pool import Sample
from vsdeblur.training.solved import CALM, solved_sample
from vsdeblur.training.stretches import Stretch, Wanted, random_stretch

_SIZE = 112  # pixels per side of a sample, at most
_OWN_PACE = 0.5  # share of the samples that move by the frame as the clip does; others move as far as is wanted
_MOTION = (1.0, 12.0)  # pixels per period of those
_LINEAR, _SHOWN = 1.0, 2.2  # gammas of values that are averaged as they are, and of those that stand for light


@dataclass(frozen=True, slots=True, eq=False)
class OwnStretch(Stretch):
    """A stretch with the shutter of the clip that it is of.

    Attributes:
        shutter: The open part of the period.
    """

    shutter: float = 1.0

    def opening(self, rng: np.random.Generator, centred: bool) -> Opening:
        """The clip's own: the nearest number of sub-frames, an odd one where the middle must be one of them."""
        count = min(max(round(self.shutter * self.per), 1), self.per)
        if centred and count % 2 == 0:
            count -= 1
        at: Array = (np.arange(count) - (count - 1) / 2) / self.per
        return Opening(count / self.per, at, self.averaged)


@dataclass(frozen=True, slots=True)
class ReblurredParts:
    """A ``Maker`` like ``SolvedScenes``, of the restored parts of clips.

    Args:
        clips: What was restored.
        shutter: The clips' own.
        linear: Whether values stand for light; otherwise they are averaged as they are.
    """

    clips: Sequence[ClipFile]
    shutter: float
    linear: bool

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        shorter = min(min(clip.frames.shape[1:3]) for clip in self.clips)
        wanted = Wanted(size=min(_SIZE, shorter // 8 * 8), periods=3, motion=_MOTION, averaged=_OWN_PACE)
        found = random_stretch(rng, self.clips, wanted)
        own = OwnStretch(
            found.frames, found.per, _SHOWN if self.linear else _LINEAR, 1.0, found.averaged, shutter=self.shutter
        )
        with torch.inference_mode():
            take = film(own, rng, how=replace(CALM, compressed=0.0))
        return solved_sample(take, own.gamma, rng)
