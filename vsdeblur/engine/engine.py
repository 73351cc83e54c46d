"""The engine: a window of linear-light frames in, restored frames at the asked instants out.

window -> motion (flow/) -> key frames, tile by tile (keyframes), or each by itself (alone) -> instants (render)
-> with preset best, instants that were looked at again (retouch) and agree with one another (agree)
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vsdeblur.camera.noise import sensor_noise
from vsdeblur.device import choose_device, total_memory
from vsdeblur.engine import quadrature
from vsdeblur.engine.heap import release_unused
from vsdeblur.engine.per_frame import Alone, each_alone, put_in
from vsdeblur.engine.plan import MAX_OVERLAP, MIN_OVERLAP, Plan, make_plan
from vsdeblur.engine.shaken import STILLED, freed
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow import find_motion_engine, find_quick_flow
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.pairwise import averaged
from vsdeblur.flow.upsample import upsampled
from vsdeblur.options import Options
from vsdeblur.presets import EFFORTS
from vsdeblur.priors import Prior, describe, get_prior
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.solver.consistency import TemporalConsistency
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.highlights import find_lights, white_level
from vsdeblur.solver.keyframes import BATCH, KeyFrameProblem
from vsdeblur.solver.render.refined import RefinedInstants
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.solver.unrolled.choose import (
    load_instant_step,
    load_key_frame_step,
    uses_instant_step,
    uses_key_frame_step,
)
from vsdeblur.solver.zstep import ZStep
from vsdeblur.tiles import tiles
from vsdeblur.window import Window

log = logging.getLogger("vsdeblur")

CONTINUATION = (2.0, 1.5, 1.0)  # u-step and z-step in alternation: the noise that the prior is told, of v's
PRIOR_RIDGE = 0.1
# Noise up to which the learned step follows, and from which it does not: after a prior, and without any.
_AFTER_PRIOR, _WITHOUT = (1 / 255, 3 / 255), (4 / 255, 12 / 255)


class Solved(NamedTuple):
    """keys: (n, C, H, W). white: where the frames clip, None where no moving light does.

    lit: then (n, 1, h, w) in [0, 1], at the motion's resolution, how far the frames show streaks of lights rather than
    what was there.
    """

    keys: Tensor
    white: float | None
    lit: Tensor | None


class Engine:
    """Restores windows of one size with one set of arguments; keeps no state between windows.

    plan: the chunk length and halo that windows must be cut by, and the memory that they take.
    Raises MemoryBudgetError or ArgumentError when the arguments cannot be honoured on this machine.
    """

    def __init__(self, options: Options, height: int, width: int, channels: int = 3, *, host_bytes: int = 0) -> None:
        """channels: 1 or 3 for colour, one more for alpha. host_bytes: of one output frame in the host's format."""
        self.options = options
        self.effort = EFFORTS[options.preset]
        self.device = choose_device(options.device)
        total = total_memory(self.device)
        linear = options.transfer != "linear"
        self.z_step = None if options.prior is None else ZStep(_key_frame_prior(options.prior, self.device), linear)
        info = None if self.z_step is None else describe(self.z_step.prior)
        self.plan: Plan = make_plan(options, height, width, channels, host_bytes, total, info)
        if options.max_memory is None and self.plan.peak_bytes > max(self.plan.budget, total / 2):
            raise MemoryBudgetError(
                f"max_memory must be given to use more than half of the memory: {width}x{height} takes about "
                f"{self.plan.peak_bytes / 2**30:.1f}GiB"
            )
        self.find_motion = find_motion_engine(
            options.flow, self.effort.flow, linear=linear, device=self.device, looks=self.effort.looks
        )
        self.proximal = load_key_frame_step(options, self.device) if uses_key_frame_step(options) else None
        self.retouch = load_instant_step(options, self.device) if uses_instant_step(options) else None
        self.agreeing = find_quick_flow(linear=linear) if self.plan.consistent else None
        self.alone = None if options.mode == "joint" else Alone(options, self.device, self.plan.per_frame_bytes)

    @torch.inference_mode()
    def restore(
        self,
        window: Window,
        instants: Sequence[float],
        *,
        motion: Motion | None = None,
        record: Callable[[float], None] | None = None,
    ) -> Iterator[Tensor]:
        """Yield one (C, H, W) float32 CPU tensor per instant, in order.

        instants: ascending, in source periods from the clip's frame 0, all within the chunk's frames. motion: of the
        whole window, found by the engine's own flow when None. record: is given the energies of the u-steps.
        """
        if not instants:
            return
        if self.alone and self.options.by_frame:
            for t in instants:
                frame = window.frames[math.floor(t) - window.start].to(self.device, torch.float32)
                yield self.alone(frame, window.colour).cpu()
            return
        scene = self._with_less_memory(lambda batch: self._scene(window, motion, batch, record))
        at = self._shown(scene)
        offsets, periods = quadrature.output(self.options, scene.motion), window.output_periods
        if self.agreeing is not None:
            agreeing = TemporalConsistency(scene, at, self.agreeing, 1 / float(self.options.factor))
            yield from (u.cpu() for u in agreeing.instants(instants))
            return
        for t in instants:
            period = periods[min(math.floor(t) - window.start, len(periods) - 1)]
            shown = at(t + offsets[0] / period)
            for offset in offsets[1:]:
                shown += at(t + offset / period)
            yield shown.div_(len(offsets)).cpu()

    def _shown(self, scene: SolvedWindow) -> Callable[[float], Tensor]:
        """What gives the frame at an instant of the clip."""
        # Of the exposures before and after an instant; with a rolling shutter its first rows may lie past another.
        kept = lru_cache(maxsize=2 if scene.delays is None else 3)
        residual = kept(scene.residual)
        followed = 0.0
        if self.retouch is not None:
            followed = self._followed(self._noise(scene.frames[:, : scene.colour], scene.data_weights))
        if self.retouch is None or not followed:
            return partial(scene.instant, residual=residual)
        retouched = RefinedInstants(scene, self.retouch, followed, residual)
        return partial(retouched.instant, excess=kept(retouched.excess))

    @torch.inference_mode()
    def key_frames(self, window: Window) -> tuple[Tensor, Motion]:
        """The key frames (n, C, H, W) of the whole window, and its motion: what instants would be rendered from."""
        window = replace(window, frames=window.frames.to(self.device, torch.float32))
        shutters = tuple(window.shutters or (self.options.shutter,) * len(window.frames))
        motion = self.find_motion(window, self.options.shutter)
        taus = quadrature.exposures(self.options, motion, shutters, window.output_periods)
        evidence = self._evidence(window)
        return self._solve(window, motion, taus, shutters, window.spans, evidence, BATCH, None).keys, motion

    @torch.inference_mode()
    def scene(self, window: Window) -> SolvedWindow:
        """What the window becomes: what its instants are rendered from."""
        return self._scene(window, None, BATCH, None)

    def _scene(
        self, window: Window, motion: Motion | None, batch: int, record: Callable[[float], None] | None
    ) -> SolvedWindow:
        window = replace(window, frames=window.frames.to(self.device, torch.float32))
        shutters = tuple(window.shutters or (self.options.shutter,) * len(window.frames))
        spans = window.spans
        release_unused()
        found = motion or self.find_motion(window, self.options.shutter)
        evidence = self._evidence(window)
        # Frames beyond the chunk's neighbours have served: they gave those a path.
        before = 2 if self.options.readout else 1  # the last rows of an instant lie up to a period back
        near = slice(max(window.first - before, 0), window.first + window.count + 1)
        taus = quadrature.exposures(self.options, found, shutters, window.output_periods)
        stilled: list[int] = []
        if self.alone and self.options.mode == "auto":
            own, stilled = freed(self.alone, window, found, taus, range(*near.indices(len(taus))))
            if stilled:  # from here on they are sharp frames that were exposed for an instant
                window = replace(window, frames=own)
                release_unused()
                found = motion or self.find_motion(window, self.options.shutter)
                taus = tuple((0.0,) if n in stilled else at for n, at in enumerate(taus))
        stilled = [n - near.start for n in stilled]
        found = Motion(found.path[near], found.reliability[near], found.occlusion[near])
        delays = quadrature.delays(self.options, window)
        window = replace(window, frames=window.frames[near], start=window.start + near.start)
        release_unused()
        frames, joint, white = window.frames, None, None
        if self.alone and self.options.mode == "frame":
            keys = frames = each_alone(self.alone, frames, window.colour)
            joint = torch.zeros_like(found.reliability)
        else:
            exposed = tuple(0.0 if n in stilled else s for n, s in enumerate(shutters[near]))
            rest = (taus[near], exposed, spans[near], evidence, batch, record)
            keys, white, lit = self._solve(window, found, *rest)
            release_unused()
            if self.alone:
                frames, joint = put_in(self.alone, keys, frames, found, window.colour, stilled)
            if lit is not None:
                joint = 1 - lit if joint is None else joint * (1 - lit)
        release_unused()
        return SolvedWindow(
            keys,
            frames,
            found,
            found.scale(*window.frames.shape[-2:]),
            window.start,
            shutters[near],
            spans[near],
            window.cuts,
            taus[near],
            self.plan.rows,
            None if delays is None else delays[near],
            joint,
            white,
            evidence,
        )

    def _evidence(self, window: Window) -> DataWeights:
        """What the frames tell, by the noise in the whole window."""
        linear = self.options.transfer != "linear"
        return DataWeights(sensor_noise(window.frames[:, : window.colour]), linear)

    def _solve(
        self,
        window: Window,
        motion: Motion,
        taus: quadrature.Taus,
        shutters: tuple[float, ...],
        spans: tuple[float, ...],
        evidence: DataWeights,
        batch: int,
        record: Callable[[float], None] | None,
    ) -> Solved:
        """All key frames: solved by tiles, and only as far from v as the motion is trusted.

        shutters: 0 for frames that were restored by themselves; they are believed less.
        """
        frames = window.frames
        size = (frames.shape[-2], frames.shape[-1])
        scale = motion.scale(*size)
        keys = torch.zeros_like(frames)
        lit: Tensor | None = None
        white = white_level(frames[:, : window.colour])
        colours = frames[:, : window.colour]
        sigma = self._noise(colours, evidence)
        learned = self._followed(sigma)
        # With a prior the noise is the prior's: key frames that were weighed before came out worse.
        weighed = evidence.noisy and self.z_step is None
        exposed = torch.tensor([s > 0 for s in shutters], device=frames.device)[:, None, None, None]
        for tile in tiles(*size, *tiling(self.plan, motion)):
            rows, columns = tile.rows, tile.columns
            v = frames[..., rows, columns].contiguous()
            believed = evidence.weight(v[:, : window.colour]) if weighed else None
            if not bool(exposed.all()):
                believed = torch.where(exposed, 1.0, STILLED) * (1 if believed is None else believed)
            problem = KeyFrameProblem(
                v,
                upsampled(motion.path, scale, size, rows, columns),
                upsampled(motion.occlusion, scale, size, rows, columns),
                taus,
                spans,
                batch=batch,
                data_weight=believed,
                metric=evidence.metric(v[:, : window.colour]),
            )
            lights = None if white is None else find_lights(problem, white, window.colour)
            if lights:
                problem = replace(problem, v=lights.seen)
            solved = self._alternate(problem, lights.below if lights else None, sigma, window.colour, record)
            trust = upsampled(motion.reliability, scale, size, rows, columns)
            solved = torch.lerp(v, solved, trust)
            if self.proximal and learned > 0:
                better = self.proximal(solved, problem, trust, shutters, window.colour)
                solved = torch.lerp(solved, better, learned * exposed)
            if lights:
                solved += lights.above.mul_(trust)
                lit = torch.zeros_like(motion.reliability) if lit is None else lit
                small = averaged(lights.zone.mul_(trust).mul_(tile.weight.to(v)), scale)
                top, left = rows.start // scale, columns.start // scale  # tiles begin at multiples of 4
                lit[..., top : top + small.shape[-2], left : left + small.shape[-1]] += small
            keys[..., rows, columns] += solved.mul_(tile.weight.to(v))
        return Solved(keys, None if lit is None else white, lit)

    def _noise(self, colours: Tensor, evidence: DataWeights) -> float:
        return self.z_step.noise(colours) if self.z_step else evidence.level(colours)

    def _followed(self, sigma: float) -> float:
        """How far learned steps are: they look at v again, noise and all, and leave frames with such noise alone."""
        clean, noisy = _AFTER_PRIOR if self.z_step else _WITHOUT
        return min(max((noisy - sigma) / (noisy - clean), 0.0), 1.0)

    def _alternate(
        self,
        problem: KeyFrameProblem,
        start: Tensor | None,
        sigma: float,
        colour: int,
        record: Callable[[float], None] | None,
    ) -> Tensor:
        """u-step, and with a prior also z-steps: half-quadratic splitting with the prior in place of a prox."""
        keys = problem.solve(self.effort.steps, start, record=record)
        if self.z_step is None:
            return keys
        *earlier, last = CONTINUATION
        for share in earlier:
            target = self.z_step(keys, problem, share * sigma, colour)
            keys = problem.solve(self.effort.steps // 2, keys, target, PRIOR_RIDGE, record)
        return self.z_step(keys, problem, last * sigma, colour)

    def _with_less_memory(self, solve: Callable[[int], SolvedWindow]) -> SolvedWindow:
        """Out of memory on the device once: the same result from smaller batches."""
        try:
            return solve(BATCH)
        except torch.OutOfMemoryError:
            log.warning("out of memory on %s: solving again in smaller batches", self.device)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return solve(1)


def tiling(plan: Plan, motion: Motion) -> tuple[int, int]:
    """Size and overlap of the tiles that a window with this motion is solved in."""
    overlap = min(max(16 * math.ceil((quadrature.reach(motion) + 16) / 16), MIN_OVERLAP), MAX_OVERLAP)
    # What slow motion needs no overlap for is solved as part of the tile: fewer tiles in the same memory.
    return plan.tile + 2 * (MAX_OVERLAP - overlap), overlap


def _key_frame_prior(prior: str | Callable[..., Any], device: torch.device) -> Prior:
    # Neighbouring key frames lie a whole period's motion apart: total variation in time would smear it.
    return TotalVariation(time=0.0) if prior == "tv" else get_prior(prior, device)
