"""The memory plan: chunk length and tile size, chosen from the arguments and the frame size before the first frame.

Stages declare their footprints; here they are added up:

    resident + max( taking out light and overlays, motion, key frames + max( solving a tile, rendering ) )

resident are the host's frames, the window and its motion. Where frames are restored by themselves, a second sum has
what that takes, and the larger of both counts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import product
from math import log2

from vsdeblur.blind.footprint import TILE_BYTES, beside_tiles
from vsdeblur.calibration.shutter import window as shutter
from vsdeblur.clip import overlay
from vsdeblur.clip.cadence import REACH
from vsdeblur.engine import classical, host_frames
from vsdeblur.engine.light import cleaning_footprint, unblended_footprint
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow import learned_engine
from vsdeblur.flow.footprint import finding_footprint, motion_footprint, splatting_footprint, workers_within
from vsdeblur.footprint import FrameSize, TileFootprint
from vsdeblur.presets import EFFORTS
from vsdeblur.priors.protocol import ImagePrior, learning_bytes
from vsdeblur.settings import Options
from vsdeblur.solver import consistency, keyframes, zstep
from vsdeblur.solver.render import instant, limits, refined
from vsdeblur.solver.unrolled import instants, stage
from vsdeblur.solver.unrolled.choose import uses_consistency, uses_instant_step, uses_key_frame_step

log = logging.getLogger("vsdeblur")

HALO = 2  # the key frames next to the chunk need their own neighbours for a path
ROLLING_HALO = 3  # with a rolling shutter one more key frame before the chunk is rendered from
MIN_OVERLAP, MAX_OVERLAP = 32, 96  # of tiles, pixels
_OVERLAP_STEP = 16
_MOST_ROWS, _FEWEST_ROWS, _BAND = 128, 32, 1 << 17  # rendered at once: rows, and pixels where rows are long

DEFAULT_BUDGET = 4 * 2**30
_CHUNKS = (8, 6, 4, 3, 2, 1)
_TILES = (512, 384, 256, 192, 128)
_LIBRARIES = 24 * 2**20  # bytes of scratch in the flow and in libraries


@dataclass(frozen=True, slots=True)
class Plan:
    """How a clip is cut, and the memory that it takes.

    Attributes:
        chunk: Source frames that are solved together.
        halo: Source frames on either side of a chunk that are solved with it.
        tile: Inner side of a tile at the largest overlap, pixels.
        rows: Rows rendered at once.
        peak_bytes: Expected where motion is as fast as it can be.
        budget: Bytes that the peak was to stay within.
        per_frame_bytes: Of these, for the tiles of a frame that is restored by itself.
        consistent: Whether sub-frames are made consistent in time.
        flow_workers: Pairs whose flow is found at once on the processor, at most: as many as fit in what other stages
            take.
        solve_workers: Key frames of a tile that are solved at once on the processor.
        render_workers: Bands of rows that are rendered at once on the processor.
        unblended: Whether residuals without blending are kept beside those with it, where light changes. Otherwise
            they take turns and are computed more often.
        overlap: Of tiles, least and most, pixels: the motion chooses between, a prior's halo may raise both.
        overlap_denoised: The same in windows where a prior acts that does so only where there is noise; None where
            there is none, or no memory for it.
    """

    chunk: int
    halo: int
    tile: int
    rows: int
    peak_bytes: int
    _: KW_ONLY
    budget: int = DEFAULT_BUDGET
    per_frame_bytes: int = 0
    consistent: bool = False
    flow_workers: int = 1
    solve_workers: int = 1
    render_workers: int = 1
    unblended: bool = False
    overlap: tuple[int, int] = MIN_OVERLAP, MAX_OVERLAP
    overlap_denoised: tuple[int, int] | None = None

    @property
    def still_tiling(self) -> tuple[int, int]:
        """Size and overlap of tiles that no motion reaches beyond."""
        least, most = self.overlap
        return self.tile + 2 * (most - least), least


def make_plan(
    options: Options,
    height: int,
    width: int,
    channels: int,
    host_bytes: int,
    total: int | None = None,
    prior: ImagePrior | None = None,
    threads: int = 1,
) -> Plan:
    """The most efficient plan within ``options.max_memory``, or within the default budget.

    Where the budget is too little for temporal consistency, that is left out with a warning. How a clip is cut does not
    depend on the number of threads; what they work on at once fits in what that leaves of the budget.

    Args:
        options: The arguments.
        height: Of a frame, pixels.
        width: Of a frame, pixels.
        channels: 1 or 3 for colour, one more for alpha.
        host_bytes: Of one output frame in the host's format.
        total: Memory of the device in bytes, for the default budget; None where it is unknown.
        prior: What ``options.prior`` is.
        threads: Of the processor, where that is the device; 1 where the device is another.

    Raises:
        MemoryBudgetError: Nothing fits; the message has the smallest budget that would.
    """
    budget = options.max_memory or default_budget(total)
    sums = _Sums(options, FrameSize(height, width, channels), host_bytes, prior)

    def plan(chunk: int, tile: int, consistent: bool) -> Plan:
        peak, per_frame, unblended = 0, 0, False
        if not options.single_frame:
            least, peak = (sums.joint(chunk, tile, consistent, unblended=both) for both in (False, True))
            unblended = peak <= budget
            peak = peak if unblended else least
        if options.mode != "joint":
            rest = sums.beside_per_frame_tiles(chunk)
            per_frame = min(max(budget - rest, TILE_BYTES[0]), TILE_BYTES[1])
            peak = max(peak, rest + per_frame)
        return Plan(
            *(chunk, sums.halo, tile, sums.rows, peak),
            budget=budget,
            per_frame_bytes=per_frame,
            consistent=consistent,
            flow_workers=workers_within(sums.size, peak - sums.finding_motion(chunk)),
            unblended=unblended,
            overlap=sums.overlap,
        )

    def fitting(plans: Sequence[Plan]) -> Plan | None:
        return max((plan for plan in plans if plan.peak_bytes <= budget), key=_efficiency, default=None)

    sizes = [(1, _TILES[0])] if options.single_frame else list(product(_CHUNKS, _TILES))
    if uses_consistency(options):
        consistent = [plan(*size, consistent=True) for size in sizes]
        if best := fitting(consistent):
            return sums.with_workers(best, threads)
        needed = min(plan.peak_bytes for plan in consistent)
    plans = [plan(*size, consistent=False) for size in sizes]
    if best := fitting(plans):
        if uses_consistency(options):
            log.warning(
                "without temporal consistency: at %dx%d and factor %s it takes max_memory=%dMiB, not %dMiB",
                *(width, height, options.factor, -(-needed // 2**20), budget // 2**20),
            )
        return sums.with_workers(best, threads)
    least = min(plans, key=lambda plan: plan.peak_bytes)
    if options.max_memory is None:  # a picture so large that the default cannot hold it: the least there is
        return least
    raise MemoryBudgetError(
        f"max_memory must be at least {-(-least.peak_bytes // 2**20)}MiB for {width}x{height} at factor "
        f"{options.factor}, not {budget / 2**20:.3g}MiB"
    )


def with_prior_for_noise(
    plan: Plan,
    options: Options,
    height: int,
    width: int,
    channels: int,
    host_bytes: int,
    prior: ImagePrior,
    threads: int = 1,
) -> Plan:
    """The plan with room for a prior that acts only where there is noise: chunks and tiles stay what they are.

    Args:
        plan: Without it.
        options: As in ``make_plan``, like the others.
        height: Of a frame, pixels.
        width: Of a frame, pixels.
        channels: Of a frame.
        host_bytes: Of one output frame.
        prior: That acts there.
        threads: As in ``make_plan``; its tiles may be larger, and fewer key frames be worked on at once.

    Returns:
        ``plan`` itself where the budget has no room.
    """
    sums = _Sums(options, FrameSize(height, width, channels), host_bytes, prior)
    peak = max(plan.peak_bytes, sums.joint(plan.chunk, plan.tile, plan.consistent, unblended=plan.unblended))
    if peak > plan.budget:
        return plan
    return sums.with_workers(replace(plan, peak_bytes=peak, overlap_denoised=sums.overlap), threads)


def default_budget(total: int | None) -> int:
    """Half of the device's memory, but no more than 4 GiB: the same on all devices from 8 GiB on.

    Sizes in between count as the power of two below, so that machines of one class cut a clip alike; what the system
    keeps for itself (less than a tenth) is no matter.
    """
    if total is None:
        return DEFAULT_BUDGET
    return min(DEFAULT_BUDGET, (1 << int(log2(total * 1.1))) // 2)


def _efficiency(plan: Plan) -> float:
    """The share of the solver's work that is kept: not halo, not overlap."""
    return plan.chunk / (plan.chunk + 2) * (plan.tile / (plan.tile + 64)) ** 2


