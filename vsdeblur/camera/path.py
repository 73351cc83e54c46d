"""The path of a camera through a window: a similarity whose parameters are cubic splines in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """g(t) X = centre + shift(t) + exp(zoom(t)) R(turn(t)) (X - centre), float64.

    Attributes:
        knots: (K, 4), coefficients of the splines: shift x and y in pixels, turn in radians, log zoom.
        origin: Time of the first knot, periods.
        spacing: Of the knots, periods.
        centre: (2,), x and y in pixels.
    """

    knots: Tensor
    origin: float
    spacing: float
    centre: Tensor

    def pose(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """The similarity at some instants.

        Args:
            times: (t,), periods.

        Returns:
            The position of the centre, (t, 2) in pixels, and the linear part, (t, 2, 2).
        """
        shift, turn, zoom = shift_turn_zoom(splines(times, len(self.knots), self.origin, self.spacing) @ self.knots)
        c, s = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
        return self.centre + shift, torch.stack((torch.cat((c, -s), 1), torch.cat((s, c), 1)), 1)

    def scaled(self, factor: float) -> CameraPath:
        """The path in a picture of ``factor`` times the size; pixel centres lie at whole coordinates in both."""
        knots = self.knots * self.knots.new_tensor([factor, factor, 1, 1])
        return replace(self, knots=knots, centre=(self.centre + 0.5) * factor - 0.5)

    def at(self, times: Tensor, world: Tensor) -> Tensor:
        """Positions of world points in the picture: g(t) X.

        Args:
            times: (t,), periods.
            world: (p, 2), pixels.

        Returns:
            (t, p, 2), pixels.
        """
        position, linear = self.pose(times)
        return position[:, None] + (world - self.centre) @ linear.mT

    def world(self, time: Tensor, positions: Tensor) -> Tensor:
        """World points by their positions in the picture at one instant: the inverse of ``at``.

        Args:
            time: (), periods.
            positions: (p, 2), pixels.

        Returns:
            (p, 2), pixels.
        """
        position, linear = self.pose(time[None])
        offsets: Tensor = torch.linalg.solve(linear[0], (positions - position).T)
        return self.centre + offsets.T

    def displacement(self, time: Tensor, times: Tensor, height: int, width: int) -> Tensor:
        """Displacement, from one instant to others, of the world point that lies at each pixel at ``time``.

        Args:
            time: (), periods.
            times: (t,), periods.
            height: Of the picture, pixels.
            width: Of the picture, pixels.

        Returns:
            (t, 2, height, width), x and y in pixels.
        """
        y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
        pixels = torch.stack((x, y), -1).view(-1, 2)
        moved: Tensor = self.at(times, self.world(time, pixels)) - pixels
        return moved.mT.reshape(len(times), 2, height, width)


def splines(times: Tensor, count: int, origin: float, spacing: float) -> Tensor:
    """Uniform cubic B-splines.

    Args:
        times: (t,), periods.
        count: Number of knots.
        origin: Time of the first knot, periods.
        spacing: Of the knots, periods.

    Returns:
        (t, count): the weight of every knot at every instant; rows sum to 1 from the second knot to the last but one.
    """
    d = ((times[:, None] - origin) / spacing - torch.arange(count, dtype=times.dtype)).abs()
    return torch.where(d < 1, (4 - 6 * d**2 + 3 * d**3) / 6, (2 - d).clamp(min=0) ** 3 / 6)


def shift_turn_zoom(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Columns of parameters (t, 4): shift (t, 2), turn (t, 1), log zoom (t, 1)."""
    return parameters[:, :2], parameters[:, 2:3], parameters[:, 3:]
