"""The demo: films the synthetic scene with a slow shutter, restores it, and compares with what was there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from vsdeblur.bench.judge import Judge, Score
from vsdeblur.bench.protocol import Frames, to_8bit
from vsdeblur.errors import InputError
from vsdeblur.synthetic.scene import Image, Scene, film

RATE = Fraction(30)
FACTOR = 8
SHUTTER = 0.75
TRANSFER = "bt709"
PERIODS = 8
SIZE = (160, 288)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the camera saw, what came out, and the truth; all (T, H, W, 3) uint8."""

    blurry: Frames
    sharp: Frames
    truth: Frames
    seconds: float

    def scores(self) -> tuple[Score, Score]:
        """Of repeating the blurry frame, and of the restored frames."""
        judge = Judge(self.truth, self.blurry, FACTOR, round(SHUTTER * FACTOR))
        return judge(np.repeat(self.blurry, FACTOR, axis=0)), judge(self.sharp)


def shoot(size: tuple[int, int] = SIZE, periods: int = PERIODS) -> tuple[Frames, Frames]:
    """(truth, blurry): the scene as it was, and through a shutter that was open for SHUTTER of each period."""
    import torch

    from vsdeblur.colour.transfer import from_linear

    def encode(light: Image) -> Image:
        encoded: Image = from_linear(torch.from_numpy(light), TRANSFER).numpy()
        return encoded

    return film(Scene(*size), periods, FACTOR, SHUTTER, encode)


def restore_clip(truth: Frames, blurry: Frames, preset: str = "balanced", device: str | None = None) -> Demo:
    """Restores the blurry clip and scores it."""
    import torch

    from vsdeblur import restore

    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    begin = time.perf_counter()
    u = restore(v, factor=FACTOR, shutter=SHUTTER, transfer=TRANSFER, preset=preset, device=device)
    seconds = time.perf_counter() - begin
    return Demo(blurry, to_8bit(u.permute(0, 2, 3, 1).cpu().numpy()), truth, seconds)


def write(demo: Demo, folder: Path) -> list[Path]:
    """blurry.mp4, sharp.mp4, compare.mp4 (slowed, side by side) and before-after.png in ``folder``, made if need be."""
    import cv2

    from vsdeblur.filters.pyav.file.write import write_mp4

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
    paths = [folder / name for name in ("blurry.mp4", "sharp.mp4", "compare.mp4", "before-after.png")]
    write_mp4(paths[0], demo.blurry, RATE)
    write_mp4(paths[1], demo.sharp, RATE * FACTOR)
    write_mp4(paths[2], _side_by_side(demo), RATE)
    middle = len(demo.blurry) // 2
    shown = middle * FACTOR + round(SHUTTER * FACTOR) // 2
    strip = np.concatenate([demo.blurry[middle], demo.sharp[shown], demo.truth[shown]], axis=1)
    large = cv2.resize(strip, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    if not cv2.imwrite(str(paths[3]), large[..., ::-1]):
        raise InputError(f"{paths[3]}: cannot be written")
    return paths


def _side_by_side(demo: Demo) -> Iterator[Frames]:
    for k, (sharp, truth) in enumerate(zip(demo.sharp, demo.truth, strict=True)):
        yield np.concatenate([demo.blurry[k // FACTOR], sharp, truth], axis=1)
