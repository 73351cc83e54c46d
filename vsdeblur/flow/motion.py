"""What the solver knows of motion: one small value, and the protocol of whatever makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The paths of the SHARP sequence through a window of n frames, seen from each frame's mid-exposure.

    path: (n, 4, h, w): velocity (x, y) then acceleration (x, y), in full-resolution pixels per period of that frame, so
    that a point of key frame n moves by  psi(tau) = tau * velocity + tau^2 / 2 * acceleration  in tau periods; or
    (n, 6, h, w) with the jerk (x, y) last,  ... + tau^3 / 6 * jerk:  where it meets its neighbours then leaves the
    velocity within the exposure free.
    reliability: (n, 1, h, w) in [0, 1]: how far the path may be trusted for sharpening.
    occlusion: (n, 2, h, w) in [0, 1]: 1 where the point is also seen in the next (0) and the previous (1) key frame; 0
    across a scene cut and at the ends of the window.
    h, w may be the frame's size divided by a whole number; the solver upsamples.
    """

    path: Tensor
    reliability: Tensor
    occlusion: Tensor

    def scale(self, height: int, width: int) -> int:
        """The whole number that a frame of height x width was divided by, rounding up."""
        wanted = tuple(self.path.shape[-2:])
        for scale in range(1, max(height, width) + 1):
            if (-(-height // scale), -(-width // scale)) == wanted:
                return scale
        raise DeblurError(f"motion is {wanted[1]}x{wanted[0]}: not {width}x{height} divided by a whole number")


class MotionEngine(Protocol):
    """Anything that finds the motion of a window. shutter: where the window has none of its own, in (0, 1]."""

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        ...


class PairwiseFlow(Protocol):
    """Any flow between two images: a(x) = b(x + flow(x)).

    a, b: (1 or 3, H, W) float32 display values in [0, 1]; returns (2, H, W), pixels.
    """

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The flow (2, H, W) in pixels: a(x) = b(x + flow(x))."""
        ...


FlowOfPairs = Callable[[Sequence[tuple[Tensor, Tensor]]], list[Tensor]]  # the flow a -> b of each pair, pixels


def displacement(path: Tensor, tau: float | Tensor) -> Tensor:
    """psi(tau), (B, 2, H, W) pixels, of path (B, 4 or 6, H, W) as ``Motion.path``.

    >>> import torch
    >>> path = torch.tensor([8.0, 0.0, 4.0, 0.0]).view(1, 4, 1, 1)  # 8 px a period to the right, and faster by 4
    >>> displacement(path, 0.5).flatten().tolist()
    [4.5, 0.0]
    """
    moved = tau * path[:, :2] + (tau * tau / 2) * path[:, 2:4]
    return moved + (tau * tau * tau / 6) * path[:, 4:] if path.shape[1] == 6 else moved


def through(forward: Tensor | None, backward: Tensor | None, ratio: float = 1.0) -> Tensor:
    """Velocity V and acceleration A, (..., 4, h, w), of the path that meets both neighbours:

    V + A/2 = forward at tau = 1,  -ratio V + ratio^2 A/2 = backward at -ratio

    Args:
        forward: (..., 2, h, w) to the next frame, None where there is none: then the motion is even.
        backward: (..., 2, h, w) to the previous one.
        ratio: Duration of the previous frame over this one's.

    Raises:
        ValueError: Without either neighbour.
    """
    if forward is not None and backward is not None:
        velocity = (ratio**2 * forward - backward) / (ratio**2 + ratio)
        return torch.cat((velocity, 2 * (forward - velocity)), -3)
    if forward is not None:
        return torch.cat((forward, torch.zeros_like(forward)), -3)
    if backward is not None:
        return torch.cat((-backward / ratio, torch.zeros_like(backward)), -3)
    raise ValueError("a path without neighbours")


def bent(path: Tensor, bend: Tensor, ratio: float = 1.0) -> Tensor:
    """The path with a cubic part that vanishes at both neighbours:  psi(tau) + bend tau (tau - 1) (tau + ratio).

    Args:
        path: (..., 4, h, w), of ``through``.
        bend: (..., 2, h, w) pixels: a sixth of the jerk.
        ratio: As in ``through``.

    Returns:
        (..., 6, h, w).
    """
    velocity, acceleration = path.split(2, -3)
    return torch.cat((velocity - ratio * bend, acceleration + 2 * (ratio - 1) * bend, 6 * bend), -3)


def extent(path: Tensor) -> Tensor:
    """About how far each point moves in a period, pixels, jerk aside: (B, 1, H, W)."""
    x, y = path[:, 0:1], path[:, 1:2]
    ax, ay = path[:, 2:3], path[:, 3:4]
    return torch.sqrt(x * x + y * y) + torch.sqrt(ax * ax + ay * ay) / 2
