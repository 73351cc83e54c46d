"""From any pairwise flow to the paths, reliability and occlusion of a window."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.flow.inertia import continued
from vsdeblur.flow.motion import Motion, PairwiseFlow
from vsdeblur.flow.warp import warp
from vsdeblur.window import Window

MISMATCH = 0.06  # photometric mismatch (display values, mean over a patch) at which trust has fallen to one half
INCONSISTENCY = 4.0  # the same for forward-backward disagreement, pixels at the resolution of the flow
_PATCH = 7
_TINY = 128  # pixels on the longer side: half of so little shows a flow nothing
_DISPLAY_GAMMA = 1 / 2.2


class PairwiseMotion:
    """A ``MotionEngine`` around a ``PairwiseFlow``.

    linear: the window's values are linear light and are shown to the flow as a display would show them; otherwise the
    flow sees them as they are. halve: look for motion at half resolution at most, however small the picture is.
    """

    def __init__(self, flow: PairwiseFlow, *, linear: bool = True, halve: bool = False) -> None:
        self.flow, self.linear, self.halve = flow, linear, halve

    def __call__(self, window: Window, shutter: float, u: Tensor | None = None) -> Motion:
        frames = (window.frames if u is None else u)[:, : window.colour]
        scale = motion_scale(*frames.shape[-2:])
        if self.halve and max(frames.shape[-2:]) > _TINY:
            scale = max(scale, 2)
        small = torch.cat([self._shown(frame[None], scale) for frame in frames])
        count = len(small)
        joined = [window.start + n + 1 not in window.cuts for n in range(count - 1)]
        nothing = small.new_zeros(2, *small.shape[-2:])
        forward = [self._between(a, b) if ok else nothing for (a, b), ok in zip(pairwise(small), joined, strict=True)]
        backward = [self._between(b, a) if ok else nothing for (a, b), ok in zip(pairwise(small), joined, strict=True)]
        forward, backward = self._continued(small, joined, window.spans, forward, backward)

        path = small.new_zeros(count, 4, *small.shape[-2:])
        seen = small.new_zeros(count, 2, *small.shape[-2:])
        trust = small.new_zeros(count, 1, *small.shape[-2:])
        links = [
            _link(small[n], small[n + 1], forward[n], backward[n]) if joined[n] else None for n in range(count - 1)
        ]
        for n in range(count):
            after = links[n] if n + 1 < count else None
            before = links[n - 1] if n > 0 else None
            path[n, :2], path[n, 2:] = _through(
                forward[n] if after else None, backward[n - 1] if before else None, window.spans[n], nothing
            )
            if after:
                seen[n, 0], trust[n, 0] = after[0]
            if before:
                seen[n, 1] = before[1][0]
                trust[n, 0] = torch.maximum(trust[n, 0], before[1][1])
        return Motion(path.mul_(scale), _box(trust, 5), seen)

    def _continued(
        self,
        small: Tensor,
        joined: list[bool],
        spans: tuple[float, ...],
        forward: list[Tensor],
        backward: list[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Each flow, or what the pair beside it foretells where that is better. spans: as in ``Window``."""
        onward, back = list(forward), list(backward)
        for n in range(1, len(small) - 1):
            if joined[n - 1] and joined[n]:
                ahead, behind = -backward[n - 1] / spans[n], -forward[n] * spans[n]
                onward[n] = continued(self._between, small[n], small[n + 1], forward[n], ahead)
                back[n - 1] = continued(self._between, small[n], small[n - 1], backward[n - 1], behind)
        return onward, back

    def _between(self, a: Tensor, b: Tensor) -> Tensor:
        flow = self.flow(a, b)
        wanted = (2, *a.shape[-2:])
        if not isinstance(flow, Tensor) or tuple(flow.shape) != wanted:
            got = tuple(flow.shape) if isinstance(flow, Tensor) else type(flow).__name__
            raise DeblurError(
                f"flow must return a tensor of shape {wanted} for pictures of shape {tuple(a.shape)}, not {got}"
            )
        if not torch.isfinite(flow).all():
            raise DeblurError("flow must return finite pixels, not NaN or infinity")
        return flow.to(a)

    def _shown(self, frame: Tensor, scale: int) -> Tensor:
        """What the eye and a flow network expect: display values in [0, 1], at the resolution of motion."""
        small = F.avg_pool2d(frame, scale, ceil_mode=True, count_include_pad=False) if scale > 1 else frame
        shown = small.clamp(0, 1)
        return shown**_DISPLAY_GAMMA if self.linear else shown


def motion_scale(height: int, width: int) -> int:
    """The whole number that the picture is divided by for motion."""
    longest = max(height, width)
    return 1 if longest <= 640 else 2 if longest <= 2048 else 4


def _through(forward: Tensor | None, backward: Tensor | None, ratio: float, nothing: Tensor) -> tuple[Tensor, Tensor]:
    """Velocity V and acceleration A of the path that meets both neighbours:

    V + A/2 = forward at tau = 1,  -ratio V + ratio^2 A/2 = backward at -ratio (ratio: previous / this)
    """
    if forward is not None and backward is not None:
        velocity = (ratio**2 * forward - backward) / (ratio**2 + ratio)
        return velocity, 2 * (forward - velocity)
    if forward is not None:
        return forward, nothing
    if backward is not None:
        return -backward / ratio, nothing
    return nothing, nothing


def _link(
    a: Tensor, b: Tensor, forward: Tensor, backward: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(visible in the other frame, trust), each (h, w), for a -> b and for b -> a."""

    def one_way(x: Tensor, y: Tensor, there: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
        moved = warp(torch.cat((y, back))[None], there[None], "bilinear")[0]
        mismatch = _box((moved[:-2] - x).abs().mean(0, keepdim=True)[None], _PATCH)[0, 0]
        disagreement = (there + moved[-2:]).square().sum(0)
        trust = 1 / ((1 + (mismatch / MISMATCH) ** 2) * (1 + disagreement / INCONSISTENCY**2))
        # Sundaram, Brox and Keutzer (ECCV 2010): what disagrees by more than its own length allows is hidden there.
        allowed = 0.1 * (there.square().sum(0) + moved[-2:].square().sum(0)) + 4.0
        return 1 / (1 + (disagreement / allowed) ** 2), trust

    return one_way(a, b, forward, backward), one_way(b, a, backward, forward)


def _box(x: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(F.pad(x, (size // 2,) * 4, mode="replicate"), size, stride=1)
