"""All that only an accelerator can tell: is it right, how much memory, how fast, where the time goes, half precision.

python benchmarks/gpu.py [--device cuda] [--sizes 1920x1080 3840x2160] [--presets fast balanced best] [--minutes 9.5]
                         [--factor 4] [--small 320x180] [--parts right fast ...] [--name gpu]

Parts follow one another while there is time; one that fails or finds none says so, and the next begins. On a processor
it is a rehearsal, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from common import machine, table
from records import HOSTS, write_results
from torch import Tensor

from vsdeblur.device import choose_device
from vsdeblur.engine.chunks import ChunkWindow, chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid, by_factor
from vsdeblur.native import on_gpu
from vsdeblur.restore import TensorSource
from vsdeblur.settings import PRESETS, parse_options
from vsdeblur.synthetic.scene import Scene, film

FLOWS = ("dis", "blur", "paths")
_NETWORKS = ("vsdeblur.solver.unrolled.stage", "vsdeblur.solver.unrolled.instants", "vsdeblur.flow.path_motion")
PARTS = ["right", "fast", "shares", "half", "switches", "training"]
SWITCHES: dict[str, dict[str, str]] = {  # that are off until this has measured them
    "none": {},
    "kernels in Triton": {"VSDEBLUR_TRITON": "1"},
    "compiled, inductor": {"VSDEBLUR_COMPILE": "inductor"},
    "compiled, cudagraphs": {"VSDEBLUR_COMPILE": "cudagraphs"},
}
_STEPS = 30  # of training that are timed

Rows = list[list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default=None, help="the best there is unless given")
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "3840x2160"])
    parser.add_argument("--small", default="320x180", help="of what is compared with the processor")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--steps", type=int, default=_STEPS, help="of training")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--name", default="gpu", help="of the result files")
    given = parser.parse_args()
    device = choose_device(given.device)
    if device.type == "cpu":
        print("no accelerator: a rehearsal on the processor, of which nothing is written", flush=True)
    end = time.monotonic() + 60 * given.minutes
    parts: list[tuple[str, list[str], Callable[[], Iterator[list[str]]]]] = [
        ("right", ["against the processor", "largest difference", "PSNR, dB"], lambda: right(device, given)),
        (
            "fast",
            ["size, preset", "outputs a second", "ms an output", "peak, MiB", "reserved, MiB", "planned, MiB"],
            lambda: fast(device, given),
        ),
        ("shares", ["operation", "share of the device's time", "calls a chunk"], lambda: shares(device, given)),
        (
            "half",
            ["preset, networks in", "ms an output", "largest difference", "PSNR, dB"],
            lambda: half(device, given),
        ),
        (
            "switches",
            ["preset, switch", "ms an output", "largest difference", "PSNR, dB"],
            lambda: switches(device, given),
        ),
        ("training", ["recipe, precision", "steps a second"], lambda: training(device, given)),
    ]
    texts: list[str] = []
    values: dict[str, Any] = {"machine": machine(), "device": str(device)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was measured is written all the same
    for name, head, part in (part for part in parts if part[0] in given.parts):
        rows: Rows = []
        try:
            for row in part() if time.monotonic() < end else ():
                print(name, *row, sep=" | ", flush=True)
                rows.append(row)
                if time.monotonic() > end:
                    break
        except KeyboardInterrupt:
            end = 0.0
        except Exception as error:  # one part must not hide what the others find
            print(name, type(error).__name__, error, sep=" | ", flush=True)
            rows.append([f"{type(error).__name__}: {error}".splitlines()[0]] + [""] * (len(head) - 1))
        if time.monotonic() > end:
            rows.append(["no time for more"] + [""] * (len(head) - 1))
        texts.append(f"{name}\n\n" + table(head, rows))
        values[name] = rows
    if device.type != "cpu":
        write_results(given.name, values, "\n\n".join(texts), HOSTS)


def right(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """The device's results against the processor's, for each preset and flow."""
    for preset in given.presets:
        for flow in FLOWS:
            known, found = (restored(given.small, place, given, preset=preset, flow=flow) for place in ("cpu", device))
            yield [f"{preset}, {flow}", *difference(found, known)]


def fast(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """Outputs a second of whole chunks, and their memory."""
    for size in given.sizes:
        for preset in given.presets:
            engine, part = chunk(size, device, given, preset=preset)
            consume(part, engine)  # loads and tunes what is loaded and tuned once
            reset_peak(device)
            seconds, count = consume(part, engine)
            peak, reserved = peaks(device)
            planned = engine.plan.peak_bytes / 2**20
            row = [f"{count / seconds:.2f}", f"{1000 * seconds / count:.1f}", f"{peak:.0f}", f"{reserved:.0f}"]
            yield [f"{size}, {preset}", *row, f"{planned:.0f}"]


def shares(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """The operations that take the most of the device's time in a chunk of the first size."""
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    for preset in given.presets:
        engine, part = chunk(given.sizes[0], device, given, preset=preset)
        consume(part, engine)
        with profile(activities=kinds) as found:
            consume(part, engine)
        events = found.key_averages()
        own = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
        times = sorted(((getattr(event, own), event.key, event.count) for event in events), reverse=True)
        total = sum(spent for spent, _, _ in times) or 1
        for spent, name, count in times[:12]:
            yield [f"{preset}: {name}", f"{100 * spent / total:.1f}%", str(count)]


