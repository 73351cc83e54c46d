"""What each preset spends."""

from __future__ import annotations

from dataclasses import dataclass

from vsdeblur.flow.warp import Kernel


@dataclass(frozen=True, slots=True)
class Effort:
    """steps: of Chebyshev's iteration. looks: how often motion is looked at. adjoint: kernel of the adjoints.

    flow: preset of the flow engine. stride: pixels of motion between two instants of an exposure's quadrature, at most,
    as long as MAX_TAPS allow. learned: whether the learned step of the unrolled solver follows.
    """

    steps: int
    looks: int
    adjoint: Kernel
    flow: str
    stride: float
    learned: bool


EFFORTS = {
    "fast": Effort(steps=6, looks=1, adjoint="bilinear", flow="fast", stride=2.0, learned=False),
    "balanced": Effort(steps=8, looks=2, adjoint="bicubic", flow="medium", stride=1.0, learned=True),
    "best": Effort(steps=16, looks=2, adjoint="bicubic", flow="medium", stride=1.0, learned=True),
}
