"""How a user's clips were filmed, as far as learning from them needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from vsdeblur.solver.unrolled.stage import SHOWN


@dataclass(frozen=True, slots=True)
class Camera:
    """A shutter, and what values stand for.

    Attributes:
        shutter: The open part of the period.
        linear: Whether values stand for light; otherwise they are averaged as they are.
    """

    shutter: float
    linear: bool

    @property
    def curve(self) -> str:
        """The transfer function by which values are taken for light."""
        return SHOWN if self.linear else "linear"

    @property
    def gamma(self) -> float:
        """The power of it, about."""
        return 2.2 if self.linear else 1.0
