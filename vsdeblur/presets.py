"""What each preset spends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """steps: of Chebyshev's iteration. looks: how often motion is looked at. flow: preset of the flow engine.

    stride: pixels of motion between two instants of an exposure's quadrature, at most, as long as MAX_TAPS allow.
    learned: whether the learned step of the unrolled solver follows. retouched: whether the learned step at rendered
    instants does, and sub-frames are made to agree.
    """

    steps: int
    looks: int
    flow: str
    stride: float
    learned: bool
    retouched: bool


EFFORTS = {
    "fast": Effort(steps=6, looks=1, flow="fast", stride=2.0, learned=False, retouched=False),
    "balanced": Effort(steps=7, looks=2, flow="medium", stride=1.0, learned=True, retouched=False),
    "best": Effort(steps=16, looks=2, flow="medium", stride=1.0, learned=True, retouched=True),
}
