"""Looking again: each look makes the frames more comparable for the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vsdeblur.flow.motion import Motion, MotionEngine
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class LookAgain:
    """A ``MotionEngine``: what ``first`` finds is looked at ``times`` more by ``pairs``.

    Frames that move unequally are blurred unequally, and a flow between them errs. Every further look gives each of a
    pair the other's blur too, by the motion found so far and made smooth (``regularise``), and finds what is left.
    """

    first: MotionEngine
    pairs: PairwiseMotion
    times: int
    is_motion_engine: ClassVar[bool] = True

    def __call__(self, window: Window, shutter: float) -> Motion:
        motion = self.first(window, shutter)
        if motion.path.shape[1] == 6:  # a shaken camera's path, found from equal blur
            return motion
        for _ in range(self.times if bool(motion.path.any()) else 0):
            motion = self.pairs.again(window, shutter, motion)
        return motion
