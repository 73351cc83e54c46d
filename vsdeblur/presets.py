"""What each preset spends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """steps: of Chebyshev's iteration. motion_passes: estimates of the motion, each between frames blurred alike by
    the last one. flow: preset of the flow engine.

    stride: pixels of motion between two instants of an exposure's quadrature, at most, as long as MAX_INSTANTS allow.
    learned: how often the learned step on key frames follows.
    refined: whether the learned step at rendered instants and the temporal consistency of sub-frames follow.
    """

    steps: int
    motion_passes: int
    flow: str
    stride: float
    learned: int
    refined: bool


EFFORTS = {
    "fast": Effort(steps=6, motion_passes=1, flow="fast", stride=2.0, learned=0, refined=False),
    "balanced": Effort(steps=7, motion_passes=2, flow="medium", stride=1.0, learned=1, refined=False),
    "best": Effort(steps=16, motion_passes=2, flow="medium", stride=1.0, learned=2, refined=True),
}
