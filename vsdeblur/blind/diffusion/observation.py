"""What was observed: a blurry picture with noise, as a linear map of light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.colour.display import from_smooth_display, smooth_display_slope
from vsdeblur.solver.chebyshev import chebyshev

_LOWEST = 0.005  # of A'A: components that the blur passes less of are left to the prior


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """v = A f(u) + s n, u in display values and n white noise of deviation 1, where the camera did not clip.

    Attributes:
        v: (B, C, H, W).
        blur: A, of v's size.
        noise: s, above 0.
        linear: Whether v is light, f the display's curve; else f(u) = u.
        clip: The value from which on v is clipped, and bounds A f(u) from below alone; None where it never is.
        highest: A bound of ||A'A||.
    """

    v: Tensor
    blur: Blur
    noise: float
    linear: bool
    clip: float | None
    highest: float

    def at(self, u: Tensor) -> Linearised:
        """The observation around u (B, C, H + 2 margin, W + 2 margin)."""
        light = from_smooth_display(u) if self.linear else u
        slope = smooth_display_slope(u) if self.linear else None
        seen = self.blur(light)
        known = None if self.clip is None else ((self.v < self.clip) | (seen < self.v)).to(u)
        return Linearised(self, self.v - seen, slope, known)


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """missing = A G d + s n for small changes d of u, G = diag(f'(u)).

    Attributes:
        observation: The whole.
        missing: v - A f(u), (B, C, H, W).
        slope: f'(u), None for 1.
        known: 1 where v was not clipped, else 0; None for 1.
    """

    observation: Observation
    missing: Tensor
    slope: Tensor | None
    known: Tensor | None

    def back(self, residual: Tensor) -> Tensor:
        """G A'M residual, of residual (B, C, H, W)."""
        seen = self.observation.blur.adjoint(residual if self.known is None else residual * self.known)
        return seen if self.slope is None else seen * self.slope

    def forth(self, change: Tensor) -> Tensor:
        """A G change."""
        return self.observation.blur(change if self.slope is None else change * self.slope)

    def whitened_change(self, root: Callable[[Tensor], Tensor], largest: float, steps: int) -> Tensor:
        """argmin_e  || M (missing - A G C^(1/2) e) ||^2 / s^2 + ||e||^2, by Chebyshev steps.

        With d = C^(1/2) e this is the mean change of pictures that lie around u with covariance C.

        Args:
            root: C^(1/2).
            largest: A bound of its norm.
            steps: Of Chebyshev's iteration.

        Returns:
            e, of u's shape.
        """
        weight = 1 / self.observation.noise**2

        def system(e: Tensor) -> Tensor:
            return e + weight * root(self.back(self.forth(root(e))))

        steepest = 1.0 if self.slope is None else float(self.slope.max())
        gained = weight * self.observation.highest * (steepest * largest) ** 2
        rhs = weight * root(self.back(self.missing))
        lowest = max(1.0, _LOWEST * gained)
        return chebyshev(system, rhs, None, lowest, max(1 + gained, 1.01 * lowest), steps)
