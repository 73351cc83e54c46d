"""From any pairwise flow to the paths, reliability and occlusion of a window."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched, chain

import torch
from torch import Tensor

from vsdeblur.colour.display import to_matching
from vsdeblur.flow.continuation import Prediction, continued
from vsdeblur.flow.motion import Motion, PairwiseFlow, displacement, through
from vsdeblur.flow.occlusion import link, normalised_residual
from vsdeblur.flow.regularise import regularise
from vsdeblur.flow.resolution import downsampled, motion_scale
from vsdeblur.flow.shake import blurred_like, camera_paths
from vsdeblur.flow.together import Flows, Pair, fetched, sent
from vsdeblur.flow.warp import inside, sample, sampling_grid, warp
from vsdeblur.heap import release_unused
from vsdeblur.tensors import box, known_zero
from vsdeblur.window import Window

SIGMA = 1.0  # points, the expected error of the first estimate of a path
STEPS = 8  # of its regularisation; 30 gave 0.00 to +0.01 dB on four clips
_TINY = 128  # pixels on the longer side: half of so little has no detail for a flow
_BETTER = 0.7  # of the residual of flow alone: with the path of a shaken camera it is 0.05 to 0.6 of that

log = logging.getLogger("vsdeblur")


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
        self.flows, self.linear, self.halve, self.camera, self.continuation = (
            Flows(flow),
            linear,
            halve,
            camera,
            continuation,
        )

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
        smooth = regularise(motion, SIGMA, scale=scale, guide=self.display(light), spans=window.spans, steps=STEPS)
        base = smooth.path / scale
        del smooth  # as large as the base, and of no more use
        return self.estimate(light, base, window, shutter, scale)

    def estimate(self, light: Tensor, base: Tensor | None, window: Window, shutter: float, scale: int) -> Motion:
        """The motion by the flow of all pairs beyond the base, (n, 4 or 6, h, w) in points."""
        path = light.new_zeros(len(light), 4 if base is None else base.shape[1], *light.shape[-2:])
        occlusion = light.new_zeros(len(light), 2, *light.shape[-2:])
        reliability = light.new_zeros(len(light), 1, *light.shape[-2:])
        backward: Tensor | None = None  # to the previous frame, past the base
        for n, both in enumerate(chain(self._flows(light, base, window, shutter), (None,))):
            forward, opposite = None, None
            if both is not None:
                pair, flows = both
                (occlusion[n, 0], ahead), (occlusion[n + 1, 1], behind) = link(pair.a, pair.b, *flows)
                reliability[n, 0] = torch.maximum(reliability[n, 0], ahead)
                reliability[n + 1, 0] = torch.maximum(reliability[n + 1, 0], behind)
                forward, opposite = _less(flows[0], pair.ahead), _less(flows[1], pair.behind)
            if forward is not None or backward is not None:
                path[n, :4] = through(forward, backward, window.spans[n])
            backward = opposite
        if base is not None:
            path += base
        return Motion(path.mul_(scale), box(reliability, 5), occlusion)

    def _flows(
        self, light: Tensor, base: Tensor | None, window: Window, shutter: float
    ) -> Iterator[tuple[_Pair, _Flows] | None]:
        """The pairs in order, with their flows; None across a cut.

        All at once where each needs those beside it, or an accelerator would be waited for; else as threads ask.
        """
        alone = light.device.type == "cpu" and not self.continuation
        several = -(-self.flows.at_once // 2) if alone else len(light)
        for numbers in batched(range(len(light) - 1), several):
            release_unused()
            pairs = self._pairs(light, base, window, shutter, numbers)
            for pair, flows in zip(pairs, self._found(pairs, window.spans), strict=True):
                yield None if pair is None or flows is None else (pair, flows)

    def _where_better(self, light: Tensor, base: Tensor, window: Window, shutter: float) -> Tensor | None:
        """The base in those scenes where it lowers flow's residual clearly; None where in none.

        Few frames of large motion can be explained by a camera that never was, in low frequencies.
        """
        base = base.clone()
        for first, last in window.scenes:
            if bool(base[first:last].any()):
                plain, with_base = (
                    self._residual(self._pairs(light, b, window, shutter, range(first, last - 1))) for b in (None, base)
                )
                if with_base > _BETTER * plain:
                    base[first:last] = 0
                    numbers = window.start + first, window.start + last - 1
                    log.debug("frames %d to %d: flow without the camera's path explains them as well", *numbers)
        return base if bool(base.any()) else None

    def _residual(self, pairs: Sequence[_Pair | None]) -> float:
        """The sum of the normalised residuals of the pairs' flows; 0 across a cut."""
        real = [pair for pair in pairs if pair is not None]
        flows = self._beyond([(pair.a, pair.b, pair.ahead) for pair in real])
        found = [normalised_residual(pair.a, pair.b, flow) for pair, flow in zip(real, flows, strict=True)]
        return sum(torch.stack(found).tolist()) if found else 0.0

    def _pairs(
        self, light: Tensor, base: Tensor | None, window: Window, shutter: float, numbers: Sequence[int]
    ) -> list[_Pair | None]:
        """Frames n and n + 1, blurred alike by the base, as display values; None across a cut."""
        shown = self.display(light) if base is None else light
        open_for = window.shutters or (shutter,) * len(light)
        pairs: list[_Pair | None] = []
        for n in numbers:
            if window.start + n + 1 in window.cuts:
                pairs.append(None)
                continue
            a, b = shown[n], shown[n + 1]
            if base is None:
                pairs.append(_Pair(a, b, None, None))
                continue
            ahead = displacement(base[n : n + 1], 1.0)[0]
            behind = displacement(base[n + 1 : n + 2], -window.spans[n + 1])[0]
            a, b = (
                blurred_like(a, base[n + 1], ahead, open_for[n + 1]),
                blurred_like(b, base[n], behind, open_for[n]),
            )
            bases = (None if known_zero(x) else x for x in (ahead, behind))
            pairs.append(_Pair(self.display(a), self.display(b), *bases))
        return pairs

    def _found(self, pairs: Sequence[_Pair | None], spans: tuple[float, ...]) -> list[_Flows | None]:
        """The flows of the pairs, where the flow is found: on the processor, there and back by one copy each."""
        real = [pair for pair in pairs if pair is not None]
        device = real[0].a.device if real else None
        away = device is not None and device.type != "cpu" and self.flows.on_host
        if away:
            real = _fetched(real)
        flows = self._beyond([way for one in real for way in ((one.a, one.b, one.ahead), (one.b, one.a, one.behind))])
        rest = iter(zip(real, zip(flows[::2], flows[1::2], strict=True), strict=True))
        known = [None if pair is None else next(rest) for pair in pairs]
        found: list[_Flows | None] = [None if one is None else one[1] for one in known]
        if self.continuation:
            found = self._continued([None if one is None else one[0] for one in known], found, spans)
        if away:
            assert device is not None
            back = iter(sent([flow for both in found if both is not None for flow in both], device))
            found = [None if both is None else (next(back), next(back)) for both in found]
        return found

    def _beyond(self, asked: Sequence[tuple[Tensor, Tensor, Tensor | None]]) -> list[Tensor]:
        """The flows a -> b, found from where a base (2, h, w) leads."""
        grids = [None if base is None else sampling_grid(base[None]) for _, _, base in asked]
        moved = [
            (a, b if grid is None else sample(b[None], grid, "bilinear")[0])
            for (a, b, _), grid in zip(asked, grids, strict=True)
        ]
        found = self.flows(moved)
        for k, ((_, _, base), grid) in enumerate(zip(asked, grids, strict=True)):
            if base is not None and grid is not None:
                rest = found[k] * inside(grid)[0]
                found[k] = rest + warp(base[None], rest[None], "bilinear")[0]
        return found

    def _continued(
        self, pairs: Sequence[_Pair | None], found: list[_Flows | None], spans: tuple[float, ...]
    ) -> list[_Flows | None]:
        """Each flow, or what the pair beside it predicts where that is better. spans: as in ``Window``."""
        tried: list[Prediction] = []
        places: list[tuple[int, int]] = []
        for n in range(1, len(pairs)):
            before, after, previous, this = pairs[n - 1], pairs[n], found[n - 1], found[n]
            if before is None or after is None or previous is None or this is None:
                continue
            onward, back = _less(this[0], after.ahead), _less(previous[1], before.behind)
            tried.append(Prediction(after.a, after.b, this[0], _plus(-(back / spans[n]), after.ahead)))
            tried.append(Prediction(before.b, before.a, previous[1], _plus(-(onward * spans[n]), before.behind)))
            places += [(n, 0), (n - 1, 1)]
        better = list(found)
        for (n, side), flow in zip(places, continued(self.flows, tried), strict=True):
            one = better[n]
            assert one is not None
            better[n] = (one[0], flow) if side else (flow, one[1])
        return better

    def between(self, pairs: Sequence[Pair]) -> list[Tensor]:
        """The flow a -> b of each pair of pictures (C, h, w) of the window's values, (2, h, w) pixels."""
        shown = {id(x): self.display(x) for x in {id(x): x for pair in pairs for x in pair}.values()}
        return self.flows([(shown[id(a)], shown[id(b)]) for a, b in pairs])

    def display(self, values: Tensor) -> Tensor:
        """What a flow takes of the window's ``values`` of any shape: display values in [0, 1]."""
        return to_matching(values) if self.linear else values.clamp(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two frames (C, h, w) as the flow takes them; ahead, behind: (2, h, w), the base from a to b and back, if any."""

    a: Tensor
    b: Tensor
    ahead: Tensor | None
    behind: Tensor | None


_Flows = tuple[Tensor, Tensor]  # a -> b, b -> a


def _fetched(pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs on the processor."""
    if all(pair.ahead is None and pair.behind is None for pair in pairs):
        return [_Pair(a, b, None, None) for a, b in fetched([(pair.a, pair.b) for pair in pairs])]
    none = torch.zeros_like(pairs[0].a[:1]).expand(2, -1, -1)
    bases = ([none if base is None else base for base in (pair.ahead, pair.behind)] for pair in pairs)
    fields = [(pair.a, pair.b, *both) for pair, both in zip(pairs, bases, strict=True)]
    return [_Pair(*one) for one in fetched(fields)]


def _less(flow: Tensor, base: Tensor | None) -> Tensor:
    return flow if base is None else flow - base


def _plus(flow: Tensor, base: Tensor | None) -> Tensor:
    return flow if base is None else flow + base
