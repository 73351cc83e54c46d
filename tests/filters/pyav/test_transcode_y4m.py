"""transcode as one end of a pipe: y4m on standard input and output, and in files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.pyav import decode, run, times, video, write_clip
from vsdeblur.errors import ArgumentError, DeblurError, InputError

SCRIPT = """
import sys
from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav import transcode
try:
    transcode(sys.argv[1], sys.argv[2], sys.argv[3], shutter=0.5, **eval(sys.argv[4]))
except DeblurError as error:
    print(error, file=sys.stderr)
    raise SystemExit(1)
"""


def pipe(*arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, input=data, capture_output=True, timeout=120, env=environment, check=False)


def test_out_of_a_pipe_and_into_one(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, rate=Fraction(30_000, 1001), aspect=Fraction(4, 3))
    written = pipe(str(source), "-", "2", "{}")
    assert written.returncode == 0, written.stderr
    header = written.stdout.split(b"\n", 1)[0]
    assert header.startswith(b"YUV4MPEG2 W48 H32 F60000:1001 Ip A4:3 C420")
    assert len(written.stdout) == len(header) + 1 + 12 * (6 + 48 * 32 * 3 // 2)  # and nothing else
    read = pipe("-", str(tmp_path / "out.mkv"), "3/2", "{}", data=written.stdout)
    assert read.returncode == 0, read.stderr
    assert read.stdout == b""
    assert video(tmp_path / "out.mkv")["aspect"] == Fraction(4, 3)
    assert len(decode(tmp_path / "out.mkv")) == 18


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv422p10le", "yuv422p10le"),
        ("yuv444p", "yuv444p"),
        ("gray", "gray"),
        ("yuv420p16le", "yuv420p16le"),
        ("gbrp10le", "yuv444p10le"),
        ("yuv440p", "yuv444p"),
    ],
)
def test_formats(tmp_path: Path, name: str, target: str) -> None:
    tags = (1, 1, 0, 2) if name == "gbrp10le" else (1, 1, 1, 1)
    source = write_clip(tmp_path / "in.mkv", 4, (33, 17), codec="ffv1", name=name, tags=tags)
    run(source, tmp_path / "out.y4m", 2, encoder_options=None)
    found = decode(tmp_path / "out.y4m")
    assert len(found) == 8
    assert found[0].format.name == target
    assert (found[0].width, found[0].height) == (33, 17)
    assert times(tmp_path / "out.y4m") == [Fraction(n, 60) for n in range(8)]


def test_the_samples_arrive(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for n in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 32), 77, "u1"), "yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    run(source, tmp_path / "out.y4m", 2, encoder_options=None)
    for frame in decode(tmp_path / "out.y4m"):
        assert np.abs(frame.to_ndarray().astype(int) - 77).max() <= 1


def test_sound_and_a_variable_rate_are_said_to_be_lost(tmp_path: Path) -> None:
    at = [Fraction(n, 100) for n in (0, 4, 12, 16, 30)]
    source = write_clip(tmp_path / "in.mkv", 5, times=at, rate=Fraction(25), audio="aac")
    report = run(source, tmp_path / "out.y4m", 2, encoder_options=None)
    assert any("other streams" in warning for warning in report.warnings)
    assert any("variable rate" in warning for warning in report.warnings)
    report = run(source, tmp_path / "even.y4m", 1, fps=50, encoder_options=None)
    assert not any("variable rate" in warning for warning in report.warnings)


@pytest.mark.parametrize("data", [b"", b"not a video at all\n" * 100, b"YUV4MPEG2 W16 H16 F30:1\n"])
def test_what_is_not_y4m_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(InputError, match="standard input") as caught:
        run("-", tmp_path / "out.mkv")
    assert "\n" not in str(caught.value)


def test_a_reader_that_leaves_is_one_line(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 60, (160, 96))
    command = [sys.executable, "-c", SCRIPT, str(source), "-", "4", "{}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) == 1
    assert b"closed the pipe" in said
    assert b"Traceback" not in said


def test_arguments_that_make_no_sense_for_y4m(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    for name, value in (
        ("codec", "libx264"),
        ("pixel_format", "yuv444p"),
        ("crf", 20),
        ("resume", True),
        ("encoder_options", {"g": 1}),
    ):
        with pytest.raises(ArgumentError, match=f"{name} must be left out for y4m"):
            run(source, tmp_path / "out.y4m", 2, **{"encoder_options": None, name: value})
    with pytest.raises(DeblurError):
        run("-", tmp_path / "out.mp4", 2, resume=True)
