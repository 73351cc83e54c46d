"""The engine: a window of linear-light frames in, restored frames at the asked instants out.

window -> motion (flow/) -> frames whose blur their motion does not explain (independent_blur)
       -> key frames (key_frames), or each frame by itself (per_frame) -> instants (solver/render)
       -> with preset best, the learned step at instants and temporal consistency (solver)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from vsdeblur.camera.noise import sensor_noise
from vsdeblur.crossing import received, sent
from vsdeblur.device import choose_device, total_memory
from vsdeblur.engine import quadrature
from vsdeblur.engine.beside import spare_bytes
from vsdeblur.engine.classical import ClassicalSolver, uses_admm
from vsdeblur.engine.independent_blur import restore_independently_blurred
from vsdeblur.engine.kept import Kept
from vsdeblur.engine.light import Within, find_window_motion, frame_at, gains_of, with_unblended, within_exposures
from vsdeblur.engine.mapped import alone, ways_at
from vsdeblur.engine.per_frame import PerFrame, blend_per_frame, restore_each
from vsdeblur.engine.plan import Plan, make_plan
from vsdeblur.engine.retry import BatchSizes, MemoryRetry
from vsdeblur.engine.solve_tiles import ExposureModel, KeyFrames, KeyFrameSolver
from vsdeblur.errors import InputError
from vsdeblur.flow import find_fast_flow, find_motion_engine
from vsdeblur.flow.motion import Motion
from vsdeblur.heap import release_unused
from vsdeblur.presets import EFFORTS
from vsdeblur.settings import Options
from vsdeblur.solver.consistency import TemporalConsistency, period_bytes
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.render.instant import render_instant
from vsdeblur.solver.render.limits import limited
from vsdeblur.solver.render.refined import RefinedInstants
from vsdeblur.solver.render.residual import exposure_residual
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.solver.unrolled.choose import load_instant_step, uses_instant_step
from vsdeblur.window import Window

Record = Callable[[float], None]


class _Exposed(NamedTuple):
    """Exposures, and the delays of their rows (n, H) with a rolling shutter."""

    exposures: ExposureModel
    delays: Tensor | None


class Engine:
    """Restores windows of one size with one set of arguments; keeps no state between windows.

    Attributes:
        plan: The chunk length and halo that windows are cut by, and the memory that they take.
        key_frame_solver: What solves the key frames.
        instant_step: The learned step at instants, None without.
        per_frame: What restores frames by themselves, None with mode="joint".
        classical: What solves E1 with solver="admm", None otherwise.
    """

    def __init__(
        self,
        options: Options,
        height: int,
        width: int,
        channels: int = 3,
        *,
        host_bytes: int = 0,
        chunks_at_once: bool = False,
    ) -> None:
        """Load what the arguments ask for.

        Args:
            options: The arguments.
            height: Of the frames, pixels.
            width: Of the frames.
            channels: 1 or 3 for colour, one more for alpha.
            host_bytes: Of one output frame in the host's format.
            chunks_at_once: The host restores as many chunks at once as the plan has workers for.

        Raises:
            InputError: For frames of one row or one column.
            MemoryBudgetError: Where the frames do not fit the memory.
            ArgumentError: For an argument that this machine cannot honour.
        """
        if min(height, width) < 2:
            raise InputError(f"frames of {width}x{height} pixels are too small: 2x2 is the least")
        self.options = options
        self.device = choose_device(options.device)
        effort, total = EFFORTS[options.preset], total_memory(self.device)
        linear = options.transfer != "linear"
        self.classical = ClassicalSolver.of(options, self.device) if uses_admm(options) else None
        # E1 has the prior already: a model of the user's own is loaded, and tried, once.
        self.key_frame_solver = KeyFrameSolver(replace(options, prior=None) if self.classical else options, self.device)
        prior, gate = (self.classical or self.key_frame_solver).prior, self.key_frame_solver.gate
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        size = (height, width, channels, host_bytes)
        kinds = {"for_noise": gate.automatic, "chunks_at_once": chunks_at_once}
        self.plan: Plan = make_plan(options, *size, total, prior, threads, **kinds)
        self.key_frame_solver.gate = gate.within(self.plan)
        workers = min(self.plan.flow_workers, torch.get_num_threads())
        self.find_motion = find_motion_engine(
            options.flow, effort.flow, linear=linear, device=self.device, passes=effort.motion_passes, workers=workers
        )
        self.instant_step = load_instant_step(options, self.device) if uses_instant_step(options) else None
        self._consistency_flow = find_fast_flow(linear=linear, workers=workers) if self.plan.consistent else None
        self._retry = MemoryRetry(self.device, self.plan.rows, spare_bytes(self.plan, self.device))
        self.per_frame = PerFrame.of(options, self.plan.per_frame_bytes, self._retry)

    def restore(
        self,
        window: Window,
        instants: Sequence[float],
        *,
        motion: Motion | None = None,
        record: Record | None = None,
        ways: Callable[[Tensor], None] | None = None,
    ) -> Iterator[Tensor]:
        """One (C, H, W) float32 CPU tensor per instant, in order.

        The motion is found at once, the rest as pictures are taken. A caller that keeps no reference to the window
        frees its frames beyond the chunk's neighbours, which are there for the motion alone.

        Args:
            window: The frames and what is known of them.
            instants: Ascending, in source periods from the clip's frame 0, all within the chunk's frames.
            motion: Of the whole window, found by the engine's own flow when None.
            record: Called with the energies of the u-steps, once they are through.
            ways: Called before each picture with how its places were restored, see ``vsdeblur.engine.mapped``; of an
                output shutter, at the middle one of its instants. Not with solver="admm".

        Raises:
            MemoryBudgetError: Where the device runs out of memory with the smallest batches too.
        """
        if not instants:
            return iter(())
        if self.per_frame and self.options.single_frame:
            return self._alone(self.per_frame, window, instants, ways)
        if self.classical is not None:
            return self.classical.restore(window, instants, self.plan.still_tiling, self._retry, record)
        with torch.inference_mode():
            exposed, within = self._beside_chunk(window, motion), within_exposures(window)
        return self._instants(exposed, window.without_frames(), within, instants, record, ways)

    @torch.inference_mode()
    def _alone(
        self,
        per_frame: PerFrame,
        window: Window,
        instants: Sequence[float],
        ways: Callable[[Tensor], None] | None,
    ) -> Iterator[Tensor]:
        """Frames that are restored by themselves."""
        for t in instants:
            frame = sent(window.frames[math.floor(t) - window.start].to(torch.float32), self.device)
            if ways:
                ways(alone())
            yield per_frame(frame, window.colour).cpu()

    @torch.inference_mode()
    def _instants(
        self,
        exposed: _Exposed,
        window: Window,
        within: Within,
        instants: Sequence[float],
        record: Record | None,
        ways: Callable[[Tensor], None] | None,
    ) -> Iterator[Tensor]:
        """The pictures at ``instants``. window: without frames; the others as in ``restore``."""
        release_unused()
        solved = self._solved(exposed, record)
        offsets, periods = quadrature.output(self.options, solved.motion), window.output_periods
        shown = [[t + offset / periods[frame_at(window, t)] for offset in offsets] for t in instants]
        pictures = self._retry.stream(
            "rendering instants",
            lambda sizes, done: received(self._rendered(solved, window, within, shown, sizes, done), sizes.spare),
        )
        for times, picture in zip(shown, pictures, strict=True):
            if window.overlay is not None:
                window.overlay.put_back(picture, [frame_at(window, t) for t in times])
            if ways:
                ways(ways_at(solved, window, times[len(times) // 2]))
            yield picture

    @torch.inference_mode()
    def key_frames(self, window: Window) -> tuple[Tensor, Motion]:
        """The key frames (n, C, H, W) of the whole window, and its motion."""
        exposures = self._exposures(window, None)
        return self._solved_keys(exposures, None).keys, exposures.motion

    @torch.inference_mode()
    def solve(self, window: Window, *, motion: Motion | None = None, record: Record | None = None) -> SolvedWindow:
        """What the instants of the chunk are rendered from. motion, record: as in ``restore``."""
        return self._solved(self._beside_chunk(window, motion), record)

    def _solved(self, exposed: _Exposed, record: Record | None) -> SolvedWindow:
        exposures, delays = exposed
        frames, joint, white, streaks = exposures.window.frames, None, None, None
        if self.per_frame and self.options.mode == "frame":
            keys = frames = restore_each(self.per_frame, frames, exposures.window.colour)
            joint = torch.zeros_like(exposures.motion.reliability)
        else:
            keys, white, streaks = self._solved_keys(exposures, record)
            release_unused()
            if self.per_frame:
                frames, joint = blend_per_frame(
                    self.per_frame, keys, frames, exposures.motion, exposures.window.colour, exposures.independent
                )
            if streaks is not None:
                joint = 1 - streaks if joint is None else joint * (1 - streaks)
        release_unused()
        noise = 0.0
        if self.instant_step is not None:
            read = exposures.given if frames is exposures.window.frames else frames
            noise = self.key_frame_solver.noise(read[:, : exposures.window.colour], exposures.weights)
        return SolvedWindow(
            keys=keys,
            frames=frames,
            motion=exposures.motion,
            start=exposures.window.start,
            shutters=exposures.shutters,
            spans=exposures.spans,
            cuts=exposures.window.cuts,
            taus=exposures.taus,
            band=self.plan.rows,
            workers=self.plan.render_workers,
            delays=delays,
            joint=joint,
            lights=streaks,
            white=white,
            data_weights=exposures.weights,
            noise=noise,
        )

    def _beside_chunk(self, window: Window, motion: Motion | None) -> _Exposed:
        """The chunk's exposures and those beside it. Frames beyond are there for the paths of those."""
        whole = self._exposures(window, motion)
        before = 2 if self.options.readout else 1  # the last rows of an instant lie up to a period back
        near = slice(max(window.first - before, 0), window.first + window.count + 1)
        if self.per_frame and self.options.mode == "auto":
            whole = self._with_independent(self.per_frame, whole, motion, near)
        delays = quadrature.delays(self.options, whole.window)
        return _Exposed(whole.part(near), None if delays is None else delays[near])

    def _exposures(self, window: Window, motion: Motion | None) -> ExposureModel:
        """The whole window on the device, its motion and what follows from that."""
        given = window.frames.to(torch.float32)
        window = replace(window, frames=sent(given, self.device))
        release_unused()
        motion = motion or self._motion(window)
        shutters = tuple(window.shutters or (self.options.shutter,) * len(window.frames))
        noise = sensor_noise(given[:, : window.colour])
        return ExposureModel(
            window=window,
            given=given,
            motion=motion,
            taus=quadrature.exposures(self.options, motion, shutters, window.output_periods),
            shutters=shutters,
            spans=window.spans,
            weights=DataWeights(noise, self.options.transfer != "linear"),
        )

    def _motion(self, window: Window) -> Motion:
        return self._retry.run(
            "finding the motion", lambda _: find_window_motion(self.find_motion, window, self.options.shutter)
        )

    def _with_independent(
        self, per_frame: PerFrame, whole: ExposureModel, motion: Motion | None, near: slice
    ) -> ExposureModel:
        """Independently blurred frames restored: from here on sharp frames that were exposed for an instant."""
        candidates = range(*near.indices(len(whole.taus)))
        frames, found = restore_independently_blurred(per_frame, whole.window, whole.motion, whole.taus, candidates)
        if not found:
            return whole
        window = replace(whole.window, frames=frames)
        release_unused()
        return replace(
            whole,
            window=window,
            given=frames,
            motion=motion or self._motion(window),
            taus=tuple((0.0,) if n in found else taus for n, taus in enumerate(whole.taus)),
            independent=found,
        )

    def _solved_keys(self, exposures: ExposureModel, record: Record | None) -> KeyFrames:
        def solved(sizes: BatchSizes) -> tuple[KeyFrames, list[float]]:
            energies: list[float] = []
            noted = energies.append if record else None  # computing them takes time
            return self.key_frame_solver.solve(exposures, self.plan, batch=sizes.instants, record=noted), energies

        found, energies = self._retry.run("solving the key frames", solved)
        if record:
            for energy in energies:
                record(energy)
        return found

    def _rendered(
        self,
        solved: SolvedWindow,
        window: Window,
        within: Within,
        shown: Sequence[Sequence[float]],
        sizes: BatchSizes,
        done: int,
    ) -> Iterator[Tensor]:
        """The outputs but the first ``done``, each the mean of its instants."""
        if sizes.rows != solved.band:
            solved = replace(solved, band=sizes.rows)
        # Of the exposures before and after an instant; with a rolling shutter its first rows lie past another.
        count = 2 if solved.delays is None else 3
        kept = Kept.of(2 * count if window.light is not None and self.plan.unblended else count)
        at, limit = self._composed(solved, kept), limited(solved, linear=self.options.transfer != "linear")
        with_gain = gains_of(window, self.device)

        def shown_at(u: Tensor, t: float) -> Tensor:
            return within(with_gain(limit(u, t), t), t)

        if window.light is not None:
            cuts = solved.cuts | window.light.cuts(window.start)
            solved = replace(solved, cuts=cuts)
            at = with_unblended(at, self._composed(solved, kept), window, window.light, self.device)
        if self._consistency_flow is not None:
            periods, step = 1 + sizes.spare // period_bytes(solved, self.options.factor), 1 / float(self.options.factor)
            consistency = TemporalConsistency(solved, at, self._consistency_flow, step, periods, self.plan.consistent)
            instants = [t for (t,) in shown]  # without an output shutter
            rest = islice(zip(instants, consistency.instants(instants), strict=True), done, None)
            yield from (shown_at(u, t) for t, u in rest)
            return
        for first, *others in shown[done:]:
            release_unused()
            total = shown_at(at(first), first)
            for t in others:
                total += shown_at(at(t), t)
            yield total.div_(1 + len(others))

    def _composed(self, solved: SolvedWindow, kept: Kept) -> Callable[[float], Tensor]:
        """What gives the frame (C, H, W) at an instant of the clip, with the learned step where there is one."""
        residual = partial(kept.residuals, partial(exposure_residual, solved))
        weight = 0.0 if self.instant_step is None else self.key_frame_solver.learned_weight(solved.noise)
        if self.instant_step is None or not weight:
            return partial(render_instant, solved, residual=residual)
        refined = RefinedInstants(solved, self.instant_step, weight, residual)
        return partial(refined.instant, excess=partial(kept.excesses, refined.excess))
