"""The loop over chunks: every host gives the pictures that tensors give, and what a host knows reaches the window."""

from __future__ import annotations

import weakref
from collections.abc import Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

import av
import numpy as np
import pytest
import torch
import vapoursynth as vs
from av.rational import AVRational
from numpy.typing import NDArray
from torch import Tensor

from tests.support.panning import CADENCE, HEIGHT, WIDTH, exposed
from tests.support.vapoursynth import clip_of
from vsdeblur import deblur, restore
from vsdeblur.camera.path import CameraPath
from vsdeblur.clip.repeats import thumbnails
from vsdeblur.colour.planes import Colour
from vsdeblur.engine.chunks import SHORTEST_SHUTTER, ChunkWindow, FrameSource, chunk_window, chunk_windows
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid, Output, Spans, by_factor
from vsdeblur.filters.pyav import deblur_frames
from vsdeblur.restore import TensorSource
from vsdeblur.settings import Options, parse_options

torch.set_num_threads(1)

TOP = 65535
Codes = list[NDArray[np.uint16]]


class Shown(TensorSource):
    """A clip in memory of which more is known. durations, exposures: in one unit. marks: cuts that the host knows."""

    def __init__(
        self,
        frames: Tensor,
        *,
        durations: Sequence[int] | None = None,
        exposures: Sequence[float] | None = None,
        marks: Sequence[int] = (),
        gyroscope: bool = False,
    ) -> None:
        super().__init__(frames, thumbnails(frames))
        self._durations, self._exposures, self._marks = durations, exposures, marks
        self._gyroscope = gyroscope
        self.paths: list[tuple[int, float, float, int]] = []

    def durations(self, frames: Sequence[int]) -> Sequence[Fraction]:
        return super().durations(frames) if self._durations is None else [Fraction(self._durations[n]) for n in frames]

    def exposures(self, frames: Sequence[int]) -> Sequence[float] | None:
        return None if self._exposures is None else [self._exposures[n] for n in frames]

    def marked_cuts(self, frames: range) -> frozenset[int]:
        return frozenset(self._marks)

    def camera_path(self, frame: int, opening: float, period: float, length: int) -> CameraPath | None:
        self.paths.append((frame, opening, period, length))
        return CameraPath(torch.zeros(length + 5, 4), -1.0, 1.0, torch.zeros(2)) if self._gyroscope else None


def codes(times: Sequence[float], cut: int | None = None) -> Codes:
    """Exposures at times, as stored in 16 bits; from frame ``cut`` on another scene."""
    scenes = [exposed(t) if cut is None or n < cut else 0.3 * exposed(t)[::-1, ::-1] for n, t in enumerate(times)]
    return [np.rint(TOP * frame).astype(np.uint16) for frame in scenes]


def as_tensor(frames: Codes) -> Tensor:
    """The values that hosts read, to the last bit: learned steps in bfloat16 would magnify a difference."""
    grey = Colour("GRAY", 16, False, 0, 0, "bt709", "linear", True, "left")
    return torch.stack([grey.decode([values]) for values in frames])


# The same clip through every host.


def by_vapoursynth(frames: Codes, durations: Sequence[int] | None, **given: Any) -> NDArray[np.float64]:
    def props(n: int) -> dict[str, Any]:
        shown = {} if durations is None else {"_DurationNum": durations[n], "_DurationDen": 1000}
        return {"_Range": 1, **shown}

    fps = (25, 1) if durations is None else (0, 1)
    clip = clip_of(vs.GRAY16, WIDTH, HEIGHT, len(frames), lambda n: [frames[n]], props, fps)
    return np.stack([np.array(frame[0]) for frame in deblur(clip, **given).frames(close=True)]).astype(float)


def by_pyav(frames: Codes, durations: Sequence[int] | None, **given: Any) -> NDArray[np.float64]:
    times = list(accumulate(durations or [40] * len(frames), initial=0))

    def stream() -> Any:
        for values, time in zip(frames, times, strict=False):
            frame = av.VideoFrame.from_ndarray(values, format="gray16le")
            frame.pts, frame.time_base = time, AVRational(1, 1000)
            yield frame

    return np.stack([frame.to_ndarray() for frame in deblur_frames(stream(), **given)]).astype(float)


def by_tensors(frames: Codes, durations: Sequence[int] | None, **given: Any) -> NDArray[np.float64]:
    """By ``restore``, or where that has no such argument by the loop that it uses."""
    light = as_tensor(frames)
    if durations is None and given.get("shutter") != "auto":
        u = restore(light, **given)
    else:
        options = parse_options(rate=Fraction(25), **given)
        engine = Engine(options, HEIGHT, WIDTH, 1)
        source, grid = Shown(light, durations=durations), Grid.of(engine.plan, options)
        u = torch.empty(int(len(frames) * options.factor), 1, HEIGHT, WIDTH)
        for part in chunk_windows(source, grid, options, by_factor(options)):
            for output, picture in part.restore(engine):
                u[output.number] = picture
    return np.rint(u[:, 0].clamp(0, 1).double().numpy() * TOP)


