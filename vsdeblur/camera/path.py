"""The path of a camera through a window: a similarity whose parameters are cubic splines in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """g(t) X = centre + shift(t) + exp(zoom(t)) R(turn(t)) (X - centre), float64.

    knots: (K, 4): shift x and y in pixels, turn in radians, log zoom. origin, spacing: of the knots, in periods.
    """

    knots: Tensor
    origin: float
    spacing: float
    centre: Tensor

    def pose(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Position of the centre (t, 2) and the linear part (t, 2, 2)."""
        shift, turn, zoom = shift_turn_zoom(splines(times, len(self.knots), self.origin, self.spacing) @ self.knots)
        c, s = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
        return self.centre + shift, torch.stack((torch.cat((c, -s), 1), torch.cat((s, c), 1)), 1)

    def scaled(self, factor: float) -> CameraPath:
        """The path in a picture of ``factor`` times the size."""
        knots = self.knots * self.knots.new_tensor([factor, factor, 1, 1])
        return replace(self, knots=knots, centre=(self.centre + 0.5) * factor - 0.5)

    def at(self, times: Tensor, world: Tensor) -> Tensor:
        """Where world points (p, 2) are seen: (t, p, 2)."""
        position, linear = self.pose(times)
        return position[:, None] + (world - self.centre) @ linear.mT

    def world(self, time: Tensor, seen: Tensor) -> Tensor:
        """The world points that are seen at (p, 2) at one time, ()."""
        position, linear = self.pose(time[None])
        reached: Tensor = torch.linalg.solve(linear[0], (seen - position).T)
        return self.centre + reached.T

    def displacement(self, time: Tensor, times: Tensor, height: int, width: int) -> Tensor:
        """How far what is seen at each pixel at ``time`` has moved at ``times``: (t, 2, height, width)."""
        y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
        seen = torch.stack((x, y), -1).view(-1, 2)
        moved: Tensor = self.at(times, self.world(time, seen)) - seen
        return moved.mT.reshape(len(times), 2, height, width)


def splines(times: Tensor, count: int, origin: float, spacing: float) -> Tensor:
    """Uniform cubic B-splines at ``times``: (t, count)."""
    d = ((times[:, None] - origin) / spacing - torch.arange(count, dtype=times.dtype)).abs()
    return torch.where(d < 1, (4 - 6 * d**2 + 3 * d**3) / 6, (2 - d).clamp(min=0) ** 3 / 6)


def shift_turn_zoom(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Columns of parameters (t, 4): shift (t, 2), turn (t, 1), log zoom (t, 1)."""
    return parameters[:, :2], parameters[:, 2:3], parameters[:, 3:]
