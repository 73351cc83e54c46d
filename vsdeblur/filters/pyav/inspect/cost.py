"""What restoring a file takes, memory and time, measured on a few of its frames; and how noisy they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

from vsdeblur.filters.pyav.colour import Converter
from vsdeblur.filters.pyav.inspect.content import reach
from vsdeblur.settings import Options
from vsdeblur.timing import output_count

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.engine.plan import Plan

_GREY, _SHADOWS = 0.18, 0.01  # light at which noise is stated


@dataclass(frozen=True, slots=True)
class SensorGrain:
    """The sensor's noise.

    Attributes:
        grey: standard deviation in mid grey, of display values up to 255.
        shadows: the same in shadows.
        weighed: whether it is enough to lower the weight of the data term.
    """

    grey: float
    shadows: float
    weighed: bool


@dataclass(frozen=True, slots=True)
class Work:
    """The memory plan, and the time on this machine without the encoder's.

    Attributes:
        chunk: source frames solved together.
        halo: further source frames on either side.
        peak_bytes: of memory.
        seconds_per_frame: of each output; None where it was not measured.
        output_frames: in all; None where the file does not say how long it is.
        seconds: for the whole file.
    """

    chunk: int
    halo: int
    peak_bytes: int
    seconds_per_frame: float | None
    output_frames: int | None
    seconds: float | None


def plan_work(
    kept: Sequence[av.VideoFrame], converter: Converter, frames: int | None, options: Options, measure: bool
) -> Work:
    """The work that a file is.

    Args:
        kept: a few successive frames.
        converter: of their kind.
        frames: how many there are in all.
        options: to restore with.
        measure: also time the engine.
    """
    plan = plan_for(kept[0], converter, options)
    each = seconds_each(kept, converter, options, plan) if measure else None
    outputs = None if frames is None else output_count(frames, options.factor)
    total = None if each is None or outputs is None else each * outputs
    return Work(plan.chunk, plan.halo, plan.peak_bytes, each, outputs, total)


def plan_for(frame: av.VideoFrame, converter: Converter, options: Options) -> Plan:
    """The plan for frames like this one."""
    from vsdeblur.engine.engine import Engine

    size = frame.height, frame.width, converter.channels
    return Engine(options, *size, host_bytes=converter.host_bytes, chunks_at_once=True).plan


def noise_in(frame: av.VideoFrame, converter: Converter) -> SensorGrain:
    """The sensor's noise, measured in one frame."""
    import torch

    from vsdeblur.camera.noise import sensor_noise
    from vsdeblur.device import single_thread
    from vsdeblur.solver.data_weights import DataWeights

    light = torch.empty(converter.channels, frame.height, frame.width)
    with single_thread():
        converter.decode(frame, light)
        noise = sensor_noise(light[None, : converter.colours])
    weights = DataWeights(noise, converter.colour.transfer != "linear")
    grey, shadows = (255 * weights.level(torch.tensor([value])) for value in (_GREY, _SHADOWS))
    return SensorGrain(grey, shadows, weights.noisy)


def seconds_each(kept: Sequence[av.VideoFrame], converter: Converter, options: Options, plan: Plan) -> float:
    """Seconds per output frame: the engine's, measured on a piece from the middle, and the conversions'."""
    import torch

    from vsdeblur.device import torch_threads
    from vsdeblur.engine.duration import PIECE, seconds_per_output

    height, width = kept[0].height, kept[0].width
    top, left = max(height - PIECE[0], 0) // 2, max(width - PIECE[1], 0) // 2
    whole: Tensor = torch.empty(converter.channels, height, width)
    pieces, decoding = [], 0.0
    for frame in kept:
        begin = time.perf_counter()
        converter.decode(frame, whole)
        decoding = time.perf_counter() - begin
        pieces.append(whole[: converter.colours, top : top + PIECE[0], left : left + PIECE[1]].clone())
    begin = time.perf_counter()
    converter.encode(whole, kept[-1])
    encoding = time.perf_counter() - begin
    at_once = plan.chunk_workers  # chunks, each with its share of the threads
    with torch_threads(max(torch.get_num_threads() // at_once, 1)):
        engine = seconds_per_output(torch.stack(pieces), options, plan, height, width, reach(kept))
    return (engine + encoding) / at_once + decoding / float(options.factor)