def half(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """The networks that correct pictures in half precision: time, and what it changes."""
    for preset in [preset for preset in given.presets if preset != "fast"]:
        with networks_in(torch.float32):
            known = restored(given.small, device, given, preset=preset)
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            with networks_in(dtype):
                found = restored(given.small, device, given, preset=preset)
                engine, part = chunk(given.sizes[0], device, given, preset=preset)
                consume(part, engine)
                seconds, count = consume(part, engine)
            name = f"{preset}, {str(dtype).removeprefix('torch.')}"
            yield [name, f"{1000 * seconds / count:.1f}", *difference(found, known)]


def switches(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """What VSDEBLUR_TRITON and VSDEBLUR_COMPILE gain, and what they change."""
    for preset in given.presets:
        known = restored(given.small, device, given, preset=preset)
        for name, variables in SWITCHES.items():
            with patch.dict(os.environ, variables):
                on_gpu.asked.cache_clear()
                found = restored(given.small, device, given, preset=preset)
                engine, part = chunk(given.sizes[0], device, given, preset=preset)
                consume(part, engine)
                seconds, count = consume(part, engine)
            yield [f"{preset}, {name}", f"{1000 * seconds / count:.1f}", *difference(found, known)]
    on_gpu.asked.cache_clear()


def training(device: torch.device, given: argparse.Namespace) -> Iterator[list[str]]:
    """Steps a second of two recipes on one drawn scene that is shown again and again."""
    import cv2
    import numpy as np

    from vsdeblur.training.blurry import BlurryScenes, PathScenes
    from vsdeblur.training.loop import Course, train
    from vsdeblur.training.material import Material
    from vsdeblur.training.photos import find_photos
    from vsdeblur.training.recipes.motion import MotionRecipe
    from vsdeblur.training.recipes.paths import PathRecipe

    with TemporaryDirectory() as folder:
        for seed in range(4):
            picture = np.rint(255 * Scene(300, 400, seed).at(0.0)).astype(np.uint8)
            cv2.imwrite(str(Path(folder) / f"{seed}.png"), picture)
        scenes = PathScenes(Material(find_photos(Path(folder))[0]))
        sample = BlurryScenes(scenes)(np.random.default_rng(0))
        for recipe in (MotionRecipe(), PathRecipe(10_000)):
            for precise in (True, False):
                out = Path(folder) / f"{recipe.name}-{precise}"
                course = Course(1.0, device=str(device), steps=given.steps, half_precision=not precise)
                state = train(recipe, Shown(sample), out, course)
                yield [f"{recipe.name}, {'float32' if precise else 'bfloat16'}", f"{state.step / state.seconds:.2f}"]


class Shown:
    """One sample as a source of all."""

    def __init__(self, sample: dict[str, Tensor]) -> None:
        self.sample = sample

    def available(self, step: int) -> int:
        return 1

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return self.sample


def chunk(
    size: str, device: torch.device | str, given: argparse.Namespace, **options: Any
) -> tuple[Engine, ChunkWindow[Any]]:
    """An engine, and a chunk of its grid away from the clip's ends."""
    width, height = map(int, size.split("x"))
    asked = parse_options(factor=given.factor, shutter=0.6, device=str(device), duplicates=False, **options)
    engine = Engine(asked, height, width, 3)
    grid = Grid.of(engine.plan, asked)
    frames = min(grid.length, 4) + 2 * grid.halo
    blurry = film(Scene(height, width), frames, 4, 0.6, lambda light: light)[1]
    light = torch.from_numpy(blurry).permute(0, 3, 1, 2).float().div_(255)
    return engine, next(chunk_windows(TensorSource(light), grid, asked, by_factor(asked)))


def restored(size: str, device: torch.device | str, given: argparse.Namespace, **options: Any) -> Tensor:
    engine, part = chunk(size, device, given, **options)
    return torch.stack([picture for _, picture in replace(part).restore(engine)])


def consume(part: ChunkWindow[Any], engine: Engine) -> tuple[float, int]:
    """Seconds, and outputs, which come to the processor: nothing is left under way."""
    begin = time.perf_counter()
    count = sum(1 for _ in replace(part).restore(engine))
    return time.perf_counter() - begin, count


def difference(found: Tensor, known: Tensor) -> list[str]:
    error = (found - known).double()
    return [f"{float(error.abs().max()):.1e}", f"{-10 * float(error.square().mean().clamp(min=1e-12).log10()):.1f}"]


@contextmanager
def networks_in(dtype: torch.dtype) -> Iterator[None]:
    first, second, third = (patch(f"{module}.network_dtype", lambda _: dtype) for module in _NETWORKS)
    with first, second, third:
        yield


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peaks(device: torch.device) -> tuple[float, float]:
    """MiB that were allocated and reserved at most; 0 where torch does not count."""
    if device.type != "cuda":
        return 0.0, 0.0
    return torch.cuda.max_memory_allocated(device) / 2**20, torch.cuda.max_memory_reserved(device) / 2**20


if __name__ == "__main__":
    main()
