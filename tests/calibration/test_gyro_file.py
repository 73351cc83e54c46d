"""A gyroscope's samples in files of their own, and that a clip is restored with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.pyav import run, write_clip
from vsdeblur.calibration.gyro.fit import GyroAngles
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.filters.pyav.inspect import gyro as _gyro
from vsdeblur.filters.pyav.inspect import gyro_file, telemetry
from vsdeblur.filters.pyav.inspect.gyro_file import read_gyro_file
from vsdeblur.filters.pyav.transcoding import task_of

GCSV = """GYROFLOW IMU LOG
version,1.3
id,logger
orientation,YxZ
tscale,0.001
gscale,0.5
ascale,0.01
t,gx,gy,gz,ax,ay,az
0,0,2,0,1,2,3
500,0,2,0,1,2,3

1000,0,2,0,1,2,3
"""


def project(path: Path, **source: Any) -> str:
    path.write_text(json.dumps({"title": "Gyroflow data file", "version": 3, "gyro_source": source}))
    return str(path)


def turned_a_radian(found: GyroAngles) -> bool:
    """About the second axis, in a second."""
    return bool(np.allclose(found.at(np.array([0.0, 0.5, 1.0])), [[0, 0, 0], [0, 0.5, 0], [0, 1, 0]]))


def test_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.gcsv").write_text(GCSV)
    assert turned_a_radian(read_gyro_file(str(tmp_path / "log.gcsv")))


def test_a_project_with_its_samples(tmp_path: Path) -> None:
    rate = float(np.degrees(1))
    samples = [{"timestamp_ms": 250.0 * n, "gyro": [0, rate, 0], "accl": [0, 0, 9.8]} for n in range(5)]
    samples.insert(2, {"timestamp_ms": 300.0, "gyro": None})
    assert turned_a_radian(read_gyro_file(project(tmp_path / "clip.gyroflow", raw_imu=samples, filepath="")))


@pytest.mark.parametrize(
    "name", ["{}/log.gcsv", "file://{}/log.gcsv", "log.gcsv", "/card/DCIM/log.gcsv", "D:\\a\\log.gcsv"]
)
def test_a_project_that_names_a_log(tmp_path: Path, name: str) -> None:
    (tmp_path / "log.gcsv").write_text(GCSV)
    path = project(tmp_path / "clip.gyroflow", filepath=name.format(tmp_path), file_metadata="packed")
    assert turned_a_radian(read_gyro_file(path))


def test_a_project_that_names_a_cameras_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"video")
    path = project(tmp_path / "clip.gyroflow", filepath="clip.mp4")
    monkeypatch.setattr(gyro_file, "installed", lambda: False)
    with pytest.raises(ArgumentError, match=r"takes the package telemetry-parser: pip install 'vsdeblur\[telemetry\]'"):
        read_gyro_file(path)
    asked: list[str] = []

    def samples(path: str) -> list[dict[str, Any]]:
        asked.append(path)
        return [{"timestamp_ms": 500.0 * n, "gyro": (0.0, np.degrees(1), 0.0)} for n in range(3)]

    monkeypatch.setattr(gyro_file, "installed", lambda: True)
    monkeypatch.setattr(telemetry, "installed", lambda: True)
    monkeypatch.setattr(telemetry, "_read_gyro", samples)
    assert turned_a_radian(read_gyro_file(path))
    assert asked == [str(tmp_path / "clip.mp4")]
    monkeypatch.setattr(telemetry, "_read_gyro", lambda path: [])
    with pytest.raises(ArgumentError, match="telemetry-parser finds no gyroscope in"):
        read_gyro_file(path)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.gcsv", "t,gx,gy,gz\n0,0,0,0\n", "does not begin with GYROFLOW IMU LOG"),
        ("a.gcsv", GCSV.replace("500,0,2,0", "500,0,two,0"), "'two' is no number"),
        ("a.gcsv", GCSV.split("0,0,2")[0], "has no samples of t, gx, gy, gz"),
        ("a.gcsv", GCSV.replace("500,0,2,0", "nan,0,2,0"), "three finite numbers"),
        ("a.gyroflow", "{", "it is no project of Gyroflow: it has no gyro_source"),
        ("a.gyroflow", "[" * 100_000, "it is no project of Gyroflow: it has no gyro_source"),
        ("a.gyroflow", '{"gyro_source": 3}', "its gyro_source is no object"),
        (
            "a.gyroflow",
            '{"gyro_source": {"file_metadata": "x", "filepath": ""}}',
            "packed samples only and names no file",
        ),
        ("a.gyroflow", '{"gyro_source": {}}', "it has no samples and names no file of samples"),
        (
            "a.gyroflow",
            '{"gyro_source": {"filepath": "gone.bbl"}}',
            "it names gone.bbl, which is neither there nor beside",
        ),
        ("a.gyroflow", '{"gyro_source": {"raw_imu": [{"gyro": [1, 2]}]}}', "have no timestamp_ms and gyro"),
        ("a.bbl", None, "there is no such file"),
        ("a.gcsv", None, "No such file"),
    ],
)
def test_what_is_no_such_file_says_why(tmp_path: Path, name: str, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ArgumentError, match=why) as caught:
        read_gyro_file(str(tmp_path / name))
    assert str(caught.value).startswith("gyro must be a Gyroflow project, a .gcsv log or a file with")
    assert "\n" not in str(caught.value)


def test_a_clip_is_restored_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    (tmp_path / "log.gcsv").write_text(GCSV)
    seen: list[GyroAngles] = []
    monkeypatch.setattr(_gyro, "picture_steps", lambda drifts: object())
    monkeypatch.setattr(_gyro, "align", lambda turned, steps: seen.append(turned))
    report = run(source, tmp_path / "out.mp4", 2, gyro=tmp_path / "log.gcsv")
    assert report.frames_out == 8
    assert report.gyro == ""
    assert turned_a_radian(seen[0])
    with pytest.raises(ArgumentError, match=r"gyro must be .*there is no such file\), not '"):
        run(source, tmp_path / "other.mp4", 2, gyro=tmp_path / "gone.bbl")
    assert not (tmp_path / "other.mp4").exists()
    with pytest.raises(ArgumentError, match='gyro must be left out with mode="frame"'):
        task_of(str(source), "other.mp4", {"mode": "frame", "gyro": tmp_path / "log.gcsv"}, None)


def test_samples_decide_what_a_segment_is(tmp_path: Path) -> None:
    """Segments that were made with other samples do not fit."""
    source = write_clip(tmp_path / "in.mp4", 4)
    (tmp_path / "log.gcsv").write_text(GCSV)
    given = {"gyro": tmp_path / "log.gcsv", "shutter": 0.5, "preset": "fast"}
    run(source, tmp_path / "out.mp4", 2, segment="1/1", **given)
    run(source, tmp_path / "out.mp4", 2, segment="1/1", **given)
    (tmp_path / "log.gcsv").write_text(GCSV + "1500,0,2,0,1,2,3\n")
    with pytest.raises(DeblurError, match=r"was made with gyro=[0-9a-f]{16}, not [0-9a-f]{16}"):
        run(source, tmp_path / "out.mp4", 2, segment="1/1", **given)
