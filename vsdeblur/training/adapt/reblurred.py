"""Samples from a user's clips: what was restored, blurred again by the clips' own shutter, and solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vsdeblur.blind.estimate.kernel_net import REACH
from vsdeblur.training.adapt.agreement import Exposures
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.parts import Part
from vsdeblur.training.clips import ClipFile
from vsdeblur.training.film import film
from vsdeblur.training.footage import Opening
from vsdeblur.training.instants import PERIODS, instants_sample
from vsdeblur.training.paths import Array
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipes.restoration import CROP
from vsdeblur.training.solved import solved_sample
from vsdeblur.training.stretches import Stretch, Wanted, random_stretch

_SIZE = 112  # pixels per side of a sample, at most
_OWN_PACE = 0.5  # share of the samples that move by the frame as the clip does; others move as far as is wanted
_MOTION = (1.0, 12.0)  # pixels per period of those


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
        camera: Of the clips.
    """

    clips: Sequence[ClipFile]
    camera: Camera

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        own = own_stretch(rng, self.clips, self.camera, periods=3)
        with torch.inference_mode():
            take = film(own, rng, how=self.camera.degradation)
        return solved_sample(take, own.gamma, rng)


@dataclass(frozen=True, slots=True)
class ReblurredInstants:
    """A ``Maker`` like ``InstantScenes``, of the restored parts of clips.

    Args:
        clips: What was restored.
        camera: Of the clips.
        key_frames: Weights of the learned step on key frames, None for the project's.
    """

    clips: Sequence[ClipFile]
    camera: Camera
    key_frames: Path | None = None

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        own = own_stretch(rng, self.clips, self.camera, PERIODS)
        return instants_sample(own, rng, self.camera.degradation, self.key_frames)


@dataclass(frozen=True, slots=True)
class ReblurredPictures:
    """A ``Maker`` of sharp pictures and kernels as ``ShakenPhotos`` has them, one kernel in the place of many.

    The pictures are frames of what was restored, the kernels those of blurry frames along their own motion.

    Args:
        parts: Whose pictures were restored.
        camera: Of the clips.
    """

    parts: Sequence[Part]
    camera: Camera

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        part = self.parts[int(rng.integers(len(self.parts)))]
        sharp, blurry = part.sharp.frames, part.blurry
        picture = torch.from_numpy(np.array(sharp[int(rng.integers(len(sharp)))])).permute(2, 0, 1).float() / 255
        side = min(CROP + 2 * REACH, *picture.shape[1:])
        top, left = (int(rng.integers(n - side + 1)) for n in picture.shape[1:])
        light = picture[:, top : top + side, left : left + side] ** self.camera.gamma
        n = int(rng.integers(1, len(blurry) - 1))
        point = torch.tensor([[int(rng.integers(size)) for size in (blurry.shape[3], blurry.shape[2])]])
        kernel = Exposures.of(blurry[n - 1 : n + 2], self.camera).kernels(1, point)
        return {
            "sharp": light.half().contiguous(),
            "blurry": light[:, REACH:-REACH, REACH:-REACH].half().contiguous(),
            "kernels": kernel[None].half().contiguous(),
        }


def own_stretch(rng: np.random.Generator, clips: Sequence[ClipFile], camera: Camera, periods: int) -> OwnStretch:
    """A random stretch of what was restored, with the camera's shutter."""
    shorter = min(min(clip.frames.shape[1:3]) for clip in clips)
    wanted = Wanted(size=min(_SIZE, shorter // 8 * 8), periods=periods, motion=_MOTION, averaged=_OWN_PACE)
    found = random_stretch(rng, clips, wanted)
    return OwnStretch(found.frames, found.per, camera.gamma, 1.0, found.averaged, shutter=camera.shutter)
