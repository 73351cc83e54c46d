"""Sub-frames that agree along the motion, in what their exposures leave free: D2 on all of them, at the very end.

Instants are composed one by one. What a key frame errs in, and what a residual gives to all of an exposure alike, ends
where the next one takes over; neighbouring sub-frames know better. A few steps of projected gradient,

    u <- P_D1( u - step dD2/du ),       D2(u) = 1/2 sum_k sum_r omega psi( u_{k+r}(x + phi_{k,r}(x)) - u_k(x) ),

r in both directions: to the farthest sub-frames along the paths of the key frames, to nearer ones along a quick flow
between the sub-frames themselves, which sees where the paths err. P_D1 keeps the mean of every exposure as it was.
Without it the same steps only smooth (0.0 to -0.1 dB; with it +0.03 to +0.3). The gradient is that of D2, not the mean
of the neighbours: of detail that sampling dulls it takes the square of the loss, not the loss.

One frame's period at a time: its own sub-frames change, those around it stand still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import floor

import torch
from torch import Tensor

from vsdeblur.flow.compose import compose
from vsdeblur.flow.motion import PairwiseFlow, displacement
from vsdeblur.flow.resolution import downsampled, upsampled
from vsdeblur.solver.coupling import Link, links_of
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.render.solved import SolvedWindow, elapsed
from vsdeblur.tiles import tiles

REACHES = (1 / 8, 1 / 4, 1 / 2)  # periods between sub-frames that are coupled; nearest ones where there are fewer
# Over one more than the reaches. Along the motion the gradient multiplies a sequence of frequency f by the sum of
# 8 sin(pi f r)^2 over the reaches r: by no more than 8, 12.5 and 19 for one, two and three of them, so that a step
# takes no more than 1.9 times what is there. From 2 on it would grow.
STEP = 0.4
STEPS = 3
SCALE = 0.1  # of psi: what differs by more is another thing behind an edge
TILE, OVERLAP = 192, 32


@dataclass(frozen=True, slots=True, eq=False)
class TemporalConsistency:
    """What gives the sub-frames of ``scene`` that lie in one chunk. at: gives a sub-frame (C, H, W) as composed.

    flow: between two sub-frames, light of the colours at the resolution of motion. spacing: of the sub-frames, periods.
    """

    scene: SolvedWindow
    at: Callable[[float], Tensor]
    flow: PairwiseFlow
    spacing: float

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
            yield from map(self.at, wanted)
            return
        first = sum(t < wanted[0] for t in times)
        kept: dict[int, Subframe] = {}
        steps: dict[int, Tensor] = {}
        for _, group in groupby(range(first, first + len(wanted)), lambda k: self._frame(times[k])):
            own = list(group)
            here = range(max(own[0] - around, 0), min(own[-1] + around + 1, len(times)))
            # What lies too far back goes before more comes: memory holds one period and those around it.
            kept = {k: kept[k] for k in here if k in kept}
            kept |= {k: self._composed(times[k]) for k in here if k not in kept}
            steps = {k: steps[k] if k in steps else self._step(kept[k], kept[k + 1]) for k in here[:-1]}
            mine = range(own[0] - here[0], own[-1] + 1 - here[0])
            yield from self._agreed(list(kept.values()), list(steps.values()), mine)

    def _agreed(self, subframes: Sequence[Subframe], steps: Sequence[Tensor], own: range) -> Iterator[Tensor]:
        scene = self.scene
        height, width = scene.frames.shape[-2:]
        changes = [torch.zeros_like(subframes[k].picture) for k in own]
        couplings = [self._pairs(subframes, own, reach) for reach in self.reaches]
        exposures = self._exposures(subframes, own)
        for tile in tiles(height, width, TILE, OVERLAP):
            part = (slice(None), tile.rows, tile.columns)
            u = torch.stack([one.picture[part] for one in subframes]).float()
            paths, ways = (
                torch.cat([upsampled(x.float(), scene.scale, (height, width), tile.rows, tile.columns) for x in fields])
                for fields in ([one.path for one in subframes], steps)
            )
            links = [(pairs.span, link) for pairs in couplings for link in pairs.links(paths, ways)]
            opened = [mask[..., tile.rows, :] for mask in exposures]
            step = STEP / (1 + len(couplings))
            found = changed(u, links, slice(own.start, own.stop), opened, step, scene.data_weights)
            for change, more in zip(changes, found * tile.weight.to(u), strict=True):
                change[part] += more
        for k, change in zip(own, changes, strict=True):
            runs = scene.runs(subframes[k].t)
            u = subframes[k].picture.float() + scene.owed(change.float(), runs)
            yield scene.settled(u, runs)

    def _pairs(self, subframes: Sequence[Subframe], own: range, reach: int) -> Pairs:
        """Of sub-frames ``reach`` apart, those of which one may change at least."""
        span = slice(max(own.start - reach, 0), min(own.stop + reach, len(subframes)))
        scene, times = self.scene, [one.t for one in subframes[span]]
        onward, back, joined = [], [], []
        for t, later in zip(times, times[reach:], strict=False):
            n, m = self._frame(t), self._frame(later)
            between = later - t
            if m > n:
                between = elapsed(t - scene.start, later - scene.start, m, scene.spans[m])
            onward.append(between)
            back.append(-between * (scene.spans[m] if m > n else 1.0))
            joined.append(not any(n < cut - scene.start <= m for cut in scene.cuts))
        return Pairs(span, reach, reach == self.reaches[-1], tuple(onward), tuple(back), tuple(joined))

    def _exposures(self, subframes: Sequence[Subframe], own: range) -> list[Tensor]:
        """For every exposure that there is something of, 1 where a row of a sub-frame is: (len(own), 1, H, 1)."""
        scene = self.scene
        nothing = scene.frames.new_zeros(len(own), 1, scene.frames.shape[-2], 1)
        found: dict[int, Tensor] = {}
        for number, k in enumerate(own):
            for run in scene.runs(subframes[k].t):
                if run.at <= scene.shutters[run.n]:
                    found.setdefault(run.n, nothing.clone())[number, :, run.rows] = 1
        return list(found.values())

    def _composed(self, t: float) -> Subframe:
        """Half precision: a part in two thousand of a value."""
        return Subframe(t, self.at(t).half(), self.scene.course(t).half())

    def _step(self, here: Subframe, there: Subframe) -> Tensor:
        """The flow to the next sub-frame and the one back from there, full-resolution pixels: (1, 4, h, w)."""
        colour, scale = self.scene.colour, self.scene.scale
        a, b = (downsampled(one.picture[None, :colour].float(), scale)[0] for one in (here, there))
        return (torch.cat((self.flow(a, b), self.flow(b, a)))[None] * scale).half()

    def _frame(self, t: float) -> int:
        return min(max(floor(t) - self.scene.start, 0), len(self.scene.frames) - 1)

    def _within(self, t: float) -> bool:
        return self.scene.start <= t < self.scene.start + len(self.scene.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Subframe:
    """picture: (C, H, W) at t. path: (1, 4, h, w), of the points seen then, as ``SolvedWindow.course`` has it."""

    t: float
    picture: Tensor
    path: Tensor


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sub-frames k and k + reach of a span. onward, back: the time between them, periods of either one's frame.

    far: along the paths, else along steps from one sub-frame to the next. joined: whether there is no cut between them.
    """

    span: slice
    reach: int
    far: bool
    onward: tuple[float, ...]
    back: tuple[float, ...]
    joined: tuple[bool, ...]

    def links(self, paths: Tensor, steps: Tensor) -> list[Link]:
        """In both directions, by the paths (T, 4, h, w) of all sub-frames and the steps (T - 1, 4, h, w) between."""
        if not any(self.joined):
            return []
        here = paths[self.span]
        if self.far:
            there = displacement(here[: -self.reach], here.new_tensor(self.onward)[:, None, None, None])
            back = displacement(here[self.reach :], here.new_tensor(self.back)[:, None, None, None])
        else:
            ahead, behind = torch.split(steps[self.span.start : self.span.stop - 1], 2, 1)
            there, back = compose(ahead, self.reach), compose(behind.flip(0), self.reach).flip(0)
        joined = here.new_tensor(self.joined)[:, None, None, None]
        return [replace(link, weight=link.weight * joined) for link in links_of(there, back, self.reach)]


