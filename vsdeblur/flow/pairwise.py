"""From any pairwise flow to the paths, reliability and occlusion of a window."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.flow.inertia import continued
from vsdeblur.flow.motion import Motion, PairwiseFlow, displacement
from vsdeblur.flow.occlusion import left, link
from vsdeblur.flow.regularise import regularise
from vsdeblur.flow.shake import blurred_like, camera_paths
from vsdeblur.flow.warp import inside, sample, sampling_grid, warp
from vsdeblur.tensors import box
from vsdeblur.window import Window

SIGMA = 1.0  # points that the first look at a path is taken to be wrong by
_TINY = 128  # pixels on the longer side: half of so little shows a flow nothing
_BETTER = 0.7  # of what flow alone leaves: with the path of a camera that shakes it leaves 0.05 to 0.6
_DISPLAY_GAMMA = 1 / 2.2

log = logging.getLogger("vsdeblur")


class PairwiseMotion:
    """A ``MotionEngine`` around a ``PairwiseFlow``.

    linear: the window's values are linear light and are shown to the flow as a display would show them; otherwise the
    flow sees them as they are. halve: look for motion at half resolution at most, however small the picture is. camera:
    where the picture jumps as a whole, find the camera's path first, and let the flow find only what is left. inertia:
    where the flow of a pair fails, try that of the pair beside it.
    """

    is_motion_engine = True

    def __init__(
        self,
        flow: PairwiseFlow,
        *,
        linear: bool = True,
        halve: bool = False,
        camera: bool = True,
        inertia: bool = True,
    ) -> None:
        self.flow, self.linear, self.halve, self.camera, self.inertia = flow, linear, halve, camera, inertia

    def __call__(self, window: Window, shutter: float) -> Motion:
        scale = motion_scale(*window.frames.shape[-2:])
        if self.halve and max(window.frames.shape[-2:]) > _TINY:
            scale = max(scale, 2)
        light = averaged(window.frames[:, : window.colour], scale)
        base = camera_paths(light, window, shutter) if self.camera else None
        if base is not None:
            base = self._where_better(light, base, window, shutter)
        return self._look(light, base, window, shutter, scale)

    def again(self, window: Window, shutter: float, motion: Motion) -> Motion:
        """Look between frames that ``motion``, made smooth, blurs equally: where frames differ in blur, flow errs."""
        scale = motion.scale(*window.frames.shape[-2:])
        light = averaged(window.frames[:, : window.colour], scale)
        smooth = regularise(motion, SIGMA, scale=scale, guide=self.shown(light), spans=window.spans)
        return self._look(light, smooth.path / scale, window, shutter, scale)

    def _look(self, light: Tensor, base: Tensor | None, window: Window, shutter: float, scale: int) -> Motion:
        """The flow of all pairs beyond the base, (n, 4 or 6, h, w) in points, and what it means for paths and trust."""
        pairs = [self._pair(light, base, window, n, shutter) for n in range(len(light) - 1)]
        found = [None if pair is None else self._flows(pair) for pair in pairs]
        if self.inertia:
            found = self._continued(pairs, found, window.spans)

        path = light.new_zeros(len(light), 4 if base is None else base.shape[1], *light.shape[-2:])
        seen = light.new_zeros(len(light), 2, *light.shape[-2:])
        trust = light.new_zeros(len(light), 1, *light.shape[-2:])
        beyond: list[list[Tensor | None]] = [[None, None] for _ in light]  # to the next and the previous, past the base
        for n, (pair, flows) in enumerate(zip(pairs, found, strict=True)):
            if pair is None or flows is None:
                continue
            (seen[n, 0], ahead), (seen[n + 1, 1], behind) = link(pair.a, pair.b, *flows)
            trust[n, 0] = torch.maximum(trust[n, 0], ahead)
            trust[n + 1, 0] = torch.maximum(trust[n + 1, 0], behind)
            beyond[n][0], beyond[n + 1][1] = flows[0] - pair.ahead, flows[1] - pair.behind
        for n, (forward, backward) in enumerate(beyond):
            velocity, acceleration = _through(forward, backward, window.spans[n], torch.zeros_like(path[n, :2]))
            path[n, :2], path[n, 2:4] = velocity, acceleration
        if base is not None:
            path += base
        return Motion(path.mul_(scale), box(trust, 5), seen)

    def _where_better(self, light: Tensor, base: Tensor, window: Window, shutter: float) -> Tensor | None:
        """The base in those scenes where flow leaves clearly less with it than without; None where in none.

        Few frames of large motion can be explained by a camera that never was, in low frequencies.
        """
        base = base.clone()
        for first, last in window.scenes:
            if bool(base[first:last].any()):
                plain, with_base = (
                    sum(self._left(self._pair(light, b, window, n, shutter)) for n in range(first, last - 1))
                    for b in (None, base)
                )
                if with_base > _BETTER * plain:
                    base[first:last] = 0
                    numbers = window.start + first, window.start + last - 1
                    log.debug("frames %d to %d: flow without the camera's path explains them as well", *numbers)
        return base if bool(base.any()) else None

    def _left(self, pair: _Pair | None) -> float:
        """What the pair's flow leaves; 0 across a cut."""
        return 0.0 if pair is None else float(left(pair.a, pair.b, self._beyond(pair.a, pair.b, pair.ahead)))

    def _pair(self, light: Tensor, base: Tensor | None, window: Window, n: int, shutter: float) -> _Pair | None:
        """Frames n and n + 1 as the flow is to see them; None across a cut."""
        if window.start + n + 1 in window.cuts:
            return None
        a, b = light[n], light[n + 1]
        if base is None:
            nothing = torch.zeros_like(a[:1]).expand(2, -1, -1)
            return _Pair(self.shown(a), self.shown(b), nothing, nothing)
        ahead = displacement(base[n : n + 1], 1.0)[0]
        behind = displacement(base[n + 1 : n + 2], -window.spans[n + 1])[0]
        open_for = window.shutters or (shutter,) * len(light)
        a, b = (
            blurred_like(a, base[n + 1], ahead, open_for[n + 1]),
            blurred_like(b, base[n], behind, open_for[n]),
        )
        return _Pair(self.shown(a), self.shown(b), ahead, behind)

    def _flows(self, pair: _Pair) -> _Flows:
        return self._beyond(pair.a, pair.b, pair.ahead), self._beyond(pair.b, pair.a, pair.behind)

    def _beyond(self, a: Tensor, b: Tensor, base: Tensor) -> Tensor:
        """The flow a -> b, sought from where the base (2, h, w) leads."""
        if not bool(base.any()):
            return self._between(a, b)
        grid = sampling_grid(base[None])
        rest = self._between(a, sample(b[None], grid, "bilinear")[0]) * inside(grid)[0]
        return rest + warp(base[None], rest[None], "bilinear")[0]

    def _continued(
        self, pairs: list[_Pair | None], found: list[_Flows | None], spans: tuple[float, ...]
    ) -> list[_Flows | None]:
        """Each flow, or what the pair beside it foretells where that is better. spans: as in ``Window``."""
        better = list(found)
        for n in range(1, len(pairs)):
            before, after, was, now = pairs[n - 1], pairs[n], found[n - 1], found[n]
            if before is None or after is None or was is None or now is None:
                continue
            foretold = after.ahead - (was[1] - before.behind) / spans[n]
            better[n] = (continued(self._between, after.a, after.b, now[0], foretold), now[1])
            foretold = before.behind - (now[0] - after.ahead) * spans[n]
            onward = (better[n - 1] or was)[0]
            better[n - 1] = (onward, continued(self._between, before.b, before.a, was[1], foretold))
        return better

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

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """The flow a -> b of two pictures (C, h, w) of the window's values, (2, h, w) pixels."""
        return self._between(self.shown(a), self.shown(b))

    def shown(self, light: Tensor) -> Tensor:
        """What the eye and a flow network expect, of any shape: display values in [0, 1]."""
        display = light.clamp(0, 1)
        return display**_DISPLAY_GAMMA if self.linear else display


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two successive frames (C, h, w) as shown to the flow; ahead, behind: (2, h, w), the base from a to b and back."""

    a: Tensor
    b: Tensor
    ahead: Tensor
    behind: Tensor


_Flows = tuple[Tensor, Tensor]  # a -> b, b -> a


def averaged(frames: Tensor, scale: int) -> Tensor:
    """At the resolution of motion: divided by ``scale``."""
    return F.avg_pool2d(frames, scale, ceil_mode=True, count_include_pad=False) if scale > 1 else frames


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