@dataclass
class Case:
    """times: of the exposures, periods. durations: ms that frames are shown for; the last one is that of the first."""

    times: Sequence[float]
    given: dict[str, Any]
    cut: int | None = None
    durations: Sequence[int] | None = None


PLAIN, UNEVEN = range(11), (40, 40, 80, 20, 60, 40, 70, 40, 25, 55, 40)
CASES = {
    "plain": Case(PLAIN, {"factor": 2}),
    "a factor that is no whole number": Case(PLAIN, {"factor": "5/2"}),
    "factor 1": Case(PLAIN, {"factor": 1}),
    "balanced": Case(PLAIN, {"factor": 2, "preset": "balanced"}),
    "readout": Case(PLAIN, {"factor": 2, "readout": 0.3}),
    "readout, factor 1": Case(PLAIN, {"factor": 1, "readout": 0.3}),
    "a cut that is found": Case(PLAIN, {"factor": 2}, cut=6),
    "a cut that is given": Case(PLAIN, {"factor": 2, "scene_cuts": [6]}, cut=6),
    "a cut that is not wanted": Case(PLAIN, {"factor": 2, "scene_cuts": False}, cut=6),
    "repeats": Case(CADENCE[:14], {"factor": 2}),
    "repeats, factor 1": Case(CADENCE[:14], {"factor": 1, "readout": 0.2}),
    "repeats and a cut": Case(CADENCE[:14], {"factor": 2, "scene_cuts": [9]}, cut=9),
    "repeats taken as they are": Case(CADENCE[:14], {"factor": 2, "duplicates": False}),
    "the shutter is estimated": Case(PLAIN, {"factor": 2, "shutter": "auto", "preset": "balanced"}),
    "repeats, the shutter is estimated": Case(CADENCE[:14], {"factor": 1, "shutter": "auto"}),
    "variable rate": Case(PLAIN, {"factor": 2}, durations=UNEVEN),
    "variable rate, factor 1": Case(PLAIN, {"factor": 1, "readout": 0.2}, durations=UNEVEN),
    "variable rate, repeats": Case(CADENCE[:11], {"factor": 2}, durations=UNEVEN),
    "variable rate, a pause": Case(PLAIN, {"factor": 2}, durations=(40, 40, 40, 40, 900, 40, 40, 700, 40, 40, 40)),
    "each frame by its own": Case(PLAIN, {"factor": 2, "mode": "auto"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_host_gives_the_same_pictures(case: Case) -> None:
    frames = codes(case.times, case.cut)
    given = {"shutter": 0.5, "transfer": "linear", "preset": "fast", "device": "cpu", **case.given}
    wanted = by_tensors(frames, case.durations, **given)
    for host in (by_vapoursynth, by_pyav):
        found = host(frames, case.durations, **given)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 1, host.__name__  # both round to a code value
    still = np.repeat(np.stack(frames), Fraction(given["factor"]).numerator, 0)[: len(wanted)]
    assert np.abs(wanted - still).max() > 0.01 * TOP, "nothing was restored"


# The grid.


@pytest.mark.parametrize("total", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("factor", [Fraction(1), Fraction(6, 5), Fraction(5, 2), Fraction(8)])
def test_chunks_cover_the_clip_and_share_no_output(total: int, factor: Fraction) -> None:
    grid = Grid(8, 2, 8)
    chunks = [grid.chunk(number, total) for number in range(grid.chunks(total))]
    assert [n for chunk in chunks for n in range(chunk.begin, chunk.end)] == list(range(total))
    assert [j for chunk in chunks for j in chunk.outputs(factor)] == list(range(int(total * factor)))
    assert [chunk.is_last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    for chunk in chunks:
        assert chunk.window == range(max(chunk.begin - 2, 0), min(chunk.end + 2, total))
        assert chunk.read == range(max(chunk.begin - 8, 0), min(chunk.end + 8, total))
    assert grid.chunk(0, None).read == range(16), "of a stream whose end is not in reach"


def test_a_stream_is_read_as_far_as_its_chunk_reaches() -> None:
    asked: list[range] = []

    class Stream(TensorSource):
        def hold(self, frames: range) -> int | None:  # type: ignore[override]
            asked.append(frames)
            return None if frames.stop < 11 else 11

    options = parse_options(factor=2, shutter=0.5, duplicates=False, scene_cuts=False)
    source = Stream(as_tensor(codes(range(11))))
    parts = list(chunk_windows(source, Grid(4, 2, 2), options, by_factor(options), Spans((range(1, 9),))))
    assert asked == [range(6), range(2, 10), range(6, 14), range(10, 18)]
    assert [(part.chunk.begin, part.chunk.end) for part in parts] == [(4, 8), (8, 11)]


# What a host knows.


def solved(source: FrameSource, begin: int = 8, **given: Any) -> ChunkWindow[Output]:
    options: Options = parse_options(shutter=0.5, **given)
    chunk = Grid(8, 2, 8).chunk(begin // 8, source.hold(range(0)))
    return chunk_window(chunk, source, options, by_factor(options))


def test_the_camera_path_reaches_the_window_with_repeats_and_without() -> None:
    """It is asked for from the first exposure's middle backwards by half of the shutter, at the pictures' pace."""
    plain = Shown(as_tensor(codes(range(20))), gyroscope=True)
    part = solved(plain, factor=2, scene_cuts=False)
    assert part.window.camera is not None
    assert plain.paths == [(part.window.start, -0.25, 1.0, len(part.window.frames))]
    repeated = Shown(as_tensor(codes(CADENCE[:30])), gyroscope=True)
    part = solved(repeated, factor=2, scene_cuts=False)
    assert part.repeats
    assert part.window.camera is not None
    ((frame, opening, period, length),) = repeated.paths
    assert length == len(part.window.frames)
    assert period == pytest.approx(1.25, rel=0.02)
    # Frame n shows the picture of 0.8 n; the first of the window was taken when that many periods of 1.25 had passed.
    taken = 1.25 * CADENCE[part.window.start]
    assert frame + opening == pytest.approx(taken - 0.5 * 1.25 / 2, abs=0.05)


def test_known_exposures_count_with_repeats_and_without() -> None:
    for times in (list(range(20)), CADENCE[:30]):
        exposures = [0.1 + 0.01 * n for n in range(len(times))]
        part = solved(Shown(as_tensor(codes(times)), exposures=exposures), factor=1, scene_cuts=False)
        window = part.window
        durations = window.durations or (1.0,) * len(window.frames)
        known = [n for n in range(len(times)) if n == 0 or times[n] != times[n - 1]]
        first = known.index(window.start)
        assert window.shutters is not None
        for shutter, duration, n in zip(window.shutters, durations, known[first:], strict=False):
            assert shutter * duration == pytest.approx(exposures[n])
        if not part.repeats:  # the middle of each exposure
            assert part.instants == pytest.approx([n + exposures[n] / 2 for n in range(8, 16)])
    # With repeats the middle is that of the picture which the frame shows.
    fixed = solved(Shown(as_tensor(codes(CADENCE[:30])), exposures=[0.25] * 30), factor=1, scene_cuts=False)
    same = solved(Shown(as_tensor(codes(CADENCE[:30]))), factor=1, scene_cuts=False)
    ahead = np.subtract(same.instants, fixed.instants)
    assert ahead == pytest.approx((0.5 * 1.25 - 0.25) / 2 / 1.25, abs=0.01)


def test_a_shutter_is_never_quite_shut() -> None:
    durations = [1] * 20
    durations[10] = 10**9
    window = solved(Shown(as_tensor(codes(range(20))), durations=durations), factor=2, scene_cuts=False).window
    assert window.shutters is not None
    assert window.shutters[10 - window.start] == SHORTEST_SHUTTER
    assert window.shutters[8 - window.start] == 0.5


def test_marked_found_and_given_cuts() -> None:
    frames = as_tensor(codes(range(20), cut=12))

    def cuts(marks: Sequence[int], scene_cuts: Any, offset: int = 0) -> tuple[Set[int], Set[int]]:
        source = Shown(frames, marks=marks)
        source.offset = offset
        part = solved(source, factor=2, scene_cuts=scene_cuts)
        return part.cuts, part.window.cuts

    assert cuts([10], True) == ({10, 12}, {10, 12})
    assert cuts([10], "props") == ({10}, {10})
    assert cuts([10], False) == (frozenset(), frozenset())
    assert cuts([10], [2, 9]) == ({2, 9}, {9})  # frame 2 is read, but not in the window
    assert cuts([], [104, 109], offset=100) == ({4, 9}, {9})


def test_a_given_cut_beside_the_window_parts_the_cadence() -> None:
    """Pictures of another scene do not make those of this one late, whether they are in the window or only read."""
    source = Shown(as_tensor(codes([*range(16), *range(15, 29)])))  # frame 16 repeats 15
    plain, cut = (solved(source, factor=2, scene_cuts=given) for given in (False, [19]))
    assert plain.chunk.read.stop > 19
    assert len(plain.window.frames) == len(cut.window.frames)
    assert not plain.window.cuts | cut.window.cuts, "it is beside the window"
    # The time that frame 15 is shown too long is spread over the five pictures after it, or the three before the cut.
    assert plain.instants[-1] - plain.instants[-2] == pytest.approx(0.5 / 1.2)
    assert cut.instants[-1] - cut.instants[-2] == pytest.approx(0.5 / (4 / 3))


def test_frames_are_let_go_once_motion_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by the caller, whose arguments a decorated generator would hold."""
    options = parse_options(factor=2, shutter=0.5, preset="fast")
    engine = Engine(options, HEIGHT, WIDTH, 1)
    part = solved(Shown(as_tensor(codes(range(20)))), factor=2)
    frames, alive = weakref.ref(part.window.frames), []
    solve = Engine._solved

    def watched(self: Engine, *given: Any) -> Any:
        alive.append(frames() is not None)
        return solve(self, *given)

    monkeypatch.setattr(Engine, "_solved", watched)
    assert len(list(part.restore(engine))) == 16
    assert alive == [False]
    with pytest.raises(ValueError, match="restored once"):
        part.restore(engine)
