"""What the benchmarks share: a moving picture, one measured run in a process of its own, and tables."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

RATE = 30
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a filter. max_memory: as the filter takes it, None for its default.

    host: "pyav" (``deblur_frames``) or "vapoursynth". speed: of the picture, pixels a frame. steps: of the solver
    instead of the preset's, and one look of the prior; takes less time in the same memory.
    """

    width: int
    height: int
    frames: int
    factor: int
    preset: str = "balanced"
    max_memory: str | None = None
    device: str | None = None
    host: str = "pyav"
    speed: int = 6
    steps: int | None = None
    prior: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """seconds: of processor time that the filter took, without the making of its input (the time on the clock depends
    on what else runs). elapsed: on the clock. peak: growth of the process, bytes.
    """

    seconds: float
    elapsed: float
    peak: int
    outputs: int

    def per_megapixel(self, job: Job) -> float:
        return self.seconds / (self.outputs * job.width * job.height / 1e6)


def measure(job: Job) -> Measured:
    """Run the job in a fresh process, after a first tiny run that loads what is loaded once."""
    command = [sys.executable, __file__, json.dumps(asdict(job))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(json.dumps(asdict(job)), done.stdout.strip(), file=sys.stderr, flush=True)  # hours of it may be interrupted
    return Measured(**json.loads(done.stdout))


def clip_list(name: str) -> Path:
    """The list of that name beside this file ("clips", "real", "hard"), or the file of a list."""
    own = HERE / f"{name}.toml"
    return own if own.exists() else Path(name)


def machine() -> dict[str, Any]:
    import torch

    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    """In Markdown, the first column to the left."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def psnr(found: Tensor, truth: Tensor, cut: int = 0) -> float:
    """dB over all values of two tensors, those found clamped to [0, 1], without ``cut`` px on each side; 90 at most."""
    inside = (..., slice(cut, truth.shape[-2] - cut), slice(cut, truth.shape[-1] - cut))
    return -10 * math.log10(max(float((found[inside].clamp(0, 1) - truth[inside]).square().mean()), 1e-9))


def mean_psnr(u: Tensor, truth: Tensor, factor: int) -> float:
    """Mean over frames (N * factor, C, H, W), values in [0, 1], of each one's PSNR, 60 dB at most; inner periods."""
    inner = slice(factor, -factor)
    return sum(min(psnr(a, b), 60.0) for a, b in zip(u[inner], truth[inner], strict=True)) / len(u[inner])


class Pan:
    """A texture that slides by, blurred by its motion, as yuv420p frames; ``spent``: seconds of processor time."""

    def __init__(self, width: int, height: int, frames: int, speed: int = 6) -> None:
        import numpy as np

        rng = np.random.default_rng(3)
        tile = rng.random((height // 16 + 2, width // 16 + 2)).repeat(16, 0).repeat(16, 1)
        fine = rng.random(tile.shape)
        luma = 30 + 150 * tile + 50 * fine
        blurred = np.mean([np.roll(luma, -step, axis=1) for step in range(speed // 2)], axis=0)
        self._luma = np.rint(blurred[:height]).astype(np.uint8)
        self.shape, self._speed = (width, height, frames), speed
        self.spent = 0.0

    def luma(self, n: int) -> Any:
        import numpy as np

        begin = time.process_time()
        plane = np.roll(self._luma, -self._speed * n, axis=1)[:, : self.shape[0]]
        self.spent += time.process_time() - begin
        return plane

    def __iter__(self) -> Iterator[Any]:
        import av
        import numpy as np
        from av.rational import AVRational

        width, height, frames = self.shape
        for n in range(frames):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = self.luma(n)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = n, AVRational(1, RATE)
            yield frame


def _run(job: Job) -> Measured:
    from vsdeblur.bench.meter import MemoryMeter

    if job.steps is not None:
        from vsdeblur.engine import solve_tiles as key_frames
        from vsdeblur.presets import EFFORTS

        EFFORTS[job.preset] = replace(EFFORTS[job.preset], steps=job.steps)
        if not hasattr(key_frames, "CONTINUATION"):
            raise AttributeError("the looks of the prior are no longer set by engine.key_frames.CONTINUATION")
        key_frames.CONTINUATION = (1.0,)  # type: ignore[assignment]
    options = {"factor": job.factor, "shutter": 0.5, "preset": job.preset}
    options |= {key: value for key in ("max_memory", "device", "prior") if (value := getattr(job, key)) is not None}
    run = {"pyav": _through_pyav, "vapoursynth": _through_vapoursynth}[job.host]
    run(Pan(64, 48, 4), options)
    source = Pan(job.width, job.height, job.frames, job.speed)
    with MemoryMeter() as meter:
        begin, clock = time.process_time(), time.perf_counter()
        outputs = run(source, options)
        seconds, elapsed = time.process_time() - begin - source.spent, time.perf_counter() - clock
    return Measured(seconds, elapsed, meter.peak, outputs)


def _through_pyav(source: Pan, options: dict[str, Any]) -> int:
    from vsdeblur.filters.pyav import deblur_frames

    return sum(1 for _ in deblur_frames(source, **options))


def _through_vapoursynth(source: Pan, options: dict[str, Any]) -> int:
    import numpy as np
    import vapoursynth as vs

    from vsdeblur import deblur

    width, height, length = source.shape
    blank = vs.core.std.BlankClip(
        width=width,
        height=height,
        length=length,
        format=vs.YUV420P8,
        color=[0, 128, 128],
        fpsnum=RATE,
        fpsden=1,
        keep=True,
    )

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), source.luma(n))
        return frame

    return sum(1 for _ in deblur(blank.std.ModifyFrame(blank, paint), **options).frames(close=True))


if __name__ == "__main__":
    print(json.dumps(asdict(_run(Job(**json.loads(sys.argv[1]))))))
