"""Samples of a clip: a few successive frames at each of several places spread over it, grey and small.

Shutter, readout, response and gyroscope are all estimated from the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from vsdeblur.clip.cuts import find_cuts
from vsdeblur.clip.repeats import distinct, thumbnails
from vsdeblur.device import single_thread
from vsdeblur.flow.resolution import downsampled
from vsdeblur.tensors import as_frames

SAMPLES = 6  # of a clip
SAMPLE_FRAMES = 12  # successive frames of a sample: several changes of direction of a hand
MAX_SIDE = 1280  # pixels of the pictures
_LARGEST = 65504.0  # of half precision


@dataclass(frozen=True, eq=False)
class ClipSample:
    """Successive frames of one kind, none of which repeats the one before.

    Attributes:
        frames: (n, 1, h, w), half precision, since a clip has many.
        linear: whether values are linear light rather than stored values as they are.
        times: when they are shown, seconds; empty where that is not known.
    """

    frames: Tensor
    linear: bool = True
    times: tuple[float, ...] = ()

    @classmethod
    def of(cls, frames: Tensor, *, linear: bool = True, times: tuple[float, ...] = ()) -> ClipSample:
        """The sample of frames (n, C, H, W), C 1 or 3, of any values."""
        small = torch.cat([reduced(frame[None]).clamp(-_LARGEST, _LARGEST).half() for frame in frames])
        return cls(small, linear, times)

    @property
    def scene(self) -> Tensor:
        """The longest run without a cut, (n, 1, h, w) float32."""
        return self.frames[slice(*self._longest)].float()

    @cached_property
    def _longest(self) -> tuple[int, int]:
        ends = [0, *sorted(find_cuts(self.frames)), len(self.frames)]
        return max(pairwise(ends), key=lambda scene: scene[1] - scene[0])


def reduced(frames: Tensor) -> Tensor:
    """Frames (n, C, H, W) of any device and type, grey, MAX_SIDE pixels at most: (n, 1, h, w), float32, CPU."""
    grey = frames.float().cpu().mean(1, keepdim=True)
    return downsampled(grey, -(-max(frames.shape[-2:]) // MAX_SIDE))


def sample_ranges(total: int) -> list[range]:
    """Which of ``total`` frames are sampled: SAMPLES times SAMPLE_FRAMES, or all where there are no more."""
    if total <= SAMPLES * SAMPLE_FRAMES:
        return [range(start, min(start + SAMPLE_FRAMES, total)) for start in range(0, total, SAMPLE_FRAMES)]
    starts = (n * (total - SAMPLE_FRAMES) // (SAMPLES - 1) for n in range(SAMPLES))
    return [range(start, start + SAMPLE_FRAMES) for start in starts]


def clip_samples(light: Tensor, *, linear: bool = True) -> list[ClipSample]:
    """The samples of frames (N, C, H, W); ``linear``: their values are linear light."""
    return [ClipSample.of(light[run.start : run.stop], linear=linear) for run in sample_ranges(len(light))]


def tensor_samples(clip: Any, transfer: str | None = None) -> list[ClipSample]:
    """The samples of frames (N, C, H, W) as :func:`vsdeblur.restore` takes them, without those that repeat.

    Args:
        clip: a float tensor or array.
        transfer: how values are stored; None for linear values.

    Raises:
        ArgumentError: for anything else than frames.
    """
    from vsdeblur.colour.transfer import to_linear

    name = transfer or "linear"
    frames = as_frames(clip, "clip")
    frames = frames[distinct(thumbnails(frames))]
    return clip_samples(to_linear(frames.float().cpu().contiguous(), name), linear=name != "linear")


def map_samples[T](estimate: Callable[[ClipSample], T], samples: Sequence[ClipSample]) -> list[T]:
    """``estimate`` of every sample, on as many threads as torch has.

    Each sample on one: that is faster than all threads on each sample, and no sum depends on their number.
    """
    with single_thread() as count, ThreadPoolExecutor(count) as threads:
        return list(threads.map(estimate, samples))
