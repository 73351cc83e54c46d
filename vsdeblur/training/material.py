"""What scenes are made of: photographs that are moved, stretches of real clips, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vsdeblur.training.clips import ClipFile
from vsdeblur.training.drawing import DrawnFootage
from vsdeblur.training.footage import Footage
from vsdeblur.training.scenes import LayeredScene, random_scene
from vsdeblur.training.stretches import Stretch, Wanted, random_stretch

_SLOWEST = 1.0  # pixels per period of a stretch 192 pixels wide
_AVERAGED = 0.35  # share of the stretches that are blurred by averaging frames as they are


@dataclass(frozen=True, slots=True)
class Material:
    """Photographs and clips.

    Args:
        photos: May be empty where all is made from clips.
        clips: May be empty where all is made from photographs.
        share: Of the scenes that come from clips, where there are both.
        fastest: Motion, pixels per period of a scene or stretch 192 pixels wide, at most.
    """

    photos: Sequence[Path] = ()
    clips: Sequence[ClipFile] = ()
    share: float = 0.7
    fastest: float = 20.0

    def real(self, rng: np.random.Generator) -> bool:
        """Whether the next scene is a stretch of a clip."""
        return bool(self.clips) and (not self.photos or bool(rng.random() < self.share))

    def scene(self, rng: np.random.Generator, size: int) -> LayeredScene:
        """A layered scene of photographs."""
        return random_scene(rng, self.photos, size, self.fastest)

    def stretch(
        self,
        rng: np.random.Generator,
        size: int,
        periods: int = 3,
        *,
        multiple: int = 1,
        motion: tuple[float, float] | None = None,
    ) -> Stretch:
        """A stretch of a clip that moves like such a scene, unless ``motion`` says otherwise; see ``Wanted``."""
        least, most = motion or (_SLOWEST * size / 192, self.fastest * size / 192)
        averaged = _AVERAGED if motion is None else 0.0
        wanted = Wanted(size=size, periods=periods, motion=(least, most), multiple=multiple, averaged=averaged)
        return random_stretch(rng, self.clips, wanted)

    def footage(self, rng: np.random.Generator, size: int, clip_size: int, supersampling: int) -> Footage:
        """Three periods of a scene of ``size`` pixels per side, or of a stretch of ``clip_size``."""
        if self.real(rng):
            return self.stretch(rng, clip_size)
        return DrawnFootage(self.scene(rng, supersampling * size), supersampling)
