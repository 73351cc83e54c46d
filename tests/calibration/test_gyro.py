"""The camera's path by a gyroscope: aligned with the picture, refused where it tells of something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.pyav import write_clip
from tests.support.shake import blur, shaken
from vsdeblur.calibration.gyro.fit import Alignment, GyroAngles, PictureSteps, align
from vsdeblur.camera.path import CameraPath
from vsdeblur.filters.pyav.inspect import gyro as _gyro
from vsdeblur.filters.pyav.inspect import telemetry as _telemetry
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.flow.camera import find_camera_path
from vsdeblur.flow.shake import camera_paths
from vsdeblur.window import Window

RATE, OFFSET, FOCAL = 200, 0.04, 0.7


def turned(times: np.ndarray) -> np.ndarray:
    """(t, 3) angles about the camera's axes, radians: a hand's."""
    return 0.03 * np.stack([np.sin(3 * times), np.sin(2 * times + 1), 0.3 * np.sin(4 * times)], -1)


def measured(noise: float = 0.01) -> GyroAngles:
    """What a gyroscope with other axes and a clock that is ahead writes down."""
    times = np.arange(0, 10, 1 / RATE)
    rates = (turned(times - OFFSET + 1e-3) - turned(times - OFFSET - 1e-3)) / 2e-3
    rates = np.stack([-rates[:, 2], rates[:, 0], rates[:, 1]], -1)
    return GyroAngles.of(times, rates + np.random.default_rng(0).normal(0, noise, rates.shape))


def steps(scale: float = 1.0) -> PictureSteps:
    begin = np.arange(30, 250) / 30
    change = turned(begin + 1 / 30) - turned(begin)
    moved = scale * change * [FOCAL, -FOCAL, 1]
    moved += np.random.default_rng(1).normal(0, 1e-4, moved.shape)
    moved[::17] += 0.02  # where flow failed
    return PictureSteps(begin, begin + 1 / 30, moved)


def test_axes_focal_length_and_offset_are_found() -> None:
    found = align(measured(), steps())
    assert found is not None
    assert found.offset == pytest.approx(OFFSET, abs=0.006)
    assert found.matrix == pytest.approx(np.array([[0, FOCAL, 0], [0, 0, -FOCAL], [-1, 0, 0]]), abs=0.05)


def test_the_path_goes_as_the_camera_turned() -> None:
    clean = steps()
    clean.moved[::17] -= 0.02
    found = align(measured(), clean)
    assert found is not None
    assert found.agrees
    path = found.path(4.0, 0.1, 5, (90, 160))
    times = np.arange(0, 5, 0.25)
    seen = path.pose(torch.from_numpy(times))[0].numpy()
    true = turned(4.0 + 0.1 * times)[:, :2] * [FOCAL * 160, -FOCAL * 160]
    assert seen - seen.mean(0) == pytest.approx(true - true.mean(0), abs=0.1)


def test_what_does_not_agree_is_refused() -> None:
    elsewhere = GyroAngles.of(measured().times, np.random.default_rng(2).normal(0, 0.1, (2000, 3)))
    found = align(elsewhere, steps())
    assert found is not None
    assert not found.agrees
    assert "not used" in _gyro.about(found)
    still = PictureSteps(steps().begin, steps().end, np.zeros((220, 3)))
    assert align(measured(), still) is None
    few = PictureSteps(steps().begin[:5], steps().end[:5], steps().moved[:5])
    assert align(measured(), few) is None
    assert "none" in _gyro.about(None)


def test_the_frames_have_the_last_word() -> None:
    frames = blur(shaken()[0])
    window = Window(frames, 0, 0, 5, colour=1)
    found = find_camera_path(frames[:, 0], torch.arange(5) + 0.5, torch.ones(5))
    assert found is not None
    alone = camera_paths(frames, window, 1.0)
    near = replace(found, knots=found.knots * torch.tensor([1.0, 1.01, 1.0, 1.0]))
    away = replace(found, knots=-found.knots)
    right, wrong = (camera_paths(frames, replace(window, camera=path), 1.0) for path in (near, away))
    assert alone is not None
    assert right is not None
    assert wrong is not None
    assert torch.equal(wrong, alone)
    assert not torch.equal(right, alone)
    assert (right[1:4] - alone[1:4]).abs().max() < 0.1 * alone[1:4].abs().max()
    steady = frames[:1].expand(5, -1, -1, -1)
    assert camera_paths(steady, replace(window, frames=steady, camera=found), 1.0) is None


def test_files_without_a_gyroscope_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write_clip(tmp_path / "in.mkv", 4))
    assert _gyro.find_alignment(Survey(path)) is None
    assert _gyro.find_alignment(Survey("-")) is None
    samples = [{"timestamp_ms": 5.0 * n, "gyro": (0.0, 90.0, 0.0)} for n in range(201)]
    monkeypatch.setattr(_telemetry, "installed", lambda: True)
    monkeypatch.setattr(_telemetry, "_read_gyro", lambda path: samples)
    turning = _telemetry.read_gyro_angles(path)
    assert turning is not None
    assert turning.at(np.array([1.0]))[0] == pytest.approx([0, np.pi / 2, 0])
    assert _gyro.find_alignment(Survey(path)) is None  # four frames that hardly move
    assert isinstance(Alignment(turning, np.eye(3), 0.0, 1.0, 0.0).path(0.2, 0.1, 3, (64, 64)), CameraPath)
