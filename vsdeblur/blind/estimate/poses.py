"""The camera's poses during an exposure: a density over rotations, and the kernels that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.operators.projective import ProjectiveBlur

_FOCAL = 1.2  # of the picture's longer side: between a phone's wide lens and a small crop
_APART = 0.1
FAINT = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The share of the exposure in each pose of a grid: pitch, yaw and roll.

    Attributes:
        density: (Z, N, N), Z and N odd, summing to 1. Z = 1 is a camera without roll.
        size: (H, W) of the picture.
        step: Pixels by which a step along an axis moves the picture: along y and x (the last two axes) in its middle,
            along z (roll) half its shorter side away from there.

    References:
        Gupta et al. 2010; Whyte et al. 2010.
    """

    density: Tensor
    size: tuple[int, int]
    step: float = 1.0

    @classmethod
    def still(cls, size: tuple[int, int], n: int, turns: int = 1) -> Poses:
        """No motion: all of the density in one pose.

        Args:
            size: (H, W) of the picture.
            n: Side of the grid, odd.
            turns: Steps of roll, odd.
        """
        density = torch.zeros(turns, n, n)
        density[turns // 2, n // 2, n // 2] = 1
        return cls(density, size)

    @classmethod
    def nearly_still(cls, size: tuple[int, int], n: int, turns: int = 1) -> Poses:
        """A start with a small motion: from none at all the alternation finds none.

        Args:
            size: (H, W) of the picture.
            n: Side of the grid, odd.
            turns: Steps of roll, odd.
        """
        poses = cls.still(size, n, turns)
        middle = n // 2
        poses.density[turns // 2, middle, middle - 1 : middle + 2] = torch.tensor([0.25, 0.5, 0.25])
        return poses

    @property
    def blur(self) -> ProjectiveBlur:
        """The blur of the picture by this density."""
        which = self.active(0)
        path = self.homographies(which).to(self.density)
        return ProjectiveBlur(path, self.density[which.unbind(1)], self.size, self.side // 2)

    @property
    def side(self) -> int:
        """Of the kernels, pixels."""
        return 2 * round(self.step * (self.density.shape[-1] // 2)) + 1

    def resized(self, size: tuple[int, int], n: int, turns: int) -> Poses:
        """The same motion in a picture of another size.

        Args:
            size: (H, W) of that picture.
            n: Side of its grid, odd.
            turns: Steps of roll, odd.
        """
        return Poses(_interpolated(self.density, turns, n), size, self.step)

    def finer(self, step: float) -> Poses:
        """The same motion on a grid of smaller steps.

        Args:
            step: Pixels; a whole fraction of the present step.
        """
        times = round(self.step / step)
        turns, n = (times * (length - 1) + 1 for length in self.density.shape[:2])
        return Poses(_interpolated(self.density, turns, n), self.size, step)

    @property
    def fullness(self) -> float:
        """The largest distance of a pose in use from the middle, over the grid's half side, [0, 1]."""
        reach = torch.tensor(self.density.shape) // 2
        used = (self.density > 0).nonzero() - reach
        return float((used.abs().amax(0) / reach.clamp_min(1)).max())

    def zoomed(self, size: tuple[int, int], times: float) -> Poses:
        """The same motion in a larger picture, on a grid of the same shape; poses outside of it are lost.

        Args:
            size: (H, W) of that picture.
            times: Factor of the sides.
        """
        turns, n = self.density.shape[0], self.density.shape[-1]
        wide, deep = (2 * round(length // 2 * times) + 1 for length in (n, turns))
        grown = _interpolated(self.density, deep, wide)
        z, m = turns // 2, n // 2
        density = grown[deep // 2 - z : deep // 2 + z + 1]
        density = density[:, wide // 2 - m : wide // 2 + m + 1, wide // 2 - m : wide // 2 + m + 1]
        return Poses(density / density.sum(), size, self.step).cleaned()

    def cleaned(self, faint: float = FAINT) -> Poses:
        """The density without faint and isolated poses, its mean moved to the middle.

        The motion of a camera is one curve: connected pieces of it with less than a tenth of the light are errors.

        Args:
            faint: Share of the largest density, summed over roll, below which poses are removed.
        """
        flat = self.density.sum(0)
        kept = flat >= faint * flat.max()
        for piece in _pieces(kept):
            if flat[piece].sum() < _APART * flat.sum():
                kept = kept & ~piece
        density = self.density * kept
        density = density * (density >= faint / 2 * density.max())
        axes = (0, 1, 2)
        shift = [-round(float((_line(density, axis) * density).sum() / density.sum())) for axis in axes]
        density = density.roll(shift, axes)
        return Poses(density / density.sum(), self.size, self.step)

    def homographies(self, which: Tensor) -> Tensor:
        """Homographies of poses, in pixels of the picture.

        Args:
            which: (J, 3), indices into the density: z, y, x.

        Returns:
            (J, 3, 3) float64.
        """
        reach = torch.tensor(self.density.shape) // 2
        z, y, x = (self.step * (which - reach).double()).unbind(-1)
        height, width = self.size
        focal = _FOCAL * max(height, width)
        roll = z / (min(height, width) / 2)
        # First the rotation about the optical axis, then that to the side: on their own both are exact rotations.
        yaw, pitch = torch.atan(x / focal), torch.atan(y / focal)
        one, nil = torch.ones_like(yaw), torch.zeros_like(yaw)

        def turn(*rows: Tensor) -> Tensor:
            return torch.stack(rows, -1).view(-1, 3, 3)

        about_y = turn(yaw.cos(), nil, yaw.sin(), nil, one, nil, -yaw.sin(), nil, yaw.cos())
        about_x = turn(one, nil, nil, nil, pitch.cos(), pitch.sin(), nil, -pitch.sin(), pitch.cos())
        about_z = turn(roll.cos(), -roll.sin(), nil, roll.sin(), roll.cos(), nil, nil, nil, one)
        lens = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], dtype=torch.float64)
        found: Tensor = lens @ about_y @ about_x @ about_z @ torch.linalg.inv(lens)
        return found

    def shares(self, which: Tensor, points: Tensor) -> Tensor:
        """S, the linear map from weights of poses to kernels:  kernels = S w.

        Args:
            which: (J, 3), indices of the poses.
            points: (P, 2) pixels, x then y: where the kernels lie.

        Returns:
            Sparse (P n n, J), n the side of the kernels.
        """
        n = self.side
        at = torch.cat((points, torch.ones_like(points[:, :1])), 1).double()
        seen = at @ self.homographies(which).transpose(1, 2)  # (J, P, 3)
        way = seen[..., :2] / seen[..., 2:] - points + n // 2
        way = way.clamp(0, n - 1 - 1e-6)
        low = way.floor()
        part, low = way - low, low.long()
        poses, count = len(which), len(points)
        column = torch.arange(poses)[:, None].expand(-1, count)
        first = torch.arange(count)[None] * n * n
        rows, columns, values = [], [], []
        for dy in (0, 1):
            for dx in (0, 1):
                rows.append(first + (low[..., 1] + dy) * n + low[..., 0] + dx)
                columns.append(column)
                values.append((1 - dx - part[..., 0]).abs() * (1 - dy - part[..., 1]).abs())
        index = torch.stack((torch.cat(rows).flatten(), torch.cat(columns).flatten()))
        filled = torch.cat(values).flatten().float()
        return torch.sparse_coo_tensor(index, filled, (count * n * n, poses), check_invariants=False).coalesce()

    def active(self, spread: int = 1) -> Tensor:
        """Indices (J, 3) of the poses in use, and of those within ``spread`` steps of them."""
        used = (self.density > 0).float()[None, None]
        grown = F.max_pool3d(used, 2 * spread + 1, 1, spread)[0, 0] if spread else used[0, 0]
        return grown.nonzero()


def _interpolated(density: Tensor, turns: int, n: int) -> Tensor:
    """A density on a grid (turns, n, n) of the same extent."""
    found = F.interpolate(density[None, None], (turns, n, n), mode="trilinear", align_corners=True)[0, 0]
    return found / found.sum()


def _line(density: Tensor, axis: int) -> Tensor:
    """Steps from the middle along an axis, shaped for broadcasting."""
    n = density.shape[axis]
    line = torch.arange(n, dtype=density.dtype) - n // 2
    return line.view([-1 if a == axis else 1 for a in range(3)])


def _pieces(mask: Tensor) -> list[Tensor]:
    """The connected pieces (by sides or corners) of a mask (H, W)."""
    import cv2

    count, labels = cv2.connectedComponents(mask.numpy().astype(np.uint8), connectivity=8)
    return [torch.from_numpy(labels == k) for k in range(1, count)]
