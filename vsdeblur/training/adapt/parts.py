"""Parts of a user's clip: their blurry frames, and the sharp ones that the bundled weights make of them.

Nobody knows the truth of such a clip. What is restored, at two thirds of its size, is sharper than most of what the
clip shows, moves as the clip moves, and is what new blur is made from (``reblurred``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.camera.noise import Noise, sensor_noise
from vsdeblur.colour.transfer import to_linear
from vsdeblur.errors import InputError
from vsdeblur.estimate import estimate_shutter
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.clips import ClipFile, Frames, measured, write_array
from vsdeblur.training.footage import COMB

LENGTH = 8  # frames of a part
MOST = 12  # parts of all clips
SIDE = 288  # pixels of the shorter side that parts are restored at, at most
HELD_OUT = 3  # every third part is for judging
_SHARPER = 2 / 3  # the size of what is taken for sharp
_LEAST_SIDE = 96
_MEASURED = 3  # parts by which shutter and noise are measured


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a clip, in the folder of the run.

    Attributes:
        folder: Of the parts.
        name: Of its files.
        held_out: Whether it is never trained on.
    """

    folder: Path
    name: str
    held_out: bool

    @property
    def blurry(self) -> Tensor:
        """(LENGTH, 3, H, W) in [0, 1], as stored."""
        return torch.from_numpy(np.load(self._blurry)).permute(0, 3, 1, 2).float() / 255

    @property
    def sharp(self) -> ClipFile:
        """Its restored sub-frames, COMB of each frame."""
        return ClipFile(self.folder, self.name)

    @property
    def ready(self) -> bool:
        """Whether its restored sub-frames are there."""
        return (self.folder / f"{self.name}.speeds.npy").exists()

    @property
    def _blurry(self) -> Path:
        return self.folder / f"{self.name}.blurry.npy"

    def write(self, frames: Frames) -> None:
        """Keep its blurry frames (LENGTH, H, W, 3)."""
        write_array(frames, self._blurry)

    def restore(self, shutter: float | None, transfer: str, device: str | None) -> None:
        """Make its sharp sub-frames, unless they are there."""
        if self.ready:
            return
        settings: dict[str, Any] = {"shutter": shutter, "transfer": transfer, "device": device, "duplicates": False}
        u = restore(self.blurry, COMB, preset="balanced", scene_cuts=False, **settings)
        frames = [_scaled(x.permute(1, 2, 0).mul(255).round_().clamp_(0, 255).byte().numpy(), _SHARPER) for x in u]
        write_array(np.stack(frames), self.folder / f"{self.name}.frames.npy")
        write_array(measured(frames), self.folder / f"{self.name}.speeds.npy")  # last: it says that all is there


def find_parts(clips: Sequence[Path], folder: Path, most: int | None = None) -> list[Part]:
    """The parts of clips, evenly over each, every third held out; decoded into ``folder`` unless they are there.

    Args:
        clips: Video files.
        folder: For the parts.
        most: Of all clips, None for MOST; two of each in any case.

    Raises:
        InputError: A clip cannot be read, is too small, or is too short for a part to learn from and one to judge by.
    """
    from vsdeblur.filters.pyav.file.read import count_frames, read_rgb

    each = max((most or MOST) // len(clips), 2)
    parts: list[Part] = []
    for number, path in enumerate(clips):
        total = count_frames(path)
        count = min(total // LENGTH, each)
        if count < 2:
            raise InputError(f"{path}: it has {total} frames, at least {2 * LENGTH} are needed to learn and to judge")
        starts = [(total - LENGTH) * k // (count - 1) for k in range(count)]
        # The second of every three: of two parts one is held out, and neighbours of a held-out part are trained on.
        found = [Part(folder, f"{number:02d}-{start:06d}", k % HELD_OUT == 1) for k, start in enumerate(starts)]
        parts += found
        if all(part._blurry.exists() for part in found):
            continue
        frames = read_rgb(path, 0, None)
        done = 0
        for part, start in zip(found, starts, strict=True):
            piece = list(islice(frames, start - done, start - done + LENGTH))
            done = start + LENGTH
            if len(piece) < LENGTH:
                raise InputError(f"{path}: it has fewer frames than it says, and so no part from frame {start} on")
            part.write(np.stack([_fitting(frame, path) for frame in piece]))
    return parts


def estimated_shutter(parts: Sequence[Part], transfer: str) -> float:
    """The mean of the parts' estimates, by their confidence; half of the period where nothing moves."""
    found = [estimate_shutter(part.blurry, transfer) for part in parts[:_MEASURED]]
    total = sum(one.confidence for one in found)
    if total < 0.1:
        return 0.5
    return sum(one.shutter * one.confidence for one in found) / total


def filmed_by(parts: Sequence[Part], shutter: float, transfer: str) -> Camera:
    """The camera of parts: of shot and of read noise the median over parts.

    Args:
        parts: Of one camera.
        shutter: Of it.
        transfer: How values are stored; "linear" where blur is a mean of the values as they are.
    """
    camera = Camera(shutter, transfer != "linear")
    found = [sensor_noise(to_linear(part.blurry, camera.curve)) for part in parts[:_MEASURED]]
    shot, read = (float(np.median(values)) for values in ([x.shot for x in found], [x.read for x in found]))
    return replace(camera, noise=Noise(shot, read))


def restore_parts(
    parts: Sequence[Part], shutter: float | None, transfer: str, device: str | None, going_on: Callable[[], bool]
) -> list[Part]:
    """Those to learn from, with their sharp sub-frames; as many as there is time for, at least one."""
    ready: list[Part] = []
    for part in (part for part in parts if not part.held_out):
        if ready and not part.ready and not going_on():
            break
        part.restore(shutter, transfer, device)
        ready.append(part)
    return ready


def _fitting(frame: Frames, path: Path) -> Frames:
    shorter = min(frame.shape[:2])
    if shorter < _LEAST_SIDE:
        raise InputError(f"{path}: its shorter side has {shorter} pixels, at least {_LEAST_SIDE} are needed")
    return _scaled(frame, SIDE / shorter)


def _scaled(frame: Frames, scale: float) -> Frames:
    """By area averaging; both sides even."""
    if scale >= 1:
        return np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
    size = [2 * round(x * scale / 2) for x in frame.shape[1::-1]]
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
