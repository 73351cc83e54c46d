"""How a user's clips were filmed, as far as learning from them needs to know."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vsdeblur.camera.noise import NOISELESS, Noise
from vsdeblur.solver.unrolled.stage import SHOWN
from vsdeblur.training.degrade import Degradation
from vsdeblur.training.solved import CALM

_SPREAD = 0.3  # of the logarithms of what was measured: parts of a clip are not equally bright
_LEAST = 1e-9  # a variance that counts as none


@dataclass(frozen=True, slots=True)
class Camera:
    """A shutter, and what values stand for.

    Attributes:
        shutter: The open part of the period.
        linear: Whether values stand for light; otherwise they are averaged as they are.
        noise: Of the frames, in light.
    """

    shutter: float
    linear: bool
    noise: Noise = NOISELESS

    @property
    def curve(self) -> str:
        """The transfer function by which values are taken for light."""
        return SHOWN if self.linear else "linear"

    @property
    def gamma(self) -> float:
        """The power of it, about."""
        return 2.2 if self.linear else 1.0

    @property
    def degradation(self) -> Degradation:
        """What becomes of light in it: its own noise; where none was measured, as little as scenes have otherwise."""
        shot, read = (math.log(max(x, _LEAST)) for x in (self.noise.shot, self.noise.read))
        if max(shot, read) <= math.log(_LEAST):
            return replace(CALM, compressed=0.0)
        around_shot, around_read = ((x - _SPREAD, x + _SPREAD) for x in (shot, read))
        return replace(CALM, compressed=0.0, clean=0.0, shot=around_shot, read=around_read)
