"""From any pairwise flow to the paths, reliability and occlusion of a window."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.colour.display import to_matching
from vsdeblur.errors import DeblurError
from vsdeblur.flow.continuation import continued
from vsdeblur.flow.motion import Motion, PairwiseFlow, displacement, through
from vsdeblur.flow.occlusion import link, normalised_residual
from vsdeblur.flow.regularise import regularise
from vsdeblur.flow.resolution import downsampled, motion_scale
from vsdeblur.flow.shake import blurred_like, camera_paths
from vsdeblur.flow.warp import inside, sample, sampling_grid, warp
from vsdeblur.tensors import box, refuse_wild
from vsdeblur.window import Window

SIGMA = 1.0  # points, the expected error of the first estimate of a path
_TINY = 128  # pixels on the longer side: half of so little has no detail for a flow
_BETTER = 0.7  # of the residual of flow alone: with the path of a shaken camera it is 0.05 to 0.6 of that

log = logging.getLogger("vsdeblur")

_FARTHEST = 1e5  # pixels, farther than any picture is wide


class PairwiseMotion:
    """A ``MotionEngine`` around a ``PairwiseFlow``."""

    is_motion_engine = True

    def __init__(
        self,
        flow: PairwiseFlow,
        *,
        linear: bool = True,
        halve: bool = False,
        camera: bool = True,
        continuation: bool = True,
    ) -> None:
        """An engine that calls ``flow`` for every pair of successive frames.

        Args:
            flow: between two pictures.
            linear: whether the window's values are linear light, which the flow gets as display values; otherwise it
                gets them as they are.
            halve: at half resolution at most, however small the picture is.
            camera: where the picture jumps as a whole, find the camera's path first, and by the flow what remains.
            continuation: where the flow of a pair fails, try that of the pair beside it.
        """
        self.flow, self.linear, self.halve, self.camera, self.continuation = flow, linear, halve, camera, continuation

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        scale = motion_scale(*window.frames.shape[-2:])
        if self.halve and max(window.frames.shape[-2:]) > _TINY:
            scale = max(scale, 2)
        light = downsampled(window.frames[:, : window.colour], scale)
        return self.estimate(light, self.camera_base(light, window, shutter), window, shutter, scale)

    def camera_base(self, light: Tensor, window: Window, shutter: float) -> Tensor | None:
        """The camera's paths (n, 6, h, w), points, where they explain a picture that jumps as a whole; else None."""
        base = camera_paths(light, window, shutter) if self.camera else None
        return None if base is None else self._where_better(light, base, window, shutter)

    def refined(self, window: Window, shutter: float, motion: Motion) -> Motion:
        """The motion between frames that ``motion``, regularised, blurs equally: where blur differs, flow errs."""
        scale = motion.scale(*window.frames.shape[-2:])
        light = downsampled(window.frames[:, : window.colour], scale)
        smooth = regularise(motion, SIGMA, scale=scale, guide=self.display(light), spans=window.spans)
        return self.estimate(light, smooth.path / scale, window, shutter, scale)

    def estimate(self, light: Tensor, base: Tensor | None, window: Window, shutter: float, scale: int) -> Motion:
        """The motion by the flow of all pairs beyond the base, (n, 4 or 6, h, w) in points."""
        pairs = [self._pair(light, base, window, n, shutter) for n in range(len(light) - 1)]
        found = [None if pair is None else self._flows(pair) for pair in pairs]
        if self.continuation:
            found = self._continued(pairs, found, window.spans)

        path = light.new_zeros(len(light), 4 if base is None else base.shape[1], *light.shape[-2:])
        occlusion = light.new_zeros(len(light), 2, *light.shape[-2:])
        reliability = light.new_zeros(len(light), 1, *light.shape[-2:])
        beyond: list[list[Tensor | None]] = [[None, None] for _ in light]  # to the next and the previous, past the base
        for n, (pair, flows) in enumerate(zip(pairs, found, strict=True)):
            if pair is None or flows is None:
                continue
            (occlusion[n, 0], ahead), (occlusion[n + 1, 1], behind) = link(pair.a, pair.b, *flows)
            reliability[n, 0] = torch.maximum(reliability[n, 0], ahead)
            reliability[n + 1, 0] = torch.maximum(reliability[n + 1, 0], behind)
            beyond[n][0], beyond[n + 1][1] = flows[0] - pair.ahead, flows[1] - pair.behind
        for n, (forward, backward) in enumerate(beyond):
            if forward is not None or backward is not None:
                path[n, :4] = through(forward, backward, window.spans[n])
        if base is not None:
            path += base
        return Motion(path.mul_(scale), box(reliability, 5), occlusion)

    def _where_better(self, light: Tensor, base: Tensor, window: Window, shutter: float) -> Tensor | None:
        """The base in those scenes where it lowers flow's residual clearly; None where in none.

        Few frames of large motion can be explained by a camera that never was, in low frequencies.
        """
        base = base.clone()
        for first, last in window.scenes:
            if bool(base[first:last].any()):
                plain, with_base = (
                    sum(self._residual(self._pair(light, b, window, n, shutter)) for n in range(first, last - 1))
                    for b in (None, base)
                )
                if with_base > _BETTER * plain:
                    base[first:last] = 0
                    numbers = window.start + first, window.start + last - 1
                    log.debug("frames %d to %d: flow without the camera's path explains them as well", *numbers)
        return base if bool(base.any()) else None

    def _residual(self, pair: _Pair | None) -> float:
        """The normalised residual of the pair's flow; 0 across a cut."""
        if pair is None:
            return 0.0
        return float(normalised_residual(pair.a, pair.b, self._beyond(pair.a, pair.b, pair.ahead)))

    def _pair(self, light: Tensor, base: Tensor | None, window: Window, n: int, shutter: float) -> _Pair | None:
        """Frames n and n + 1, blurred alike by the base, as display values; None across a cut."""
        if window.start + n + 1 in window.cuts:
            return None
        a, b = light[n], light[n + 1]
        if base is None:
            nothing = torch.zeros_like(a[:1]).expand(2, -1, -1)
            return _Pair(self.display(a), self.display(b), nothing, nothing)
        ahead = displacement(base[n : n + 1], 1.0)[0]
        behind = displacement(base[n + 1 : n + 2], -window.spans[n + 1])[0]
        open_for = window.shutters or (shutter,) * len(light)
        a, b = (
            blurred_like(a, base[n + 1], ahead, open_for[n + 1]),
            blurred_like(b, base[n], behind, open_for[n]),
        )
        return _Pair(self.display(a), self.display(b), ahead, behind)

    def _flows(self, pair: _Pair) -> _Flows:
        return self._beyond(pair.a, pair.b, pair.ahead), self._beyond(pair.b, pair.a, pair.behind)

    def _beyond(self, a: Tensor, b: Tensor, base: Tensor) -> Tensor:
        """The flow a -> b, found from where the base (2, h, w) leads."""
        if not bool(base.any()):
            return self._between(a, b)
        grid = sampling_grid(base[None])
        rest = self._between(a, sample(b[None], grid, "bilinear")[0]) * inside(grid)[0]
        return rest + warp(base[None], rest[None], "bilinear")[0]

    def _continued(
        self, pairs: list[_Pair | None], found: list[_Flows | None], spans: tuple[float, ...]
    ) -> list[_Flows | None]:
        """Each flow, or what the pair beside it predicts where that is better. spans: as in ``Window``."""
        better = list(found)
        for n in range(1, len(pairs)):
            before, after, previous, this = pairs[n - 1], pairs[n], found[n - 1], found[n]
            if before is None or after is None or previous is None or this is None:
                continue
            predicted = after.ahead - (previous[1] - before.behind) / spans[n]
            better[n] = (continued(self._between, after.a, after.b, this[0], predicted), this[1])
            predicted = before.behind - (this[0] - after.ahead) * spans[n]
            onward = (better[n - 1] or previous)[0]
            better[n - 1] = (onward, continued(self._between, before.b, before.a, previous[1], predicted))
        return better

    def _between(self, a: Tensor, b: Tensor) -> Tensor:
        flow = self.flow(a, b)
        wanted = (2, *a.shape[-2:])
        if not isinstance(flow, Tensor) or tuple(flow.shape) != wanted:
            got = tuple(flow.shape) if isinstance(flow, Tensor) else type(flow).__name__
            raise DeblurError(
                f"flow must return a tensor of shape {wanted} for pictures of shape {tuple(a.shape)}, not {got}"
            )
        refuse_wild("flow", flow, _FARTHEST)
        return flow.to(a)

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """The flow a -> b of two pictures (C, h, w) of the window's values, (2, h, w) pixels."""
        return self._between(self.display(a), self.display(b))

    def display(self, values: Tensor) -> Tensor:
        """What a flow takes of the window's ``values`` of any shape: display values in [0, 1]."""
        return to_matching(values) if self.linear else values.clamp(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two frames (C, h, w) as the flow takes them; ahead, behind: (2, h, w), the base from a to b and back."""

    a: Tensor
    b: Tensor
    ahead: Tensor
    behind: Tensor


_Flows = tuple[Tensor, Tensor]  # a -> b, b -> a
