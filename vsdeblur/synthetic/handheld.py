"""A picture seen by a camera in somebody's hand, through a rolling shutter: synthetic scenes with known readout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vsdeblur.synthetic.scene import Scene

Array = npt.NDArray[np.floating[Any]]

MARGIN = 48  # pixels of a picture beyond what is seen
_TONES = 6
_TAPS = 10  # instants of an exposure


@dataclass(frozen=True, slots=True)
class Hand:
    """Sums of sines: frequencies (n, 3) in cycles per period, phases, amplitudes; drift (3,) per period.

    Of shift x and y in pixels and turn in radians.
    """

    frequencies: Array
    phases: Array
    amplitudes: Array
    drift: Array

    @classmethod
    def of(cls, kind: str, seed: int) -> Hand:
        """kind: "held" (slow, 4 px), "walking" (14 px), "tremor" (quick, 1 px), "pan" or "still" (steady)."""
        rng = np.random.default_rng(seed)
        low, high, size, turn, pan = {
            "held": (0.03, 0.25, 4.0, 0.004, 1.5),
            "walking": (0.03, 0.12, 14.0, 0.01, 1.5),
            "tremor": (0.1, 0.4, 1.2, 0.002, 1.5),
            "pan": (0.1, 0.1, 0.0, 0.0, 6.0),
            "still": (0.1, 0.1, 0.0, 0.0, 0.0),
        }[kind]
        frequencies = rng.uniform(low, high, (_TONES, 3))
        amplitudes = rng.normal(0, 1, (_TONES, 3)) * [size, size, turn] * np.sqrt(low / frequencies)
        drift = np.array([pan, 0.2 * pan, 0.0]) * rng.uniform(0.5, 1.0)
        return cls(frequencies, rng.uniform(0, 2 * np.pi, (_TONES, 3)), amplitudes, drift)

    def at(self, times: Array) -> Array:
        """(t, 3) at instants (t,), in periods."""
        angles = 2 * np.pi * times[:, None, None] * self.frequencies + self.phases
        path: Array = times[:, None] * self.drift + (self.amplitudes * np.sin(angles)).sum(1)
        return path


def picture(height: int, width: int, seed: int) -> Array:
    """What there is to see around a view of height x width: (h, w, 3), linear light."""
    return Scene(height + 2 * MARGIN, width + 2 * MARGIN, seed).at(0.0)


def view(whole: Array, hand: Hand, times: Array, height: int, width: int) -> Array:
    """``whole`` as it is seen at times (height,), one for each row: (height, width, channels)."""
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    shift_x, shift_y, turn = hand.at(times).T[..., None]
    c, s = np.cos(turn), np.sin(turn)
    middle = (np.array(whole.shape[1::-1]) - 1) / 2
    there = (c * x - s * y + shift_x + middle[0], s * x + c * y + shift_y + middle[1])
    maps = [one.astype(np.float32) for one in there]
    return np.asarray(cv2.remap(whole, maps[0], maps[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def film(
    whole: Array, hand: Hand, frames: int, shutter: float, readout: float, size: tuple[int, int], taps: int = _TAPS
) -> Array:
    """What the camera records: (frames, *size, channels), linear light. shutter, readout: in periods."""
    delays = readout * np.arange(size[0]) / size[0]
    instants = shutter * (np.arange(taps) + 0.5) / taps
    return np.stack(
        [np.mean([view(whole, hand, n + t + delays, *size) for t in instants], axis=0) for n in range(frames)]
    )
