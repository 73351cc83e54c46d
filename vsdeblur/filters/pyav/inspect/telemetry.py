"""What a camera wrote into its file: exposure times, readout; GoPro and others, by the package telemetry-parser."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdeblur.calibration.gyro.fit import GyroAngles

PACKAGE = "telemetry_parser"
_READOUT = "0x53524f54"  # GoPro's "SROT", sensor readout time in milliseconds
_STABILISED = "0x45495341"  # GoPro's "EISA", the kind of electronic stabilisation; "N" for none


@dataclass(frozen=True, slots=True)
class Exposures:
    """times: seconds from the file's start, ascending; values: exposure times there, in seconds. camera: its name."""

    camera: str
    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, time: float) -> float:
        """The exposure of the frame at ``time``: the nearest one written."""
        after = bisect_left(self.times, time)
        around = [n for n in (after - 1, after) if 0 <= n < len(self.times)]
        return self.values[min(around, key=lambda n: abs(self.times[n] - time))]

    def part(self, period: float) -> float:
        """The usual exposure as a part of ``period`` seconds, in (0, 1]."""
        return min(median(self.values) / period, 1.0)


def installed() -> bool:
    """Whether the package that reads telemetry is installed."""
    return find_spec(PACKAGE) is not None


def read_exposures(path: str, rate: Fraction | None) -> Exposures | None:
    """The exposure times of the frames in a file's telemetry; None without any. rate: frames per second."""
    if not rate or not installed():
        return None
    camera, samples = _read(path)
    return from_samples(camera, samples, float(rate))


def camera_readout(path: str) -> tuple[str, float | None, bool]:
    """The camera, its readout in seconds, None without one, and whether it stabilised the picture."""
    camera, samples = _read(path) if installed() else ("", ())
    return camera, readout_from(samples), stabilised(samples)


def readout_from(samples: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds, from blocks of telemetry; None without one."""
    for sample in samples:
        for group in sample.values():
            milliseconds = group.get(_READOUT) if isinstance(group, Mapping) else None
            if milliseconds is not None:
                return float(milliseconds) / 1000
    return None


def stabilised(samples: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the camera moved the picture against its own motion, by blocks of telemetry."""
    modes = [group.get(_STABILISED) for sample in samples for group in sample.values() if isinstance(group, Mapping)]
    return any(mode not in (None, "", "N") for mode in modes)


def read_gyro_angles(path: str) -> GyroAngles | None:
    """What the gyroscope measured, seconds from the file's start; None where there is none."""
    samples = [one for one in _read_gyro(path) if one.get("gyro")] if installed() else []
    if len(samples) < 2:
        return None
    import numpy as np

    from vsdeblur.calibration.gyro.fit import GyroAngles

    times = np.array([one["timestamp_ms"] for one in samples]) / 1000
    rates = np.radians(np.array([one["gyro"] for one in samples], np.float64))
    return GyroAngles.of(times, rates)


def _read_gyro(path: str) -> Sequence[Mapping[str, Any]]:
    """Samples of degrees per second at times in ms; none for files that the package cannot read."""
    try:
        samples: Sequence[Mapping[str, Any]] = import_module(PACKAGE).Parser(path).normalized_imu()
        return samples
    except OSError:
        return ()


def _read(path: str) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The camera's name and its blocks of telemetry; none for files that the package cannot read."""
    try:
        parser = import_module(PACKAGE).Parser(path)
        return f"{parser.camera} {parser.model or ''}".strip(), parser.telemetry()
    except OSError:
        return "", ()


def from_samples(camera: str, samples: Sequence[Mapping[str, Any]], rate: float) -> Exposures | None:
    """samples: successive blocks of telemetry, each of the same time; some hold an exposure time for each frame."""
    blocks = [[float(x) for x in _data(sample) if x > 0] for sample in samples]
    counts = [len(block) for block in blocks if block]
    if not counts:
        return None
    length = median(counts) / rate
    pairs = [(n * length + k / rate, value) for n, block in enumerate(blocks) for k, value in enumerate(block)]
    times, values = zip(*sorted(pairs), strict=True)
    return Exposures(camera, times, values)


def _data(sample: Mapping[str, Any]) -> Sequence[float]:
    data = sample.get("Exposure", {}).get("Data", ())
    return data if isinstance(data, list | tuple) else ()
