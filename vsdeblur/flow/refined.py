"""Motion estimated several times, each time between frames that are blurred alike by the estimate before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from vsdeblur.flow.motion import Motion, MotionEngine
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.heap import release_unused
from vsdeblur.tensors import box, known_zero
from vsdeblur.window import Window

_AROUND = 9  # points
# Share of the refined motion where it is not consistent: the worst hundredth of blocks gains 0.3 dB on hard clips and
# what is uncovered has fewer ghosts, the mean stays; at 0.5 the mean falls.
_LEAST = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class RefinedMotion:
    """A ``MotionEngine``: what ``first`` finds is refined ``times`` more by ``pairs``.

    Frames that move unequally are blurred unequally, and a flow between them errs. Every further pass gives each frame
    of a pair the other's blur too, by the motion found so far and regularised, and finds the flow that remains. Its
    result is taken as far as it is consistent with both neighbours, a part of it in any case.
    """

    first: MotionEngine
    pairs: PairwiseMotion
    times: int
    is_motion_engine: ClassVar[bool] = True

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        motion = self.first(window, shutter)
        if motion.path.shape[1] == 6:  # a shaken camera's path, found between equally blurred frames
            return motion
        for _ in range(0 if known_zero(motion.path) else self.times):
            release_unused()
            motion = _where_consistent(self.pairs.refined(window, shutter, motion), motion)
        return motion


def _where_consistent(refined: Motion, motion: Motion) -> Motion:
    """The refined motion where the ways to both neighbours and back cancel, mostly the other elsewhere: limbs, ends."""
    share = _LEAST + (1 - _LEAST) * box(refined.occlusion.amin(1, keepdim=True), _AROUND)
    return Motion(
        torch.lerp(motion.path, refined.path, share),
        torch.lerp(motion.reliability, refined.reliability, share),
        torch.lerp(motion.occlusion, refined.occlusion, share),
    )