@dataclass(frozen=True, slots=True)
class _Sums:
    """Footprints of the stages that these options ask for."""

    options: Options
    size: FrameSize
    host_bytes: int
    prior: ImagePrior | None

    @property
    def rolling(self) -> bool:
        return bool(self.options.readout)

    @property
    def halo(self) -> int:
        return 0 if self.options.single_frame else ROLLING_HALO if self.rolling else HALO

    @property
    def rows(self) -> int:
        """Rendered at once."""
        return min(max(_BAND // self.size.width, _FEWEST_ROWS), _MOST_ROWS)

    @property
    def overlap(self) -> tuple[int, int]:
        """Least and most of tiles: at least the prior's halo, or seams would show."""
        halo = 0 if self.prior is None else -(-self.prior.halo // _OVERLAP_STEP) * _OVERLAP_STEP
        return max(MIN_OVERLAP, halo), max(MAX_OVERLAP, halo)

    def joint(self, chunk: int, tile: int, consistent: bool, *, unblended: bool) -> int:
        """The largest of the stages: frames are cleaned, motion is found, key frames are solved, instants rendered."""
        if classical.uses_admm(self.options):
            return self._classical(chunk, tile)
        before = max(cleaning_footprint(self.size, self._window(chunk)), self._motion(chunk))
        before += self._resident(chunk) + overlay.footprint(self.size, self._window(chunk))
        return max(before, self._solved(chunk, tile), self._rendered(chunk, consistent, unblended))

    def _solved(self, chunk: int, tile: int) -> int:
        """What is held while key frames are solved one by one."""
        solved = self._key_frame_count(chunk)
        solving = max(self._solving().bytes(self._tile_pixels(tile), solved), learning_bytes(self.prior))
        over = overlay.footprint(self.size, self._window(chunk))
        return int(self._resident(chunk) + solved * self.size.frame + solving + over)

    def _rendered(self, chunk: int, consistent: bool, unblended: bool) -> int:
        """What is held while instants are rendered, band by band."""
        solved = self._key_frame_count(chunk)
        # Either light changes, and instants are composed twice, or there is an overlay.
        twice, over = self.size.frame, overlay.footprint(self.size, self._window(chunk))
        if unblended:
            twice += unblended_footprint(self.size, refined=uses_instant_step(self.options), rolling=self.rolling)
        rendering = splatting_footprint(self.size, solved) + self._rendering(consistent) + max(twice, over)
        return int(self._resident(chunk) + solved * self.size.frame + rendering)

    def with_workers(self, plan: Plan, threads: int) -> Plan:
        """The plan, with as many workers as there are threads and as the budget has room for."""
        if self.options.single_frame or classical.uses_admm(self.options):
            return plan
        solved = self._solved(plan.chunk, plan.tile)
        one = keyframes.footprint(self.size.channels)
        if uses_key_frame_step(self.options):
            one |= stage.footprint()
        key_frame = int(one.bytes(self._tile_pixels(plan.tile), 0))
        rendered = self._rendered(plan.chunk, plan.consistent, plan.unblended)
        band = instant.band_footprint(self.size, self.rows)
        if uses_instant_step(self.options):  # or a tile of the learned step
            band = max(band, instants.footprint(self.size))
        solving, rendering = (
            max(min(threads, 1 + (plan.budget - alone) // each), 1)
            for alone, each in ((solved, key_frame), (rendered, band))
        )
        peak = max(plan.peak_bytes, solved + (solving - 1) * key_frame, rendered + (rendering - 1) * band)
        return replace(plan, peak_bytes=peak, solve_workers=solving, render_workers=rendering)

    def _classical(self, chunk: int, tile: int) -> int:
        """Frames are cleaned; all sub-frames of a tile are solved beside the outputs, which are held whole."""
        assert self.prior is not None  # E1 has one
        window, channels = self._window(chunk), self.size.channels
        sub_frames = (window + self.rolling) * classical.cells(self.options)
        solving = classical.footprint(self.prior, channels).bytes(self._tile_pixels(tile), sub_frames)
        outputs = int(chunk * self.options.factor + 1) * self.size.frame
        before = cleaning_footprint(self.size, window)
        return int(
            self._resident(chunk)
            + overlay.footprint(self.size, window)
            + max(before, window * self.size.frame + outputs + max(solving, learning_bytes(self.prior)))
        )

    def finding_motion(self, chunk: int) -> int:
        """What is held while motion is found."""
        return self._resident(chunk) + self._motion(chunk) + overlay.footprint(self.size, self._window(chunk))

    def beside_per_frame_tiles(self, chunk: int) -> int:
        """What is held, beside its tiles, while a frame is restored by itself: every frame and its result, its blur."""
        solved = 1 if self.options.single_frame else self._key_frame_count(chunk)
        return self._resident(chunk) + beside_tiles(self.size.pixels) + 2 * solved * self.size.frame

    def _key_frame_count(self, chunk: int) -> int:
        """A chunk's own and those beside it."""
        return chunk + 2 + self.rolling

    def _window(self, chunk: int) -> int:
        return chunk + 2 * self.halo

    def _resident(self, chunk: int) -> int:
        """From the first stage to the last: the host's frames, the window, its motion."""
        window = self._window(chunk)
        # Counted whether or not repeats are looked for: where there are none it is to make no difference.
        beyond = 0 if self.options.single_frame else 2 * REACH
        host = host_frames.footprint(self.host_bytes, int(chunk * self.options.factor + 1), window + beyond)
        copies = 2 if self.options.mode == "auto" else 1  # with those of shaken frames, restored by themselves
        return host + window * copies * self.size.frame + motion_footprint(self.size, window) + _LIBRARIES

    def _motion(self, chunk: int) -> int:
        """The shutter is estimated first, from grey pictures of its own; then motion is found."""
        effort = EFFORTS[self.options.preset]
        engine = learned_engine(self.options.flow, effort.flow)
        found = finding_footprint(self.size, self._window(chunk), engine=engine, passes=effort.motion_passes)
        return max(found, shutter.footprint(self.size)) if self.options.auto_shutter else found

    def _solving(self) -> TileFootprint:
        """The u-step, the z-step and the learned step of one tile's key frames follow one another."""
        stages = keyframes.footprint(self.size.channels)
        if self.prior is not None:
            stages |= zstep.footprint(self.prior, self.size.channels)
        if uses_key_frame_step(self.options):
            stages |= stage.footprint()
        return stages

    def _rendering(self, consistent: bool) -> int:
        """An instant with its learned step, or the sub-frames of a period that are made consistent."""
        rendering = instant.footprint(
            self.size, self.rows, averaged=bool(self.options.out_shutter), rolling=self.rolling
        )
        rendering += limits.footprint(self.size, rolling=self.rolling)
        if uses_instant_step(self.options):
            rendering += refined.footprint(self.size, rolling=self.rolling) + instants.footprint(self.size)
        if not consistent:
            return rendering
        kept, working = consistency.footprint(self.size, self.options.factor)
        return max(rendering, working) + kept

    def _tile_pixels(self, tile: int) -> int:
        """Of the largest tile that is solved at any overlap."""
        least, most = self.overlap
        return max(
            self.size.tile(tile + 2 * (most - overlap), overlap) for overlap in range(least, most + 1, _OVERLAP_STEP)
        )
