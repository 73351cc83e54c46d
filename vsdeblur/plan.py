"""The memory plan: chunk length and tile size, chosen from the arguments and the frame size before the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow.pairwise import motion_scale
from vsdeblur.options import Options

HALO = 2  # the key frames next to the chunk need their own neighbours for a path
MAX_TAPS = 12
MAX_OVERLAP = 96
ROWS = 128  # rows rendered at once
PARCELS = 3  # finished chunks that wait in a host: the one being read, the one before it, and the one in the making

DEFAULT_BUDGET = 4 * 2**30  # the grid must not depend on the machine; what it has is checked when the engine starts
_CHUNKS = (8, 6, 4, 3, 2, 1)
_TILES = (512, 384, 256, 192, 128)
_FLOAT = 4
_ALLOCATOR = 1.15  # blocks that an allocator rounds up or keeps


@dataclass(frozen=True, slots=True)
class Plan:
    """chunk, halo: source frames. tile: inner edge, pixels. rows: rendered at once. peak_bytes: expected."""

    chunk: int
    halo: int
    tile: int
    rows: int
    peak_bytes: int


def make_plan(options: Options, height: int, width: int, channels: int, host_bytes: int) -> Plan:
    """The most efficient plan within ``options.max_memory`` (4 GiB when None).

    host_bytes: of one output frame in the host's format. Raises MemoryBudgetError with the smallest budget that works.
    """
    budget = options.max_memory or DEFAULT_BUDGET
    plans = [
        Plan(chunk, HALO, tile, ROWS, _peak(chunk, tile, options, height, width, channels, host_bytes))
        for chunk, tile in product(_CHUNKS, _TILES)
    ]
    fitting = [plan for plan in plans if plan.peak_bytes <= budget]
    if fitting:
        return max(fitting, key=_efficiency)
    least = min(plans, key=lambda plan: plan.peak_bytes)
    if options.max_memory is None:  # a picture so large that the default cannot hold it: the least there is
        return least
    raise MemoryBudgetError(
        f"max_memory must be at least {-(-least.peak_bytes // 2**20)}MiB for {width}x{height} at factor "
        f"{options.factor}, not {budget / 2**20:.3g}MiB"
    )


def _efficiency(plan: Plan) -> float:
    """The share of the solver's work that is kept: not halo, not overlap."""
    return plan.chunk / (plan.chunk + 2) * (plan.tile / (plan.tile + 64)) ** 2


def _peak(chunk: int, tile: int, options: Options, height: int, width: int, channels: int, host_bytes: int) -> int:
    pixels = height * width
    window, solved = chunk + 2 * HALO, chunk + 2
    frame = channels * pixels * _FLOAT
    field = -(-height // motion_scale(height, width)) * -(-width // motion_scale(height, width)) * _FLOAT
    host = PARCELS * int(chunk * options.factor + 1) * host_bytes + window * host_bytes
    motion = window * (7 + channels + 8) * field
    outer = min(tile + 2 * MAX_OVERLAP, height) * min(tile + 2 * MAX_OVERLAP, width) * _FLOAT
    solver = solved * outer * (9 * channels + 2 * MAX_TAPS + 14) + MAX_TAPS * outer * (2 * channels + 2)
    rendering = 4 * frame + ROWS * width * _FLOAT * (6 * channels + 40)
    return int(_ALLOCATOR * (host + window * frame + solved * frame + max(motion, solver, rendering) + motion))
