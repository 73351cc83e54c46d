"""How long restoring will take, measured on a small piece of the picture."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from vsdeblur.priors.registry import INTERNAL
from vsdeblur.settings import Options
from vsdeblur.timing import instant

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.engine.plan import Plan

PIECE = (144, 256)  # height and width of a piece that is large enough to measure on
_CHUNK = 2  # frames of which the piece is restored: the second one costs what every further one does
FRAMES = _CHUNK + 6  # that a window of these has at most


@dataclasses.dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds that the stages took.

    Attributes:
        motion: Per point of each of the window's frames.
        solving: Per pixel of each key frame.
        rendering: Per pixel of each output.
        share: Pixels of tiles that are solved for every one of the picture.
        scale: Pixels of the frame per point of the motion, along a side.
    """

    motion: float
    solving: float
    rendering: float
    share: float
    scale: int


def seconds_per_output(
    frames: Tensor,
    options: Options,
    plan: Plan,
    height: int,
    width: int,
    reach: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of the engine per output of height x width, timed on a short chunk of a piece of the picture.

    What the stages take is timed one by one, since they grow differently: motion is found in a smaller picture, tiles
    overlap, and a chunk's neighbours are solved with it. A first, tiny solve warms up what is loaded once.

    Args:
        frames: (n, C, h, w) float32, linear light, C 1 or 3, successive frames of about PIECE's size; n of 1 or more,
            used forwards and backwards where a window needs more than there are.
        options: The arguments.
        plan: Of the whole picture.
        height: Of the whole picture, pixels.
        width: Of the whole picture.
        reach: How far nearly everything in it moves in a period, pixels: it sets the instants of an exposure.
        clock: Seconds.
    """
    from vsdeblur.flow.resolution import motion_scale

    learning = 0.0
    if options.prior == INTERNAL:  # it learns for as long whatever the size is
        from vsdeblur.device import choose_device
        from vsdeblur.priors.internal import seconds

        options, learning = dataclasses.replace(options, prior="video"), seconds(choose_device(options.device))
    _spent(
        frames[:, :, :32, :32], dataclasses.replace(options, factor=Fraction(1)), plan, (height, width), reach, clock
    )
    spent = _spent(frames, options, plan, (height, width), reach, clock)
    scale = max(motion_scale(height, width), spent.scale)
    points = -(-height // scale) * -(-width // scale)
    window, keys = plan.chunk + 2 * plan.halo, plan.chunk + _neighbours(options)
    once = spent.motion * points * window + spent.solving * spent.share * height * width * keys
    once += learning
    return once / float(plan.chunk * options.factor) + spent.rendering * height * width


def _neighbours(options: Options) -> int:
    """Key frames beside a chunk's own."""
    return 0 if options.single_frame else 2 + bool(options.readout)


def _spent(
    frames: Tensor, options: Options, plan: Plan, whole: tuple[int, int], reach: float, clock: Callable[[], float]
) -> _Spent:
    import torch

    from vsdeblur.engine.engine import Engine
    from vsdeblur.engine.solve_tiles import tiling
    from vsdeblur.tiles import solved_share
    from vsdeblur.window import Window

    channels, pixels = frames.shape[1], frames.shape[2] * frames.shape[3]
    engine = Engine(options, frames.shape[2], frames.shape[3], channels)
    halo = engine.plan.halo
    there_and_back = list(range(len(frames))) + list(range(len(frames) - 2, 0, -1))
    order = [there_and_back[n % len(there_and_back)] for n in range(_CHUNK + 2 * halo)]
    some = frames[torch.tensor(order)].contiguous().to(engine.device)
    window = Window(some, 0, halo, _CHUNK, colour=channels)
    count = int((halo + _CHUNK) * options.factor)
    outputs = (instant(j, options.factor, options.shutter, options.readout) for j in range(count))
    instants = [t for t in outputs if halo <= t < halo + _CHUNK]

    times = [clock()]
    motion, points, scale, share = None, 1, 1, 1.0
    if not options.single_frame:
        with torch.inference_mode():
            motion = engine.find_motion(window, options.shutter)
            motion.path.zero_()[:, 0] = reach
        points, scale = motion.path[0, 0].numel(), motion.scale(*frames.shape[2:])
        share = solved_share(*whole, *tiling(plan, motion))
    times.append(clock())
    for _ in engine.restore(window, instants, motion=motion):
        times.append(clock())
    begin, found, *ends = times
    # The second frame's outputs: those of the first one may all come when the last of them is done.
    before = sum(t < halo + 1 for t in instants)
    rendering = (ends[-1] - ends[before - 1]) / (len(ends) - before)
    return _Spent(
        (found - begin) / (len(order) * points),
        max(ends[before - 1] - found - before * rendering, 0.0) / ((_CHUNK + _neighbours(options)) * pixels),
        rendering / pixels,
        share,
        scale,
    )