def changed(
    u: Tensor,
    links: Sequence[tuple[slice, Link]],
    own: slice,
    opened: Sequence[Tensor],
    step: float,
    data_weights: DataWeights,
) -> Tensor:
    """What the steps change in a tile's own sub-frames, (len(own), C, h, w).

    u: (T, C, h, w), overwritten. links: and the sub-frames that each is of. opened: as in ``held``. data_weights:
    whether u is linear light. Of that D2 sees the root, about what a display shows.
    """
    start = u[own].clone()
    for _ in range(STEPS):
        shown = u.clamp(min=0).sqrt_() if data_weights.linear else u
        change = gradient(shown, links)[own].mul_(-step)
        if data_weights.linear:
            change *= 2 * shown[own] + change  # (s + d)^2 - s^2
        u[own] += held(change, opened, data_weights.step(u[own]) if data_weights.linear else None)
    return u[own] - start


def gradient(u: Tensor, links: Sequence[tuple[slice, Link]]) -> Tensor:
    """dD2/du = sum over the links of  (S - I)' omega psi'(|d|) / (2 |d|) d,  d = (S - I) u.

    S is cubic: of sub-frames made twice as fine and sampled linearly (``vsdeblur.flow.supersample``), a fifth
    quicker in all, a clip full of fine detail lost 0.15 dB.
    """
    out = torch.zeros_like(u)
    for span, link in links:
        d = link.residual(u[span])
        d *= link.weight / (1 + d.square().sum(1, keepdim=True) / SCALE**2).sqrt()
        link.add_adjoint(d, out[span])
    return out


def reaches(spacing: float) -> tuple[int, ...]:
    """The distances in sub-frames, ``spacing`` periods apart, that come nearest to REACHES and not beyond the last."""
    found = {round(reach / spacing) for reach in REACHES}
    return tuple(sorted(k for k in found if k and k * spacing <= REACHES[-1] * (1 + 1e-6)))


def held(change: Tensor, opened: Sequence[Tensor], steps: Tensor | None = None) -> Tensor:
    """The change (T, C, h, w) without its mean over each exposure: P_D1 of a change; overwrites it.

    opened: for every exposure 1 where a row of a sub-frame is part of it, (T, 1, h, 1). steps: of a display, (T, C, h,
    w): where it is given the mean goes by these, or what is a trifle to a bright ball would be black rims beside it.
    """
    for inside in opened:
        shares = inside if steps is None else inside * steps
        change -= (change * inside).sum(0) / shares.sum(0).clamp(min=1e-6) * shares
    return change
