"""How often one chunk waits for the device and copies to or from it: python -m tests.gpu.counts [PRESET ...]."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from tests.support.cuda import Accelerator, simulated
from tests.support.native import torch_alone
from vsdeblur.engine.chunks import chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid, by_factor
from vsdeblur.restore import TensorSource
from vsdeblur.settings import parse_options
from vsdeblur.synthetic.scene import Scene, film

PRESETS, FLOWS = ("fast", "balanced", "best"), ("dis", "blur", "paths")


def blurry(count: int = 5, height: int = 32, width: int = 48) -> Tensor:
    """(count, 3, height, width): objects that pass over a panning ground, display values."""
    filmed = film(Scene(height, width), count, 8, 1.0, lambda light: light)[1]
    return torch.from_numpy(filmed).permute(0, 3, 1, 2).float() / 255


@contextmanager
def as_on_the_device() -> Iterator[None]:
    """The CPU computes as the device does: by torch, and networks in full precision."""
    with torch_alone(), patch("torch.cpu._is_avx512_bf16_supported", lambda: False):
        yield


def pictures_of(v: Tensor, device: str, counted: Accelerator | None = None, **given: Any) -> tuple[Tensor, int, int]:
    """A clip's restored pictures, and the most waits and copies of a chunk, where they are counted."""
    options = parse_options(**{"factor": 2, "shutter": 1.0, "device": device, "duplicates": False, **given})
    engine = Engine(options, v.shape[2], v.shape[3], v.shape[1])
    pictures, syncs, copies = [], 0, 0
    for part in chunk_windows(TensorSource(v), Grid.of(engine.plan, options), options, by_factor(options)):
        if counted is not None:
            counted.syncs.clear()
            counted.copies.clear()
        pictures += [picture for _, picture in part.restore(engine)]
        if counted is not None:
            syncs, copies = max(syncs, counted.syncs.total()), max(copies, counted.copies.total())
    return torch.stack(pictures), syncs, copies


def _lines(counts: Counter[str]) -> str:
    return ", ".join(f"{line}: {times}" for line, times in counts.most_common(12))


def main(presets: list[str]) -> None:
    v = blurry(height=48, width=64)
    for preset in presets or PRESETS:
        for flow in FLOWS:
            given: dict[str, Any] = {"preset": preset, "flow": flow, "factor": 4}
            with as_on_the_device():
                known, _, _ = pictures_of(v, "cpu", **given)
            with torch_alone(), simulated() as device:
                found, syncs, copies = pictures_of(v, "cuda", device, **given)
            off = float((found - known).abs().max())
            print(f"{preset:9} {flow:6} waits {syncs:5} copies {copies:5} off the CPU by {off:.1e}")  # noqa: T201
            print(f"    waits at {_lines(device.syncs)}\n    copies at {_lines(device.copies)}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
