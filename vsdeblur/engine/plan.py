"""The memory plan: chunk length and tile size, chosen from the arguments and the frame size before the first frame."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import product
from math import log2

from vsdeblur.blind.footprint import TILE_BYTES
from vsdeblur.engine.classical import uses_admm
from vsdeblur.engine.footprints import MAX_OVERLAP, MIN_OVERLAP, StageFootprints
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow.footprint import workers_within
from vsdeblur.footprint import FrameSize
from vsdeblur.priors.protocol import ImagePrior
from vsdeblur.settings import AUTO, Options
from vsdeblur.solver.consistency import TILES
from vsdeblur.solver.unrolled.choose import uses_consistency

log = logging.getLogger("vsdeblur")

DEFAULT_BUDGET = 4 * 2**30
_CHUNKS = (8, 6, 4, 3, 2, 1)
_TILES = (512, 384, 256, 192, 128)
_MOST_CHUNKS = 4  # at once: more would only make the first picture late


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
        consistent: Side of the tiles in which sub-frames are made consistent in time, pixels; 0 where they are not.
        chunk_workers: Chunks that are restored at once on the processor, each with its share of the threads.
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
    consistent: int = 0
    chunk_workers: int = 1
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
    *,
    for_noise: bool = False,
    chunks_at_once: bool = False,
) -> Plan:
    """The most efficient plan within ``options.max_memory``, or within the default budget.

    Where the budget is too little for temporal consistency, that is left out with a warning. How a clip is cut does not
    depend on the number of threads; what they work on at once fits in what that leaves of the budget. Nor does it on a
    prior that acts only where there is noise: that is planned for where the budget has room for it.

    Args:
        options: The arguments.
        height: Of a frame, pixels.
        width: Of a frame, pixels.
        channels: 1 or 3 for colour, one more for alpha.
        host_bytes: Of one output frame in the host's format.
        total: Memory of the device in bytes, for the default budget; None where it is unknown.
        prior: What ``options.prior`` is.
        threads: Of the processor, where that is the device; 1 where the device is another.
        for_noise: The prior acts only where there is noise.
        chunks_at_once: The host can restore several chunks at once.

    Raises:
        MemoryBudgetError: Nothing fits, and the message has the smallest budget that would; or by default it takes more
            than half of the memory.
    """
    budget = options.max_memory or default_budget(total)
    stages = StageFootprints(options, FrameSize(height, width, channels), host_bytes, prior)
    always = replace(stages, prior=None) if for_noise else stages
    plan = _most_efficient(always, budget)
    held = stages.joint(plan.chunk, plan.tile, plan.consistent, unblended=plan.unblended) if for_noise else 0
    if for_noise and held <= budget:
        plan = replace(plan, peak_bytes=max(plan.peak_bytes, held), overlap_denoised=stages.overlap)
        always = stages
    if chunks_at_once:
        plan = _with_chunks(plan, always, threads)
    plan = _with_workers(plan, always, threads)
    if options.max_memory is None and total is not None and plan.peak_bytes > max(budget, total / 2):
        raise MemoryBudgetError(
            f"max_memory must be given to use more than half of the memory: {width}x{height} takes about "
            f"{plan.peak_bytes / 2**30:.1f}GiB"
        )
    return plan


def _most_efficient(stages: StageFootprints, budget: int) -> Plan:
    """The plan that keeps the largest share of the work, with one worker."""
    options, size = stages.options, stages.size

    def plan(chunk: int, tile: int, consistent: int) -> Plan:
        peak, per_frame, unblended = 0, 0, False
        if not options.single_frame:
            least, peak = (stages.joint(chunk, tile, consistent, unblended=both) for both in (False, True))
            unblended = peak <= budget
            peak = peak if unblended else least
        if options.mode != "joint":
            rest = stages.beside_per_frame_tiles(chunk)
            per_frame = min(max(budget - rest, TILE_BYTES[0]), TILE_BYTES[1])
            peak = max(peak, rest + per_frame)
        return Plan(
            *(chunk, stages.halo, tile, stages.rows, peak),
            budget=budget,
            per_frame_bytes=per_frame,
            consistent=consistent,
            flow_workers=workers_within(size, peak - stages.finding_motion(chunk)),
            unblended=unblended,
            overlap=stages.overlap,
        )

    def fitting(plans: Sequence[Plan]) -> Plan | None:
        return max((plan for plan in plans if plan.peak_bytes <= budget), key=_efficiency, default=None)

    cuts = [(1, _TILES[0])] if options.single_frame else list(product(_CHUNKS, _TILES))
    if uses_consistency(options):
        for tile in TILES:
            consistent = [plan(*cut, consistent=tile) for cut in cuts]
            if best := fitting(consistent):
                return best
            needed = min(plan.peak_bytes for plan in consistent)
    plans = [plan(*cut, consistent=0) for cut in cuts]
    if best := fitting(plans):
        if uses_consistency(options):
            log.warning(
                "without temporal consistency: at %dx%d and factor %s it takes max_memory=%dMiB, not %dMiB",
                *(size.width, size.height, options.factor, -(-needed // 2**20), budget // 2**20),
            )
        return best
    least = min(plans, key=lambda plan: plan.peak_bytes)
    if options.max_memory is None:  # a picture so large that the default cannot hold it: the least there is
        return least
    raise MemoryBudgetError(
        f"max_memory must be at least {-(-least.peak_bytes // 2**20)}MiB for {size.width}x{size.height} at factor "
        f"{options.factor}, not {budget / 2**20:.3g}MiB"
    )


def _with_chunks(plan: Plan, stages: StageFootprints, threads: int) -> Plan:
    """The plan, with as many chunks at once as there are threads and as the budget has room for, up to _MOST_CHUNKS."""
    if not _independent(stages.options):
        return plan
    cut = (plan.chunk, plan.tile, plan.consistent, plan.unblended)
    for chunks in range(min(threads, _MOST_CHUNKS), 1, -1):
        _, _, busy = stages.workers(plan.budget // chunks, *cut, threads // chunks)
        peak = chunks * max(plan.peak_bytes, busy)
        if peak <= plan.budget:
            return replace(plan, peak_bytes=peak, chunk_workers=chunks)
    return plan


def _independent(options: Options) -> bool:
    """Whether chunks share nothing but networks of ours: a user's model may not be one for several threads."""
    prior, flow = (x.partition(":")[0] if isinstance(x, str) else x for x in (options.prior, options.flow))
    known = prior in (None, AUTO, "tv", "video") and flow in (None, "dis", "blur", "paths")
    return known and options.mode == "joint" and not uses_admm(options)


def _with_workers(plan: Plan, stages: StageFootprints, threads: int) -> Plan:
    """The plan, with as many workers as there are threads and as the budget has room for."""
    cut = (plan.chunk, plan.tile, plan.consistent, plan.unblended)
    solving, rendering, peak = stages.workers(plan.budget, *cut, threads)
    return replace(plan, peak_bytes=max(plan.peak_bytes, peak), solve_workers=solving, render_workers=rendering)


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
