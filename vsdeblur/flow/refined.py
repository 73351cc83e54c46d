"""Motion estimated several times, each time between frames that are blurred alike by the estimate before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vsdeblur.flow.motion import Motion, MotionEngine
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.tensors import known_zero
from vsdeblur.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class RefinedMotion:
    """A ``MotionEngine``: what ``first`` finds is refined ``times`` more by ``pairs``.

    Frames that move unequally are blurred unequally, and a flow between them errs. Every further pass gives each frame
    of a pair the other's blur too, by the motion found so far and regularised, and finds the flow that remains.
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
            motion = self.pairs.refined(window, shutter, motion)
        return motion
