"""Temporal consistency: D2 on all sub-frames, in what the exposures leave free, as the last step.

Instants are composed one by one. An error of one key frame, and a residual that is added to a whole exposure, ends
where the next exposure begins; neighbouring sub-frames hold what is missing. A few steps of projected gradient,

    u <- P_D1( u - step dD2/du ),       D2(u) = 1/2 sum_k sum_r omega psi( u_{k+r}(x + phi_{k,r}(x)) - u_k(x) ),

r in both directions: to the farthest sub-frames along the paths of the key frames, to nearer ones along a quick flow
between the sub-frames themselves, which is right where the paths err. P_D1 keeps the mean of every exposure as it was.
Without it the same steps only smooth (0.0 to -0.1 dB; with it +0.03 to +0.3). The gradient is that of D2, not the mean
of the neighbours: of detail that sampling dulls it takes the square of the loss, not the loss.

One frame's period at a time: its own sub-frames change, those around it are constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import batched, chain, groupby
from math import ceil, floor

import torch
from torch import Tensor

from vsdeblur.flow.footprint import field
from vsdeblur.flow.motion import FlowOfPairs
from vsdeblur.flow.resolution import downsampled, upsampled
from vsdeblur.footprint import FLOAT, FrameSize
from vsdeblur.solver.coupling import Link, robust_gradient
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.render.compositing import keep_static
from vsdeblur.solver.render.geometry import elapsed, onward_paths, row_groups
from vsdeblur.solver.render.residual import joint_part
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.solver.subframe_pairs import SubFrame, SubFramePairs
from vsdeblur.tiles import tiles

REACHES = (1 / 8, 1 / 4, 1 / 2)  # periods between sub-frames that are coupled; nearest ones where there are fewer
# Over one more than the reaches. Along the motion the gradient multiplies a sequence of frequency f by the sum of
# 8 sin(pi f r)^2 over the reaches r: by no more than 8, 12.5 and 19 for one, two and three of them, so that a step
# takes no more than 1.9 times what is there. From 2 on it would grow.
STEP = 0.4
STEPS = 3
SCALE = 0.1  # of psi: a larger difference is another object, behind an edge
TILES, OVERLAP = (192, 128), 32  # pixels; the smaller one where memory is short


@dataclass(frozen=True, slots=True, eq=False)
class TemporalConsistency:
    """The sub-frames of one solved window, made consistent with one another.

    Attributes:
        solved: The window.
        composed: Gives a sub-frame (C, H, W) as it was rendered, from its instant in periods of the clip.
        flow: Between sub-frames, light of the colours at the resolution of motion.
        spacing: Of the sub-frames, periods.
        periods: That are rendered before any is changed: more of them take memory, and call ``flow`` less often.
        tile: Side of the inner part of the tiles that are changed, pixels.
    """

    solved: SolvedWindow
    composed: Callable[[float], Tensor]
    flow: FlowOfPairs
    spacing: float
    periods: int = 1
    tile: int = TILES[0]

    @property
    def reaches(self) -> tuple[int, ...]:
        """The distances that are coupled, in sub-frames: none where they lie more than half a period apart."""
        return reaches(self.spacing)

    def instants(self, wanted: Sequence[float]) -> Iterator[Tensor]:
        """The sub-frames (C, H, W) at ``wanted``, instants of whole periods of the clip, ascending."""
        around = max(self.reaches, default=0)
        before = [wanted[0] - k * self.spacing for k in range(around, 0, -1)]
        after = [wanted[-1] + k * self.spacing for k in range(1, around + 1)]
        times = [t for t in (*before, *wanted, *after) if self._within(t)]
        if not around or len(times) == 1:
            yield from map(self.composed, wanted)
            return
        first = sum(t < wanted[0] for t in times)
        kept: dict[int, SubFrame] = {}
        steps: dict[int, Tensor] = {}
        numbers = groupby(range(first, first + len(wanted)), lambda k: self._frame(times[k]))
        for some in batched((list(group) for _, group in numbers), self.periods):
            here = _around(range(some[0][0], some[-1][-1] + 1), around, len(times))
            # Those out of reach are released before others are rendered: memory holds these periods and those around.
            kept = {k: kept[k] for k in here if k in kept}
            steps = {k: steps[k] for k in here[:-1] if k in steps}
            kept |= {k: self._sub_frame(times[k]) for k in here if k not in kept}
            new = [k for k in here[:-1] if k not in steps]
            steps |= zip(new, self._steps([(kept[k], kept[k + 1]) for k in new]), strict=True)
            for own in some:
                near = _around(range(own[0], own[-1] + 1), around, len(times))
                mine = range(own[0] - near[0], own[-1] + 1 - near[0])
                yield from self._improved([kept[k] for k in near], [steps[k] for k in near[:-1]], mine)

    def _improved(self, subframes: Sequence[SubFrame], steps: Sequence[Tensor], own: range) -> Iterator[Tensor]:
        """The sub-frames of ``own`` after the projected gradient steps, which run tile by tile."""
        solved = self.solved
        changes = [torch.zeros_like(subframes[k].picture) for k in own]
        pairs = [self._pairs(subframes, own, reach) for reach in self.reaches]
        exposures = self._exposures(subframes, own)
        for tile in tiles(*solved.size, self.tile, OVERLAP, solved.frames.device):
            part = (slice(None), tile.rows, tile.columns)
            u = torch.stack([one.picture[part] for one in subframes]).float()
            paths, flows = (
                torch.cat([upsampled(x.float(), solved.scale, solved.size, tile.rows, tile.columns) for x in fields])
                for fields in ([one.path for one in subframes], steps)
            )
            links = [(some.span, link) for some in pairs for link in some.links(paths, flows)]
            opened = [mask[..., tile.rows, :] for mask in exposures]
            step = STEP / (1 + len(pairs))
            found = projected_steps(u, links, slice(own.start, own.stop), opened, step, solved.data_weights)
            for change, more in zip(changes, found * tile.weight, strict=True):
                change[part] += more
        for k, change in zip(own, changes, strict=True):
            groups = row_groups(solved, subframes[k].t)
            u = subframes[k].picture.float()
            u += joint_part(solved, change.float(), groups)
            yield keep_static(solved, u, groups)

    def _pairs(self, subframes: Sequence[SubFrame], own: range, reach: int) -> SubFramePairs:
        """The pairs of sub-frames ``reach`` apart of which at least one may change."""
        span = slice(max(own.start - reach, 0), min(own.stop + reach, len(subframes)))
        solved, times = self.solved, [one.t for one in subframes[span]]
        onward, back, joined = [], [], []
        for t, later in zip(times, times[reach:], strict=False):
            n, m = self._frame(t), self._frame(later)
            between = later - t
            if m > n:
                between = elapsed(t - solved.start, later - solved.start, m, solved.spans[m])
            onward.append(between)
            back.append(-between * (solved.spans[m] if m > n else 1.0))
            joined.append(not any(n < cut - solved.start <= m for cut in solved.cuts))
        return SubFramePairs(span, reach, reach == self.reaches[-1], tuple(onward), tuple(back), tuple(joined))

    def _exposures(self, subframes: Sequence[SubFrame], own: range) -> list[Tensor]:
        """For every exposure with rows in these sub-frames, 1 at those rows: (len(own), 1, H, 1)."""
        solved = self.solved
        none = solved.frames.new_zeros(len(own), 1, solved.size[0], 1)
        found: dict[int, Tensor] = {}
        for number, k in enumerate(own):
            for group in row_groups(solved, subframes[k].t):
                if group.at <= solved.shutters[group.n]:
                    found.setdefault(group.n, none.clone())[number, :, group.rows] = 1
        return list(found.values())

    def _sub_frame(self, t: float) -> SubFrame:
        """The sub-frame at t in half precision: an error of a two-thousandth of a value."""
        return SubFrame(t, self.composed(t).half(), onward_paths(self.solved, t).half())

    def _steps(self, pairs: Sequence[tuple[SubFrame, SubFrame]]) -> list[Tensor]:
        """Of each pair the flow to the later sub-frame and the one back from there, full-resolution pixels.

        (1, 4, h, w) each.
        """
        colour, scale = self.solved.colour, self.solved.scale
        small = {
            one.t: downsampled(one.picture[None, :colour].float(), scale)[0] for one in dict.fromkeys(chain(*pairs))
        }
        asked = [(small[a.t], small[b.t]) for a, b in pairs]
        flows = self.flow([way for a, b in asked for way in ((a, b), (b, a))])
        return [(torch.cat(both)[None] * scale).half() for both in zip(flows[::2], flows[1::2], strict=True)]

    def _frame(self, t: float) -> int:
        return min(max(floor(t) - self.solved.start, 0), len(self.solved.frames) - 1)

    def _within(self, t: float) -> bool:
        return self.solved.start <= t < self.solved.start + len(self.solved.frames)


def projected_steps(
    u: Tensor,
    links: Sequence[tuple[slice, Link]],
    own: slice,
    opened: Sequence[Tensor],
    step: float,
    data_weights: DataWeights,
) -> Tensor:
    """STEPS steps of projected gradient in a tile.

    Linear light is coupled by its square root, which is close to display values: with s = sqrt(u) a change d of s is
    one of (s + d)^2 - s^2 in u.

    Args:
        u: (T, C, h, w), overwritten.
        links: The couplings, each with the span of its sub-frames.
        own: The sub-frames that change.
        opened: As in ``keep_exposures``.
        step: Of the gradient.
        data_weights: Whether u is linear light, and its step of a display value.

    Returns:
        The change of the own sub-frames, (len(own), C, h, w).
    """
    start = u[own].clone()
    for _ in range(STEPS):
        shown = u.clamp(min=0).sqrt_() if data_weights.linear else u
        change = robust_gradient(shown, links, SCALE)[own].mul_(-step)
        if data_weights.linear:
            change *= 2 * shown[own] + change
        u[own] += keep_exposures(change, opened, data_weights.step(u[own]) if data_weights.linear else None)
    return u[own] - start


def _around(numbers: range, reach: int, count: int) -> range:
    """The numbers and ``reach`` more on either side, of 0 to count - 1."""
    return range(max(numbers.start - reach, 0), min(numbers.stop + reach, count))


def period_bytes(solved: SolvedWindow, factor: Fraction) -> int:
    """Bytes of one more period's sub-frames, with paths and steps, in half precision."""
    return ceil(factor) * (solved.frames[0].numel() + 8 * solved.motion.path[0, 0].numel()) * 2


