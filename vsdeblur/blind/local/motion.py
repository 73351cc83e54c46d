"""The motion of a plane during the exposure: a velocity that stays the same, and the path of homographies along it.

    v(x) = (G (x, 1))_xy - x (G (x, 1))_z,     H_t = exp(t G),     t = -1/2 ... 1/2

G is 3 x 3 (its trace does not matter), in pixels an exposure: a shift alone for what goes straight, turn and zoom for
what turns or comes nearer in the picture, the last row for what tilts. At t = 0, in the middle of the exposure, the
plane lies where its matte is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class PlanarMotion:
    """The motion of a plane.

    Attributes:
        generator: (3, 3) float32, G.
    """

    generator: Tensor

    @classmethod
    def straight(cls, angle: float, length: float) -> PlanarMotion:
        """Every point goes ``length`` pixels to ``angle``, from x towards y, radians."""
        return cls.similar(torch.tensor([length * math.cos(angle), length * math.sin(angle), 0.0, 0.0]))

    @classmethod
    def similar(cls, rates: Tensor, about: Tensor | None = None) -> PlanarMotion:
        """A plane that shifts, grows and turns.

        Args:
            rates: (4,), of an exposure: shift along x and y, pixels; logarithm of the growth; turn from x towards y,
                radians.
            about: (2,) the point that shifts so; None for the origin.
        """
        shift, (grow, turn) = rates[:2], rates[2:].tolist()
        linear = torch.tensor([[grow, -turn], [turn, grow]])
        generator = torch.zeros(3, 3)
        generator[:2, :2] = linear
        generator[:2, 2] = shift if about is None else shift - linear @ about
        return cls(generator)

    def velocity(self, points: Tensor) -> Tensor:
        """v, (N, 2) pixels an exposure, at points (N, 2), pixels, x then y."""
        g = self.generator.to(points)
        ways = points @ g[:, :2].T + g[:, 2]
        return ways[:, :2] - points * ways[:, 2:]

    def path(self, instants: int) -> Tensor:
        """(instants, 3, 3) homographies of ``ProjectiveBlur``, at equally long parts of the exposure."""
        at = (torch.arange(instants, dtype=torch.float64) + 0.5) / instants - 0.5
        path: Tensor = torch.linalg.matrix_exp(at[:, None, None] * self.generator.double().cpu())
        return (path / path[:, 2:, 2:]).float()

    def turned(self, angle: float, factor: float) -> PlanarMotion:
        """The motion of velocities ``factor`` times as long and turned by ``angle``, of a plane that does not tilt."""
        cos, sin = factor * math.cos(angle), factor * math.sin(angle)
        turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0], [0, 0, factor]])
        return PlanarMotion(turn.to(self.generator) @ self.generator)

    def enlarged(self, factor: float) -> PlanarMotion:
        """The same motion in a picture that is ``factor`` times as large; 0 is the middle of the first pixel."""
        off = (factor - 1) / 2
        to = torch.tensor([[factor, 0, off], [0, factor, off], [0, 0, 1]]).to(self.generator)
        return PlanarMotion(to @ self.generator @ torch.linalg.inv(to))


def pixels_of(inside: Tensor) -> Tensor:
    """(N, 2) float32, x then y: the pixels of a mask (H, W)."""
    return inside.nonzero().flip(1).float()
