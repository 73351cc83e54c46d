"""Streams of frames: what a file knows of its camera reaches the windows, with repeated frames and without."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from av.rational import AVRational

from tests.support.panning import CADENCE, HEIGHT, WIDTH, exposed
from vsdeblur.camera.path import CameraPath
from vsdeblur.engine.engine import Engine
from vsdeblur.filters.pyav.stamps import timed
from vsdeblur.filters.pyav.timeline import schedule_of
from vsdeblur.filters.pyav.windows import StreamContext, restore_frames
from vsdeblur.settings import parse_options
from vsdeblur.window import Window

BEGIN, RATE = 300, 30  # frames before the first one; per second


def frames(times: list[int]) -> list[av.VideoFrame]:
    out = []
    for n, t in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.rint(exposed(t) * 255).astype(np.uint8), format="gray")
        frame.pts, frame.time_base = BEGIN + n, AVRational(1, RATE)
        out.append(frame)
    return out


@pytest.mark.parametrize("times", [list(range(20)), CADENCE[:20]])
def test_the_gyroscope_and_known_exposures_are_of_the_times_of_the_frames(
    times: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float, int]] = []
    windows: list[Window] = []

    def camera(opening: float, period: float, count: int, size: tuple[int, int]) -> CameraPath:
        assert size == (HEIGHT, WIDTH)
        asked.append((opening, period, count))
        return CameraPath(torch.zeros(count + 5, 4).double(), -1.0, 1.0, torch.zeros(2).double())

    restore = Engine.restore
    monkeypatch.setattr(Engine, "restore", lambda self, w, *a, **k: windows.append(w) or restore(self, w, *a, **k))
    options = parse_options(factor=1, shutter=0.5, transfer="linear", preset="fast", device="cpu", scene_cuts=False)
    stream = frames(times)
    settings = StreamContext(
        options=options,
        schedule=schedule_of(options, None, Fraction(RATE), stream[0]),
        exposure=lambda time: 0.01 + float(time) / 10_000,
        camera=camera,
    )
    restored = list(restore_frames(timed(stream, Fraction(RATE)), settings))
    assert [item.time for item in restored] == [Fraction(BEGIN + n, RATE) for n in range(20)]
    repeats = {item.chunk: item.repeats for item in restored}
    assert sum(repeats.values()) == sum(a == b for a, b in pairwise(times))
    pace = (max(times) + 1) / len(times)  # pictures per frame
    for window, (opening, period, count) in zip(windows, asked, strict=True):
        assert window.camera is not None
        assert count == len(window.frames)
        assert period == pytest.approx(1 / pace / RATE, rel=0.1)
        first = (BEGIN + times[window.start] / pace) / RATE
        assert opening == pytest.approx(first - 0.5 * period / 2, abs=0.35 / RATE)
        durations = window.durations or (1 / RATE,) * count
        assert window.shutters is not None
        exposures = [s * d for s, d in zip(window.shutters, durations, strict=True)]
        assert exposures[0] == pytest.approx(0.01 + (BEGIN + window.start) / RATE / 10_000)
        assert exposures == sorted(exposures)
