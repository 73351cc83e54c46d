"""A gyroscope's samples from a file of their own: a Gyroflow project, a .gcsv log, or what telemetry-parser reads.

Of a project only the samples are taken: those that it holds (``gyro_source.raw_imu``), or those of the file that it
names (``gyro_source.filepath``). Its offsets, lens, orientation and smoothing are not: how the gyroscope lies to the
picture is found from the picture (``vsdeblur.calibration.gyro.fit``).

.gcsv is the text format of loggers (Gyroflow's documentation, "Gyroflow IMU log"): lines of "name,value", then a
heading that begins with t, gx, gy, gz, then samples; seconds are t * tscale, radians per second g * gscale.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from vsdeblur.errors import ArgumentError
from vsdeblur.files import reason
from vsdeblur.filters.pyav.inspect.telemetry import installed, read_gyro_angles

if TYPE_CHECKING:
    from vsdeblur.calibration.gyro.fit import GyroAngles

_LOG = "GYROFLOW IMU LOG"
_MOST = 1 << 30  # bytes of a project or a log


def read_gyro_file(given: str) -> GyroAngles:
    """What the gyroscope measured, seconds from the start of the video. Raises ArgumentError."""
    path = Path(given)
    if path.suffix.lower() == ".gyroflow":
        source = _project(path)
        if (samples := source.get("raw_imu")) and isinstance(samples, list):
            return _of_project(given, samples)
        path = _named(given, source.get("filepath"))
    return _log(given, path) if path.suffix.lower() == ".gcsv" else _by_parser(given, path)


def _text(given: str, path: Path) -> str:
    try:
        if path.stat().st_size > _MOST:
            raise _wrong(given, f"{path} is too large for a log")
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise _wrong(given, f"{path}: {reason(error)}") from None


def _project(path: Path) -> dict[str, Any]:
    """The gyro_source of a project."""
    try:
        found = json.loads(_text(str(path), path))
        source = found["gyro_source"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _wrong(str(path), "it is no project of Gyroflow: it has no gyro_source") from None
    if not isinstance(source, dict):
        raise _wrong(str(path), "it is no project of Gyroflow: its gyro_source is no object")
    return source


def _named(given: str, name: object) -> Path:
    """The file that a project names, where it is or beside the project."""
    if not isinstance(name, str) or not name:
        held = "packed samples only" if name == "" else "no samples"
        raise _wrong(given, f"it has {held} and names no file of samples in gyro_source.filepath")
    plain = unquote(urlsplit(name).path) if name.startswith("file:") else name
    path = Path(given).parent / plain
    beside = Path(given).parent / plain.replace("\\", "/").rsplit("/", 1)[-1]
    if not path.is_file() and not beside.is_file():
        raise _wrong(given, f"it names {plain}, which is neither there nor beside it")
    return path if path.is_file() else beside


def _of_project(given: str, samples: Sequence[Any]) -> GyroAngles:
    import numpy as np

    try:
        kept = [(float(one["timestamp_ms"]), *map(float, one["gyro"])) for one in samples if one.get("gyro")]
        table = np.array(kept, np.float64)
        return _angles(given, table[:, 0] / 1000, np.radians(table[:, 1:]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise _wrong(
            given, "samples of its gyro_source.raw_imu have no timestamp_ms and gyro of three numbers"
        ) from None


def _log(given: str, path: Path) -> GyroAngles:
    import numpy as np

    lines = iter(_text(given, path).splitlines())
    if next(lines, "").strip() != _LOG:
        raise _wrong(given, f"{path} does not begin with {_LOG}")
    scales = {"tscale": 0.001, "gscale": 1.0}
    for line in lines:
        name, *rest = (word.strip() for word in line.split(","))
        if name in ("t", "time"):
            break
        if name in scales:
            scales[name] = _number(given, rest[0] if rest else "")
    rows = [[_number(given, word) for word in line.split(",")[:4]] for line in lines if line.strip()]
    if any(len(row) < 4 for row in rows) or not rows:
        raise _wrong(given, f"{path} has no samples of t, gx, gy, gz")
    table = np.array(rows, np.float64)
    return _angles(given, table[:, 0] * scales["tscale"], table[:, 1:] * scales["gscale"])


def _by_parser(given: str, path: Path) -> GyroAngles:
    if not path.is_file():
        raise _wrong(given, "there is no such file")
    if not installed():
        raise _wrong(given, "this kind takes the package telemetry-parser: pip install 'vsdeblur[telemetry]'")
    found = read_gyro_angles(str(path))
    if found is None:
        raise _wrong(given, f"telemetry-parser finds no gyroscope in {path}")
    return found


def _angles(given: str, times: Any, rates: Any) -> GyroAngles:
    import numpy as np

    from vsdeblur.calibration.gyro.fit import GyroAngles

    if rates.shape[1:] != (3,) or len(times) < 2 or not np.isfinite(times).all() or not np.isfinite(rates).all():
        raise _wrong(given, "it needs two samples at least, of three finite numbers each")
    order = np.argsort(times, kind="stable")
    return GyroAngles.of(times[order], rates[order])


def _number(given: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _wrong(given, f"{text[:40]!r} is no number") from None


def _wrong(given: str, why: str) -> ArgumentError:
    return ArgumentError("gyro", given, f"a Gyroflow project, a .gcsv log or a file with a gyroscope's samples ({why})")
