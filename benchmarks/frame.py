"""What restoring a picture by itself costs, and that it harms nothing.

python benchmarks/frame.py --photos PHOTOS [--pictures 12] [--threads 2] [--no-drunet]

- Time of restore_frame at 512x512, its blur found by the network or as the camera's path, beside a pass of deepinv's
  DRUNet at that size in the same run (its weights do not matter for that: random ones); memory at 1024x1024 under
  max_memory="512MiB".
- Held-out photographs that are sharp, with noise of 1%: PSNR gained by restoring them, at most 0.2 dB may be lost.
- Pictures that tempt to sharpen: pure noise, flat colour, text, clipped lights. Overshoot: how far values leave the
  range of the input within 15 px, over the picture's whole contrast; the worst thousandth of the pixels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from blurred import held_out
from common import machine, psnr, table
from records import PICTURES, write_results
from torch import Tensor

from vsdeblur.bench.meter import MemoryMeter
from vsdeblur.blind import restore_frame
from vsdeblur.blind.estimate.confidence import confidence
from vsdeblur.blind.estimate.kernels import load_kernel_estimator
from vsdeblur.blind.estimate.path import estimate_path
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.training.photos import read_photo

REPEATS = 2
REACH = 15  # pixels that a value is compared over


def seconds(work: Callable[[], object]) -> float:
    """By the clock, the least of some runs."""
    spent = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return min(spent)


def sharp_pictures(folder: Path, count: int, size: int = 384) -> Iterator[tuple[str, Tensor]]:
    """Crops of held-out photographs made smaller by two: nothing in them is out of focus."""
    for path in held_out(folder, count):
        photo = read_photo(path)
        small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        piece = small[:size, :size].astype(np.float32) / 255
        yield path.stem, torch.from_numpy(piece).permute(2, 0, 1).contiguous()


def temptations() -> Iterator[tuple[str, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    size = 256
    noise = torch.randn(3, size, size, generator=generator)
    yield "noise", 0.5 + 0.1 * noise
    yield "flat", torch.full((3, size, size), 0.4) + 0.002 * noise
    ramp = torch.linspace(0.2, 0.7, size).expand(3, size, size)
    yield "ramp", (ramp * 255).round() / 255
    page = np.full((size, size, 3), 235, np.uint8)
    for k in range(9):
        cv2.putText(
            page, "a page of text 0123", (8, 26 * k + 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1, cv2.LINE_AA
        )
    yield "text", torch.from_numpy(page.astype(np.float32) / 255).permute(2, 0, 1) + 0.004 * noise
    night = np.full((size, size, 3), 0.03, np.float32)
    for k in range(12):
        cv2.circle(night, (20 + 20 * k, 30 + (37 * k) % 200), 2 + k % 4, (1, 1, 1), -1, cv2.LINE_AA)
    yield "lights", torch.from_numpy(night).permute(2, 0, 1).clamp(0, 1) + 0.004 * noise


def overshoot(found: Tensor, given: Tensor) -> float:
    """See the module."""
    side = 2 * REACH + 1
    above = found - F.max_pool2d(given[None], side, 1, REACH)[0]
    below = -F.max_pool2d(-given[None], side, 1, REACH)[0] - found
    out = torch.maximum(above, below).clamp_min(0).flatten()
    worst = out.kthvalue(int(0.999 * out.numel())).values
    return float(worst / (given.amax() - given.amin()).clamp_min(0.02))


def line_blur(picture: Tensor) -> UniformBlur:
    """Of 13 px along rows."""
    kernel = torch.zeros(13, 13)
    kernel[6] = 1 / 13
    return UniformBlur(kernel, (picture.shape[-2], picture.shape[-1]))


def ways(blur: Blur) -> dict[str, Callable[[Tensor], Blur]]:
    """Estimates that take their time and are then restored by, whatever they found: all of the picture is restored."""
    network = load_kernel_estimator()

    def by_network(picture: Tensor) -> Blur:
        network(picture)
        return blur

    def by_path(picture: Tensor) -> Blur:
        found = estimate_path(picture)
        confidence(picture, found)
        return blur

    return {"network": by_network, "path": by_path}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-drunet", action="store_true", help="where deepinv is not installed")
    parser.add_argument("--name", default="frame", help="of the result files")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    photo = next(iter(sharp_pictures(given.photos, 1, 512)))[1]
    moved = F.avg_pool2d(F.pad(photo[None], (6, 6, 0, 0), mode="replicate"), (1, 13), 1)[
        0
    ]  # so that there is work to do
    square = F.interpolate(moved[None], (512, 512), mode="bilinear")[0] + 0.01 * torch.randn(3, 512, 512)
    values: dict[str, object] = {"machine": machine(), "threads": given.threads}
    rows = []
    blur = line_blur(square)
    ours = {name: seconds(partial(restore_frame, square, estimator=find)) for name, find in ways(blur).items()}
    rows += [[f"restore_frame, {name}, 512x512", f"{spent:.2f} s", ""] for name, spent in ours.items()]
    if not given.no_drunet:
        from deepinv.models import DRUNet

        network = DRUNet(pretrained=None).eval()
        with torch.inference_mode():
            theirs = seconds(lambda: network(square[None], 0.05))
        rows.append(["DRUNet, one pass, 512x512", f"{theirs:.2f} s", ""])
        rows += [[f"{name} over DRUNet", f"{spent / theirs:.2f}", "2"] for name, spent in ours.items()]
        values["drunet_seconds"] = theirs
    large = F.interpolate(square[None], (1024, 1024), mode="bilinear")[0]
    with MemoryMeter() as meter:
        restore_frame(large, max_memory="512MiB", estimator=ways(line_blur(large))["network"])
    rows.append(["peak growth at 1024x1024, max_memory 512MiB", f"{meter.peak / 2**20:.0f} MiB", "512"])
    values |= {"seconds": ours, "peak": meter.peak}

    gains = {}
    for k, (name, sharp) in enumerate(sharp_pictures(given.photos, given.pictures)):
        noisy = sharp + 0.01 * torch.randn(sharp.shape, generator=torch.Generator().manual_seed(k))
        gains[name] = psnr(restore_frame(noisy)[0], sharp) - psnr(noisy, sharp)
    rows.append([f"{len(gains)} sharp photographs: mean gain", f"{np.mean(list(gains.values())):+.2f} dB", "-0.2"])
    rows.append(["the worst of them", f"{min(gains.values()):+.2f} dB", "-0.2"])
    shoots = {name: overshoot(restore_frame(picture)[0], picture) for name, picture in temptations()}
    rows += [[f"overshoot, {name}", f"{100 * share:.1f}%", "5%"] for name, share in shoots.items()]
    values |= {"sharp": gains, "overshoot": shoots}
    write_results(given.name, values, table(["", "found", "bar or ratio"], rows), PICTURES)


if __name__ == "__main__":
    main()
