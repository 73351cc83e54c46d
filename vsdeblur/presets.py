"""What each preset spends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """steps: of Chebyshev's iteration. looks: how often motion is looked at. flow: preset of the flow engine.

    stride: pixels of motion between two instants of an exposure's quadrature, at most, as long as MAX_TAPS allow.
    learned: whether the learned step on key frames follows. refined: whether the learned step at rendered instants and
    the temporal consistency of sub-frames follow.
    """

    steps: int
    looks: int
    flow: str
    stride: float
    learned: bool
    refined: bool


EFFORTS = {
    "fast": Effort(steps=6, looks=1, flow="fast", stride=2.0, learned=False, refined=False),
    "balanced": Effort(steps=7, looks=2, flow="medium", stride=1.0, learned=True, refined=False),
    "best": Effort(steps=16, looks=2, flow="medium", stride=1.0, learned=True, refined=True),
}
