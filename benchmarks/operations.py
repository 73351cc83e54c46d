"""What each preset does per output pixel: calls, pixels, time and bytes of each family of operations.

python benchmarks/operations.py [--presets fast balanced best] [--size 416x234] [--periods 3] [--factor 8]

One thread, one restoration of the demo's scene. Every call of torch, of the native kernels and of OpenCV's flow is
timed by itself and put into a family by its name; what is left of an unobserved run is Python. Pixels are those of what
a call writes, without channels; bytes those that it reads and writes at least once.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from common import machine, table
from records import SCENES, write_results
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from vsdeblur.flow.dis import DisFlow
from vsdeblur.native import kernels
from vsdeblur.settings import PRESETS

# The family of a call, by the beginning of its name; of native kernels and of torch's operators.
FAMILIES = {
    "mean along a path": ("mean_along", "finer"),
    "its transpose": ("spread_along", "coarser"),
    "warps": ("sample", "warp", "pull", "grid_sampler_2d."),
    "their transposes": ("spread", "grid_sampler_2d_backward"),
    "DIS": ("DIS",),
    "convolutions": ("conv", "mkldnn_conv", "_slow_conv", "thnn_conv", "addmm", "mm.", "bmm"),
    "pooling": ("avg_pool", "_adaptive_avg_pool", "max_pool"),
    "resampling": ("upsample", "pixel_shuffle", "pixel_unshuffle", "im2col", "replication_pad", "reflection_pad"),
    "spectra, medians, sorting": ("_fft", "median", "sort", "topk", "kthvalue", "quantile"),
    "copies": ("copy", "clone", "_to_copy", "cat", "stack", "fill", "zeros", "new_zeros", "zero", "constant_pad"),
}
REST, PYTHON = "values one by one, and sums", "Python and the rest"


@dataclass(slots=True)
class Spent:
    """What a family took: calls, pixels written, bytes read and written, processor seconds."""

    calls: int = 0
    pixels: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def add(self, pixels: int, size: int, seconds: float) -> None:
        self.calls += 1
        self.pixels += pixels
        self.bytes += size
        self.seconds += seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--size", default="416x234")
    parser.add_argument("--periods", type=int, default=3)
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--name", default="operations", help="of the result files")
    given = parser.parse_args()
    torch.set_num_threads(1)
    width, height = map(int, given.size.split("x"))
    v = blurry_clip(width, height, given.periods, given.factor)
    outputs = len(v) * given.factor * width * height
    parts, values = [], {"machine": machine(), "output_pixels": outputs}
    for preset in given.presets:
        found = observed(restoration(v, given.factor, preset))
        total = sum(spent.seconds for spent in found.values())
        rows = [row(name, spent, outputs, total) for name, spent in found.items() if spent.calls or spent.seconds]
        rows.append(["all", "", "", f"{total / outputs * 1e9:.0f}", "100 %", ""])
        head = [f"{preset}, {given.size}, x{given.factor}", "calls", "pixels per output pixel"]
        parts.append(table([*head, "ns per output pixel", "share", "bytes per output pixel"], rows))
        values[preset] = {name: {k: getattr(spent, k) for k in Spent.__slots__} for name, spent in found.items()}
    write_results(given.name, values, "\n\n".join(parts), SCENES)


def row(name: str, spent: Spent, outputs: int, total: float) -> list[str]:
    if not spent.calls:
        return [name, "", "", f"{spent.seconds / outputs * 1e9:.1f}", f"{100 * spent.seconds / total:.0f} %", ""]
    times = f"{spent.seconds / outputs * 1e9:.1f}", f"{100 * spent.seconds / total:.0f} %"
    return [name, str(spent.calls), f"{spent.pixels / outputs:.1f}", *times, f"{spent.bytes / outputs:.0f}"]


def blurry_clip(width: int, height: int, periods: int, factor: int) -> Tensor:
    """The demo's scene through a shutter that is always open, (periods, 3, height, width)."""
    from vsdeblur.synthetic.scene import Scene, film

    _, blurry = film(Scene(width, height), periods, factor, 1.0, lambda light: light ** (1 / 2.2))
    return torch.from_numpy(blurry).permute(0, 3, 1, 2).float().div_(255)


def restoration(v: Tensor, factor: int, preset: str) -> Callable[[], object]:
    from vsdeblur import restore

    return lambda: restore(v, factor=factor, shutter=1.0, transfer="linear", preset=preset, quadrature="taps")


def observed(job: Callable[[], object]) -> dict[str, Spent]:
    """What each family took in one run, and as Python what an unobserved run took beyond that; largest first."""
    job()  # loads what is loaded once
    begin = time.process_time()
    job()
    plain = time.process_time() - begin
    found: dict[str, Spent] = defaultdict(Spent)
    with ExitStack() as stack:
        stack.enter_context(patch.object(kernels, "_run", native_counted(kernels._run, found)))
        stack.enter_context(patch.object(DisFlow, "_between", flow_counted(DisFlow._between, found)))
        stack.enter_context(TorchCounted(found))
        job()
    found[PYTHON].seconds = max(plain - sum(spent.seconds for spent in found.values()), 0.0)
    return dict(sorted(found.items(), key=lambda item: -item[1].seconds))


def family(name: str) -> str:
    """Where a call belongs, by its name."""
    plain = name.lstrip("_") if name.startswith("_to") else name
    return next((title for title, names in FAMILIES.items() if plain.startswith(names)), REST)


def native_counted(run: Callable[..., None], found: dict[str, Spent]) -> Callable[..., None]:
    """Run a native kernel, and count it; the last picture among its arguments is what it writes."""

    def counted(name: str, rows: int, work: int, *arguments: Any, **more: Any) -> None:
        begin = time.thread_time()
        run(name, rows, work, *arguments, **more)
        seconds = time.thread_time() - begin
        pictures = [one for one in arguments if hasattr(one, "height")]
        written = [one for one in pictures if hasattr(one, "values")][-1]
        size = sum(4 * one.height * one.width * getattr(one, "channels", 4) for one in pictures)
        found[family(name)].add(written.height * written.width, size, seconds)

    return counted


def flow_counted(between: Callable[..., Any], found: dict[str, Spent]) -> Callable[..., Any]:
    def counted(flow: DisFlow, first: Any, second: Any) -> Any:
        begin = time.thread_time()
        result = between(flow, first, second)
        found["DIS"].add(first.size, first.nbytes + second.nbytes + result.nbytes, time.thread_time() - begin)
        return result

    return counted


class TorchCounted(TorchDispatchMode):
    """Every operator of torch that computes something."""

    def __init__(self, found: dict[str, Spent]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        begin = time.thread_time()
        result = func(*args, **(kwargs or {}))
        seconds = time.thread_time() - begin
        written = list(tensors([result]))
        read = list(tensors([*args, *(kwargs or {}).values()]))
        views = {x.untyped_storage().data_ptr() for x in read}
        if not func._schema.is_mutable and all(x.untyped_storage().data_ptr() in views for x in written):
            return result  # a view computes nothing: its time is Python's
        pixels = sum(x.numel() // (x.shape[-3] if x.ndim > 2 else 1) for x in written)
        size = sum(x.numel() * x.element_size() for x in (*written, *read))
        self.found[family(func.__name__)].add(pixels, size, seconds)
        return result


def tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors(value)


if __name__ == "__main__":
    main()
