"""The memory plan: chunk length and tile size, chosen from the arguments and the frame size before the first frame."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, log2

from vsdeblur.blind.footprint import beside_tiles
from vsdeblur.calibration.shutter.window import FRAMES
from vsdeblur.clip.cadence import REACH
from vsdeblur.clip.samples import MAX_SIDE
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow import is_learned
from vsdeblur.flow.resolution import motion_scale
from vsdeblur.options import Options
from vsdeblur.presets import EFFORTS
from vsdeblur.priors.protocol import PriorInfo
from vsdeblur.solver import consistency
from vsdeblur.solver.keyframes import BATCH
from vsdeblur.solver.unrolled.choose import uses_consistency, uses_instant_step, uses_key_frame_step
from vsdeblur.solver.unrolled.instants import OVERLAP, TILE
from vsdeblur.tiles import longest

log = logging.getLogger("vsdeblur")

HALO = 2  # the key frames next to the chunk need their own neighbours for a path
ROLLING_HALO = 3  # with a rolling shutter one more key frame before the chunk is seen
MIN_OVERLAP, MAX_OVERLAP = 32, 96
ROWS = 128  # rows rendered at once
PARCELS = 3  # finished chunks that wait in a host: the one being read, the one before it, and the one in the making

DEFAULT_BUDGET = 4 * 2**30
_CHUNKS = (8, 6, 4, 3, 2, 1)
_TILES = (512, 384, 256, 192, 128)
_FLOAT = 4
_LIBRARIES = 24 * 2**20  # scratch of the flow and of the libraries
_NETWORK = 160  # motion fields that the learned network holds while it looks at one frame, measured
_PROXIMAL = 110  # copies of a tile's pixels that the learned step holds while it looks at one frame
_INSTANT = 85  # copies of its tile's pixels that the learned step at instants holds, measured
ALONE_TILES = 32 * 2**20, 420 * 2**20  # least and most bytes for the tiles of such a frame
_LOOKED_AT = FRAMES + 24  # grey pictures that estimating the shutter holds
_KEPT = 1.4  # within a stage the heap keeps freed blocks between others; glibc on another thread up to this, measured


@dataclass(frozen=True, slots=True)
class Plan:
    """chunk, halo: source frames. rows: rendered at once. peak_bytes: expected where motion is as fast as it can be.

    tile: inner edge at the largest overlap, pixels. budget: what peak_bytes was to stay within. per_frame_bytes: of
    these, for the tiles of a frame that is restored by itself. consistent: whether sub-frames are made consistent.
    """

    chunk: int
    halo: int
    tile: int
    rows: int
    peak_bytes: int
    budget: int = DEFAULT_BUDGET
    per_frame_bytes: int = 0
    consistent: bool = False


def make_plan(
    options: Options,
    height: int,
    width: int,
    channels: int,
    host_bytes: int,
    total: int | None = None,
    prior: PriorInfo | None = None,
) -> Plan:
    """The most efficient plan within ``options.max_memory``, or the default budget for a device of ``total`` bytes.

    host_bytes: of one output frame in the host's format. prior: what ``options.prior`` is. Where the budget is too
    little for sub-frames that agree, they are left as they are, with a warning. Raises MemoryBudgetError with the
    smallest budget that works.
    """
    budget = options.max_memory or default_budget(total)

    def plan(chunk: int, tile: int, agreed: bool) -> Plan:
        given = (chunk, options, height, width, channels, host_bytes)
        peak, alone = 0 if options.by_frame else _peak(*given, tile, prior, agreed), 0
        if options.mode != "joint":
            rest = _beside_alone(*given)
            alone = min(max(budget - rest, ALONE_TILES[0]), ALONE_TILES[1])
            peak = max(peak, rest + alone)
        return Plan(chunk, _halo(options), tile, ROWS, peak, budget, alone, agreed)

    def fitting(plans: Sequence[Plan]) -> Plan | None:
        return max((plan for plan in plans if plan.peak_bytes <= budget), key=_efficiency, default=None)

    sizes = [(1, _TILES[0])] if options.by_frame else list(product(_CHUNKS, _TILES))
    if uses_consistency(options):
        agreed = [plan(*size, agreed=True) for size in sizes]
        if best := fitting(agreed):
            return best
        needed = min(plan.peak_bytes for plan in agreed)
    plans = [plan(*size, agreed=False) for size in sizes]
    if best := fitting(plans):
        if uses_consistency(options):
            log.warning(
                "without temporal consistency: at %dx%d and factor %s it takes max_memory=%dMiB, not %dMiB",
                *(width, height, options.factor, -(-needed // 2**20), budget // 2**20),
            )
        return best
    least = min(plans, key=lambda plan: plan.peak_bytes)
    if options.max_memory is None:  # a picture so large that the default cannot hold it: the least there is
        return least
    raise MemoryBudgetError(
        f"max_memory must be at least {-(-least.peak_bytes // 2**20)}MiB for {width}x{height} at factor "
        f"{options.factor}, not {budget / 2**20:.3g}MiB"
    )


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


def _halo(options: Options) -> int:
    return 0 if options.by_frame else ROLLING_HALO if options.readout else HALO


def _frame_and_field(height: int, width: int, channels: int) -> tuple[int, int]:
    """Bytes of a frame, and of one number per pixel at the resolution of motion."""
    scale = motion_scale(height, width)
    return channels * height * width * _FLOAT, -(-height // scale) * -(-width // scale) * _FLOAT


def _always(chunk: int, options: Options, height: int, width: int, channels: int, host_bytes: int) -> int:
    """What is there from the first stage to the last: frames of the host, the window, its motion."""
    window = chunk + 2 * _halo(options)
    frame, field = _frame_and_field(height, width, channels)
    # Counted whether or not repeats are looked for: where there are none it is to make no difference.
    reached = 0 if options.by_frame else 2 * REACH
    host = PARCELS * int(chunk * options.factor + 1) * host_bytes + (window + reached) * host_bytes
    pictures = 2 if options.mode == "auto" else 1  # with those of shaken frames, restored by themselves
    return host + window * (pictures * frame + 11 * field) + _LIBRARIES


def _beside_alone(chunk: int, options: Options, height: int, width: int, channels: int, host_bytes: int) -> int:
    """What there is, beside the tiles, while a frame is restored by itself: two pictures of every frame, its blur."""
    solved = 1 if options.by_frame else chunk + 2 + bool(options.readout)
    always = _always(chunk, options, height, width, channels, host_bytes)
    return always + beside_tiles(height * width) + 2 * solved * channels * height * width * _FLOAT


def _peak(
    chunk: int,
    options: Options,
    height: int,
    width: int,
    channels: int,
    host_bytes: int,
    tile: int,
    prior: PriorInfo | None,
    agreed: bool,
) -> int:
    """The largest of the stages: the motion is found, the key frames are solved, the instants are rendered."""
    rolling = bool(options.readout)
    window = chunk + 2 * _halo(options)
    effort = EFFORTS[options.preset]
    solved = chunk + 2 + rolling
    frame, field = _frame_and_field(height, width, channels)
    always = _always(chunk, options, height, width, channels, host_bytes)
    # What finding the motion needs until it is found: the pairs, then the network, then the first path, made smooth.
    network = _NETWORK if is_learned(options.flow, effort.flow) else 0
    smooth = (channels + 25) * window if effort.motion_passes > 1 else 0
    finding = ((channels + 15) * window + max(network, smooth)) * field
    # Of each frame of a tile: v, right side, x, residual, step, product; path twice, occlusion, couplings, row sums;
    # what its noise and its brightness weigh; and of lights the key frames, and where they are.
    each = 7 * channels + 20
    looking = 0  # of the frame that the prior or the learned step looks at
    if prior is not None:  # v, path, occlusion; keys as they are, as shown, calm, and as light again
        each = max(each, 9 + (5 + (0 if prior.frames else prior.floats)) * channels)
        looking = prior.floats + 2 * prior.frames * channels + 12 if prior.frames else 0
    # Of the frame at hand: it and its correction twice as fine, a batch of grids and warps, two of them spread as fine.
    once = 4 * BATCH + (2 * BATCH + 15) * channels
    if uses_key_frame_step(options):
        looking = max(looking, _PROXIMAL)
    solver = _tile_pixels(height, width, tile) * _FLOAT * (solved * each + max(once, looking)) * _KEPT
    # The picture, the one before it, two residuals, a third in the making with its power; strips of what moves them.
    rendering = (7 + bool(options.out_shutter) + rolling) * frame + ROWS * width * _FLOAT * (8 * channels + 40)
    if uses_instant_step(options):
        # Both key frames at the instant, what it is changed by, of three exposures the mean of that; rows of several
        # exposures side by side. And the tile that the network looks at.
        rendering += (7 + 3 * rolling) * frame
        rendering += longest(height, TILE, OVERLAP) * longest(width, TILE, OVERLAP) * _FLOAT * _INSTANT
    if agreed:
        kept, at_hand = _agreeing(options, height, width, channels)
        rendering = max(rendering, 6 * frame + at_hand) + kept
    if options.auto_shutter:  # looked for before anything else is
        shrunk = -(-max(height, width) // MAX_SIDE)
        finding = max(finding, _LOOKED_AT * -(-height // shrunk) * -(-width // shrunk) * _FLOAT)
    return int(always + max(finding, solved * frame + max(solver, rendering)))


def _agreeing(options: Options, height: int, width: int, channels: int) -> tuple[int, int]:
    """What is kept of a period's sub-frames and those around them, and what a tile of all takes while they change."""
    frame, field = _frame_and_field(height, width, channels)
    own, apart = ceil(options.factor), consistency.reaches(1 / float(options.factor))
    if not apart:
        return 0, 0
    count = own + 2 * apart[-1]
    kept = count * (frame + 8 * field) // 2  # in half precision: pictures, paths, steps
    tile = (
        longest(height, consistency.TILE, consistency.OVERLAP)
        * longest(width, consistency.TILE, consistency.OVERLAP)
        * _FLOAT
    )
    linked = sum(2 * (own + reach) for reach in apart)  # grid and weight each; one link at a time is followed
    at_hand = 3 * linked + (count + 4 * own) * channels + 8 * count + 3 * (own + apart[-1]) * channels
    return kept, int(own * frame // 2 + tile * at_hand)


def _tile_pixels(height: int, width: int, tile: int) -> int:
    """Of the largest tile that is solved at any overlap."""
    return max(
        longest(height, tile + 2 * (MAX_OVERLAP - overlap), overlap)
        * longest(width, tile + 2 * (MAX_OVERLAP - overlap), overlap)
        for overlap in range(MIN_OVERLAP, MAX_OVERLAP + 1, 16)
    )