def reaches(spacing: float) -> tuple[int, ...]:
    """The distances in sub-frames, ``spacing`` periods apart, that come nearest to REACHES and not above its last."""
    found = {round(reach / spacing) for reach in REACHES}
    return tuple(sorted(k for k in found if k and k * spacing <= REACHES[-1] * (1 + 1e-6)))


def keep_exposures(change: Tensor, opened: Sequence[Tensor], steps: Tensor | None = None) -> Tensor:
    """P_D1 of a change: without its mean over each exposure.

    Args:
        change: (T, C, h, w), overwritten.
        opened: For every exposure 1 where a row of a sub-frame is part of it, (T, 1, h, 1).
        steps: Light in a step of a display value, (T, C, h, w): the mean is then subtracted in proportion to it; else
            a small change of a bright ball would leave black rims beside it. None for evenly.

    Returns:
        The change.
    """
    for inside in opened:
        shares = inside if steps is None else inside * steps
        change -= (change * inside).sum(0) / shares.sum(0).clamp(min=1e-6) * shares
    return change


def footprint(size: FrameSize, factor: Fraction, tile: int) -> tuple[int, int]:
    """Bytes, beside the window's two residuals, while the last of a period's sub-frames is rendered, and at work.

    Sub-frames, their paths and the steps between them are kept in half precision; steps come when all are rendered. At
    work are two instants and a change whole, the other changes, and a tile of all sub-frames with its couplings, a grid
    and a weight each, of which one at a time is followed.
    """
    own, apart = ceil(factor), reaches(1 / float(factor))
    if not apart:
        return 0, 0
    around = 2 * apart[-1]
    picture, path = size.frame // 2, 2 * field(size)  # and a step takes as much as a path
    links = sum(2 * (own + reach) for reach in apart)
    values = 3 * links + (around + 5 * own) * size.channels + 8 * (own + around) + 3 * (own + apart[-1]) * size.channels
    kept = (own + around) * (picture + 2 * path)
    working = 3 * size.frame + own * picture + size.tile(tile, OVERLAP) * FLOAT * values
    return (own + around - 1) * (picture + path) + around * path, kept + working
