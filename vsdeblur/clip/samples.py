"""What is looked at of a clip to find out how it was filmed: a few frames at places spread over it, grey and small.

Shutter, readout and gyroscope are all told from the same places.
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
from vsdeblur.flow.pairwise import averaged
from vsdeblur.tensors import as_frames

SPOTS = 6  # places that a clip is looked at in
RUN = 12  # successive frames of a place: several changes of direction of a hand
LONGEST = 1280  # pixels of the pictures
_LARGEST = 65504.0  # of half precision


@dataclass(frozen=True, eq=False)
class Place:
    """Successive frames (n, 1, h, w) of one kind, none of which repeats the one before.

    linear: their values are linear light, and not stored values taken as they are. times: when they are shown, seconds,
    where that is known.
    """

    frames: Tensor
    linear: bool = True
    times: tuple[float, ...] = ()

    @classmethod
    def of(cls, frames: Tensor, *, linear: bool = True, times: tuple[float, ...] = ()) -> Place:
        """Of frames (n, C, H, W), C 1 or 3: kept in half precision, since a clip has many."""
        small = torch.cat([shrunk(frame[None]).clamp(-_LARGEST, _LARGEST).half() for frame in frames])
        return cls(small, linear, times)

    @property
    def scene(self) -> Tensor:
        """The longest run without a cut, (n, 1, h, w) float32."""
        return self.frames[slice(*self._longest)].float()

    @cached_property
    def _longest(self) -> tuple[int, int]:
        ends = [0, *sorted(find_cuts(self.frames)), len(self.frames)]
        return max(pairwise(ends), key=lambda scene: scene[1] - scene[0])


def shrunk(frames: Tensor) -> Tensor:
    """Frames (n, C, H, W) of any device and type as they are looked at: (n, 1, h, w), float32, LONGEST at most."""
    grey = frames.float().cpu().mean(1, keepdim=True)
    return averaged(grey, -(-max(frames.shape[-2:]) // LONGEST))


def spots(total: int) -> list[range]:
    """The frames to look at of ``total``: SPOTS times RUN frames, or all of them where there are no more."""
    if total <= SPOTS * RUN:
        return [range(start, min(start + RUN, total)) for start in range(0, total, RUN)]
    return [range(start, start + RUN) for start in (n * (total - RUN) // (SPOTS - 1) for n in range(SPOTS))]


def places_of(light: Tensor, *, linear: bool = True) -> list[Place]:
    """Of frames (N, C, H, W)."""
    return [Place.of(light[run.start : run.stop], linear=linear) for run in spots(len(light))]


def tensor_places(clip: Any, transfer: str | None = None) -> list[Place]:
    """The places of frames (N, C, H, W) as :func:`vsdeblur.restore` takes them, without those that repeat.

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
    return places_of(to_linear(frames.float().cpu().contiguous(), name), linear=name != "linear")


def each[T](look: Callable[[Place], T], places: Sequence[Place]) -> list[T]:
    """What every place says, on as many threads as torch has.

    Each place on one: that is faster than all threads on each place, and no sum depends on their number.
    """
    with single_thread() as count, ThreadPoolExecutor(count) as threads:
        return list(threads.map(look, places))
