"""What is looked at of a clip: where, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vsdeblur import estimate_shutter
from vsdeblur.clip.samples import (
    MAX_SIDE,
    SAMPLE_FRAMES,
    SAMPLES,
    ClipSample,
    clip_samples,
    map_samples,
    sample_ranges,
    tensor_samples,
)
from vsdeblur.filters.pyav.file.reading import ReadOptions
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect import survey as _places
from vsdeblur.filters.pyav.inspect.survey import Survey, file_samples
from vsdeblur.synthetic.scene import Scene, film


@pytest.mark.parametrize("total", [1, 5, 6, 7, 71, 72, 73, 1000])
def test_places_are_spread_over_the_clip_and_lie_inside_it(total: int) -> None:
    places = sample_ranges(total)
    assert places[0].start == 0
    assert places[-1].stop == total
    assert all(0 < len(place) <= SAMPLE_FRAMES for place in places)
    assert all(a.stop <= b.start for a, b in pairwise(places))
    assert len(places) <= SAMPLES
    assert sum(map(len, places)) == min(total, SAMPLES * SAMPLE_FRAMES)


def test_a_place_is_grey_small_and_of_one_scene() -> None:
    coarse = torch.rand(2, 3, 2, 16, generator=torch.Generator().manual_seed(0))
    frames = coarse.repeat_interleave(20, 2).repeat_interleave(MAX_SIDE // 8, 3)
    place = ClipSample.of(torch.cat((frames[:1], frames[1:2].expand(4, -1, -1, -1))))
    assert place.frames.shape == (5, 1, 20, MAX_SIDE)
    scene = place.scene
    assert scene.shape == (4, 1, 20, MAX_SIDE)
    whole = torch.nn.functional.avg_pool2d(frames[1].mean(0)[None, None], 2)[0]
    torch.testing.assert_close(scene[0], whole, atol=1e-3, rtol=1e-3)


def test_all_of_a_short_clip_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.calibration.shutter import clip

    seen: list[int] = []
    monkeypatch.setattr(clip, "window_evidence", lambda window, linear: seen.append(len(window.frames)) or [])
    for total, windows in ((3, [3]), (10, [6, 4]), (30, [6, 6, 6, 6, 6]), (72, [6] * 6), (500, [6] * 6)):
        clip.clip_shutter(clip_samples(torch.zeros(total, 1, 40, 40)))
        assert sorted(seen, reverse=True) == windows
        seen.clear()


def test_every_place_is_heard_in_order_and_its_errors_too() -> None:
    places = clip_samples(torch.arange(60.0).view(60, 1, 1, 1).expand(-1, -1, 32, 32) / 60)
    assert map_samples(lambda place: round(60 * float(place.frames[0].mean())), places) == [0, 12, 24, 36, 48]
    threads = torch.get_num_threads()
    assert map_samples(lambda place: torch.get_num_threads(), places) == [1] * 5
    with pytest.raises(ZeroDivisionError):
        map_samples(lambda place: 1 / 0, places)
    assert torch.get_num_threads() == threads


# Files


def numbered(path: Path, frames: int, key: Callable[[int], bool]) -> Path:
    """A file whose frames are as bright as their number says, with key frames where they are wanted."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.gop_size = 500
        for n in range(frames):
            planes = np.full((72, 64), 128, np.uint8)
            planes[:48] = 16 + n % 200
            planes[8:40, 8 + n % 16 : 40 + n % 16] += 20
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 30)
            frame.pict_type = 1 if key(n) else 2
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def begins(path: Path, start: Fraction | None = None) -> list[int]:
    """The numbers of the frames that places begin with."""
    with Source(str(path), ReadOptions(start=start)) as source:
        return [round(30 * place.times[0]) for place in file_samples(source, "linear")]


def decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    count = [0]
    real = _places.islice

    def counting(frames: object, *ends: int) -> object:
        count[0] += ends[-1]
        return real(frames, *ends)  # type: ignore[call-overload]

    monkeypatch.setattr(_places, "islice", counting)
    begins(path)
    monkeypatch.undo()
    return count[0]


def test_where_key_frames_are_many_little_else_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = numbered(tmp_path / "many.mp4", 172, lambda n: n % 8 == 0)
    found = begins(path)
    wanted = [run.start for run in sample_ranges(172)]
    assert found == wanted
    assert decoded(path, monkeypatch) == SAMPLES * SAMPLE_FRAMES + sum(start % 8 for start in wanted)


def test_where_they_are_few_the_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [run.start for run in sample_ranges(172)]
    path = numbered(tmp_path / "one.mp4", 172, lambda n: n == 0)
    assert begins(path) == wanted
    assert decoded(path, monkeypatch) == 172
    path = numbered(tmp_path / "two.mp4", 172, lambda n: n in (0, 110))
    assert begins(path) == [*wanted[:4], 110, wanted[5]]


def test_a_part_is_looked_at_alone(tmp_path: Path) -> None:
    path = numbered(tmp_path / "in.mp4", 150, lambda n: n % 50 == 0)
    assert begins(path, Fraction(2))[0] == 60
    assert all(begin >= 60 for begin in begins(path, Fraction(2)))


def test_a_survey_estimates_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = numbered(tmp_path / "in.mp4", 30, lambda n: n == 0)
    first = Survey(str(path))
    found = first.shutter, first.readout, first.drifts
    monkeypatch.setattr(Survey, "samples", property(lambda self: pytest.fail("read again")))
    again = Survey(str(path))
    assert (again.shutter, again.readout) == found[:2]
    assert again.drifts is found[2]
    with pytest.raises(pytest.fail.Exception, match="read again"):
        Survey(str(path), "bt709").shutter  # noqa: B018


def test_a_file_tells_what_its_frames_tell(tmp_path: Path) -> None:
    _, blurry = film(Scene(120, 192), 5, 8, 0.75, lambda light: light)
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 192, 120, "bgr0"
        for image in blurry:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="bgr0")))
        output.mux(stream.encode(None))
    frames = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    by_file, by_tensor = Survey(str(path), "linear").shutter.estimate, estimate_shutter(frames)
    assert by_file == pytest.approx(by_tensor, abs=1e-3)
    assert by_file.shutter == pytest.approx(0.75, abs=0.1)
    assert len(tensor_samples(frames, None)) == 1
