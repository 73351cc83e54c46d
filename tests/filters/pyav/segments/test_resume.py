"""transcode with resume: an interrupt loses one segment, and the result is the one of an undisturbed run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.support.pyav import decode, packets, run, times, write_clip
from vsdeblur.engine.engine import Engine
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import written
from vsdeblur.filters.pyav.format import layout
from vsdeblur.filters.pyav.segments import opened
from vsdeblur.filters.pyav.segments.parts import Parts
from vsdeblur.filters.pyav.segments.record import Record
from vsdeblur.settings import parse_options

CHUNK = Engine(parse_options(shutter=0.5), 32, 48, 3).plan.chunk
COUNT = 4 * CHUNK  # source frames
AFTER = 5 * CHUNK  # outputs, two for every frame: in the middle of the third chunk
VARIABLE = [Fraction(40 * n + (0, 7, -11, 13, 3)[n % 5], 1000) for n in range(COUNT)]


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "SECONDS", 0.0)  # a segment for every chunk


class Stop:
    """A progress callback that interrupts after some outputs."""

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, 0

    def __call__(self, done: int, total: int | None, seconds: float, memory: int) -> None:
        self.seen = done
        if done == self.after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with in.mp4 and the finished segments of out.mp4, for tests that leave both as they are."""
    folder = tmp_path_factory.mktemp("interrupted")
    source = write_clip(folder / "in.mp4", COUNT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened, "SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            run(source, folder / "out.mp4", 2, resume=True, progress=Stop(AFTER))
    return folder


def records(folder: Path) -> list[Record]:
    return [Record.load(path) for path in sorted(folder.glob("*.json"))]


def samples(path: Path) -> list[np.ndarray]:
    return [plane for frame in decode(path) for plane in layout(frame.format.name).read(frame)]


@pytest.mark.parametrize("end", ["mp4", "mkv"])
@pytest.mark.parametrize("at", [None, VARIABLE])
def test_work_goes_on_where_it_stopped(tmp_path: Path, end: str, at: list[Fraction] | None) -> None:
    source = write_clip(tmp_path / "in.mkv", COUNT, times=at, rate=Fraction(25), audio="aac", chapters=True)
    lossless = {"encoder_options": {"preset": "ultrafast"}, "codec": "libx264", "crf": 0}
    target, plain = tmp_path / f"out.{end}", tmp_path / f"plain.{end}"
    run(source, plain, 2, **lossless)
    with pytest.raises(KeyboardInterrupt):
        run(source, target, 2, resume=True, progress=Stop(AFTER), **lossless)
    assert not target.exists()
    folder = tmp_path / f"out.{end}.vsdeblur-parts"
    kept = sum(record.frames for record in records(folder))
    assert 0 < kept < AFTER
    assert not list(folder.glob(".*"))
    late = Stop(1_000)
    report = run(source, target, 2, resume=True, progress=late, **lossless)
    assert late.seen == 2 * COUNT - kept  # what was done is not done again
    assert report.resumed == kept
    assert report.frames_out == 2 * COUNT
    assert not folder.exists()
    assert times(target) == times(plain)
    for a, b in zip(samples(target), samples(plain), strict=True):
        np.testing.assert_array_equal(a, b)
    assert packets(target, "audio") == packets(plain, "audio")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mkv", target.name, plain.name])


def test_b_frames_survive_the_seams(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 24, audio="aac")
    report = run(source, tmp_path / "out.mp4", 2, resume=True, encoder_options={"preset": "fast", "bf": 3})
    assert report.frames_out == 48
    assert times(tmp_path / "out.mp4") == [Fraction(n, 60) for n in range(48)]


def test_a_killed_run_leaves_what_was_finished(tmp_path: Path) -> None:
    """As after a power cut: a segment without its end, one without its record, and those of before."""
    source = write_clip(tmp_path / "in.mp4", COUNT)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.mp4", 2, resume=True, progress=Stop(AFTER))
    folder = tmp_path / "out.mp4.vsdeblur-parts"
    with written(folder / f"{2 * CHUNK:06d}.packets", keep=False) as temporary:
        name = temporary.name
    (folder / name).write_bytes(b"half a packet")
    (folder / f"{2 * CHUNK:06d}.packets").write_bytes(b"half a packet")
    assert run(source, tmp_path / "out.mp4", 2, resume=True).frames_out == 2 * COUNT
    assert times(tmp_path / "out.mp4") == [Fraction(n, 60) for n in range(2 * COUNT)]
    assert not folder.exists()


def test_an_interrupt_while_joining_keeps_all_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "in.mp4", 8)

    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "packets", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(source, tmp_path / "out.mp4", 2, resume=True)
    assert not (tmp_path / "out.mp4").exists()
    report = run(source, tmp_path / "out.mp4", 2, resume=True)
    assert report.resumed == report.frames_out == 16
    assert len(decode(tmp_path / "out.mp4")) == 16


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"factor": 3}, "factor=2, not 3"),
        ({"crf": 30}, "encoder_options="),
        ({"shutter": 0.25}, "shutter=0.5, not 0.25"),
        ({"matrix": "bt709"}, "matrix=None, not bt709"),
        ({"range": "full"}, "range=None, not full"),
        ({"max_side": 32}, "max_side=None, not 32"),
        ({"source_fps": 24}, "source_fps=None, not 24"),
    ],
)
def test_other_arguments_are_refused(interrupted: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(DeblurError, match=said) as caught:
        run(interrupted / "in.mp4", interrupted / "out.mp4", **{"factor": 2, "resume": True, **changed})
    assert "\n" not in str(caught.value)
    assert (interrupted / "out.mp4.vsdeblur-parts").is_dir()


def test_another_source_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", COUNT)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out.mp4", 2, resume=True, progress=Stop(AFTER))
    write_clip(source, COUNT + 2)
    with pytest.raises(DeblurError, match="source_"):
        run(source, tmp_path / "out.mp4", 2, resume=True)


def test_resume_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="resume"):
        run("-", tmp_path / "out.mp4", 2, resume=True)
