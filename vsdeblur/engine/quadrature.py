"""The instants that exposures, and outputs with a shutter of their own, are the mean of; the delays of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vsdeblur.camera.rolling import row_delays
from vsdeblur.flow.motion import Motion, extent
from vsdeblur.presets import EFFORTS
from vsdeblur.settings import Options
from vsdeblur.window import Window

MAX_INSTANTS = 12  # instants of one exposure

Taus = tuple[tuple[float, ...], ...]


def exposures(options: Options, motion: Motion, shutters: Sequence[float], periods: Sequence[float]) -> Taus:
    """The quadrature of each exposure: a step for every ``stride`` px of motion, or the averaged sub-frames.

    Args:
        options: Quadrature, factor and preset.
        motion: Of the frames.
        shutters: The open fraction of each frame's period.
        periods: Each frame's period in output periods, of which each has ``factor`` outputs.

    Returns:
        Instants in periods of the frame from the middle of its exposure.
    """
    if options.quadrature == "taps":
        factors = [float(options.factor) * period for period in periods]
        return tuple(
            tuple((q + 0.5) / factor - s / 2 for q in range(max(round(s * factor), 1)))
            for factor, s in zip(factors, shutters, strict=True)
        )
    fast = reach(motion)
    counts = [min(max(math.ceil(fast * s / EFFORTS[options.preset].stride), 3), MAX_INSTANTS) for s in shutters]
    return tuple(tuple(((q + 0.5) / k - 0.5) * s for q in range(k)) for k, s in zip(counts, shutters, strict=True))


def output(options: Options, motion: Motion) -> tuple[float, ...]:
    """The instants that an output is the mean of, in source periods from its own: those of the output shutter."""
    span = options.out_shutter / float(options.factor)
    if not span:
        return (0.0,)
    count = min(max(math.ceil(reach(motion) * span / EFFORTS[options.preset].stride), 2), MAX_INSTANTS)
    return tuple(((k + 0.5) / count - 0.5) * span for k in range(count))


def delays(options: Options, window: Window) -> Tensor | None:
    """How much later each row of each frame is exposed, (n, H) of the frame's period; None for a global shutter."""
    readout, height = options.readout, window.frames.shape[-2]
    if not readout:
        return None
    steps = None
    if options.quadrature == "taps":
        steps = float(options.factor) * (
            window.readout_period / window.output_period if window.readout_period and window.output_period else 1
        )
    return torch.outer(window.readout_periods, row_delays(height, readout, steps))


def reach(motion: Motion) -> float:
    """The 99.5th percentile of how far points move in a period, pixels."""
    speed = extent(motion.path).flatten()
    rank = max(1, int(0.995 * speed.numel()))
    return float(speed.kthvalue(rank).values)
