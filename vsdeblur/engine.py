"""The engine: a window of linear-light frames in, restored frames at the asked instants out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vsdeblur.options import Options
from vsdeblur.window import Window


class Plan:
    """What the engine will use: chunk length and halo in source frames, tile size in pixels, peak bytes."""

    def __init__(self, chunk: int, halo: int, tile: tuple[int, int], peak_bytes: int) -> None:
        self.chunk, self.halo, self.tile, self.peak_bytes = chunk, halo, tile, peak_bytes


class Engine:
    def __init__(self, options: Options, height: int, width: int, channels: int = 3, *, host_bytes: int = 0) -> None:
        """host_bytes: bytes that one output frame takes in the host's own format (they wait in the host's memory)."""
        self.options = options
        self.plan = Plan(4, 2, (height, width), 0)

    def find_cuts(self, window: Window) -> frozenset[int]:
        return window.cuts

    def restore(self, window: Window, instants: Sequence[float]) -> Iterator[Tensor]:
        """Yield one (C, H, W) float32 CPU tensor per instant, in order.

        instants: ascending, in source periods from the clip's frame 0, all within the chunk's frames
        [window.start + window.first, ... + window.count).
        """
        for t in instants:
            n = min(max(int(t) - window.start, 0), len(window.frames) - 1)
            yield window.frames[n].clone()


def choose_device(name: str | None) -> torch.device:
    return torch.device(name or "cpu")
