"""How long restoring will take, found by restoring a little."""

from __future__ import annotations

import dataclasses
import time
from fractions import Fraction
from typing import TYPE_CHECKING

from vsdeblur.options import Options
from vsdeblur.timing import instant

if TYPE_CHECKING:
    from torch import Tensor

PIECE = (144, 256)  # height and width of a piece that is large enough to tell


def seconds_per_megapixel(frames: Tensor, options: Options) -> float:
    """Seconds of the engine per output megapixel, timed on one chunk of a few frames.

    frames: (n, C, H, W) float32, linear light, C 1 or 3, of about PIECE's size; n of 1 or more, used forwards and
    backwards where a window needs more. A first, tiny solve warms up what is loaded once.
    """
    _timed(frames[:2, :, :32, :32], dataclasses.replace(options, factor=Fraction(2)))
    seconds, megapixels = _timed(frames, options)
    return seconds / megapixels


def _timed(frames: Tensor, options: Options) -> tuple[float, float]:
    import torch

    from vsdeblur.engine.engine import Engine
    from vsdeblur.engine.window import Window

    channels, height, width = frames.shape[1:]
    engine = Engine(options, height, width, channels)
    chunk, halo = engine.plan.chunk, engine.plan.halo
    there_and_back = list(range(len(frames))) + list(range(len(frames) - 2, 0, -1))
    order = [there_and_back[n % len(there_and_back)] for n in range(chunk + 2 * halo)]
    window = Window(frames[torch.tensor(order)].contiguous(), 0, halo, chunk, colour=channels)
    count = int((halo + chunk) * options.factor)
    shown = (instant(j, options.factor, options.shutter, options.readout) for j in range(count))
    instants = [t for t in shown if halo <= t < halo + chunk]
    begin = time.perf_counter()
    made = sum(1 for _ in engine.restore(window, instants))
    return time.perf_counter() - begin, max(made, 1) * height * width / 1e6
