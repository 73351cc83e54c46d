"""OpenCV's Dense Inverse Search flow (Kroeger et al., ECCV 2016), seeded by a global shift where the shake is large."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.crossing import sent
from vsdeblur.tensors import constants

_DIS_MIN_SIDE = 48  # DIS crashes the process on smaller pictures; they are padded
_Grey = NDArray[np.uint8]
_ERRATIC = 0.06  # a global shift beyond this share of the picture's width is more than DIS finds by itself


class DisFlow:
    """``PairwiseFlow`` by OpenCV DIS.

    Args:
        preset: "fast" or "medium".
        halved: As fine as half the resolution, in a fourth of the time.
        workers: Pairs that are worked on at once; each takes memory of its own (``vsdeblur.flow.footprint``).
    """

    on_host = True

    def __init__(self, preset: str = "medium", *, halved: bool = False, workers: int = 1) -> None:
        self._finest = 1 if halved else 0
        self._preset = cv2.DISOPTICAL_FLOW_PRESET_FAST if preset == "fast" else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
        self.workers = workers

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """a, b: (1 or 3, H, W) display values in [0, 1]; returns (2, H, W) pixels, a(x) = b(x + flow(x))."""
        return self.many([(a, b)])[0]

    def many(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """The flow of each pair of pictures of one size; from an accelerator and back by one copy each."""
        if not pairs:
            return []
        pictures = {id(x): x for pair in pairs for x in pair}
        grey = torch.stack([_gray8(x) for x in pictures.values()]).cpu().numpy()
        known = dict(zip(pictures, grey, strict=True))
        with _single_thread:
            found = self._all([(known[id(a)], known[id(b)]) for a, b in pairs])
        height, width = grey.shape[1:]
        flows = [torch.from_numpy(np.ascontiguousarray(x[:height, :width].transpose(2, 0, 1))) for x in found]
        device = pairs[0][0].device
        return flows if device.type == "cpu" else list(sent(torch.stack(flows), device))

    def _all(self, pairs: Sequence[tuple[_Grey, _Grey]]) -> list[NDArray[np.float32]]:
        return list(at_once(lambda pair: self._between(*pair), pairs, self.workers))

    def _between(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        if np.array_equal(first, second):
            return np.zeros((*first.shape, 2), np.float32)
        first, second = _padded(first), _padded(second)
        engine = cv2.DISOpticalFlow.create(self._preset)
        engine.setFinestScale(self._finest)
        nothing = np.zeros((*first.shape, 2), np.float32)
        flow = np.asarray(engine.calc(first, second, nothing), np.float32)
        shift = _global_shift(first, second)
        if np.hypot(*shift) > _ERRATIC * first.shape[1]:
            seeded = np.asarray(engine.calc(first, second, nothing + np.array(shift, np.float32)), np.float32)
            if _mismatch(first, second, seeded) < _mismatch(first, second, flow):
                return seeded
        return flow


def _global_shift(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[float, float]:
    """The camera's translation in pixels by phase correlation, first -> second."""
    scale = max(1, first.shape[1] // 256)
    size = (max(first.shape[1] // scale, 16), max(first.shape[0] // scale, 16))
    small = [cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float32) for x in (first, second)]
    (dx, dy), response = cv2.phaseCorrelate(small[0], small[1], cv2.createHanningWindow(size, cv2.CV_32F))
    if response < 0.1:
        return 0.0, 0.0
    return dx * first.shape[1] / size[0], dy * first.shape[0] / size[1]


def _mismatch(first: NDArray[np.uint8], second: NDArray[np.uint8], flow: NDArray[np.float32]) -> float:
    height, width = first.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.norm(first, moved, cv2.NORM_L1))


def _gray8(image: Tensor) -> Tensor:
    """(H, W) in 0 to 255."""
    gray = (
        image.mean(0)
        if image.shape[0] == 1
        else (image[:3] * constants(image, [0.299, 0.587, 0.114])[:, None, None]).sum(0)
    )
    return (gray.clamp(0, 1) * 255).round().to(torch.uint8)


def _padded(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    down, right = (max(_DIS_MIN_SIDE - n, 0) for n in image.shape)
    return np.pad(image, ((0, down), (0, right)), mode="edge") if down or right else image


class _SingleThread:
    """DIS propagates within stripes, one per thread: one thread, or the result would depend on the machine.

    OpenCV has one number of threads for the whole process: 1 from the first caller's entry to the last one's exit.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                cv2.setNumThreads(self._before)


_single_thread = _SingleThread()
