"""Bad input at the command line: always a clear line and an exit code, or a right result; never a traceback or a hang.

The cases are generated, the same ones every time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsdeblur.cli import main
from vsdeblur.filters.pyav.file.read import count_frames
from vsdeblur.filters.pyav.file.write import write_mp4

pytestmark = pytest.mark.timeout(120)

BAD_VALUES = {
    "--factor": ["0", "-1", "0.5", "17", "1/0", "nan", "inf", "1e9", "", "x", "2:1", "٣٣"],
    "--fps": ["0", "-30", "1e9", "nan", "inf", "", "fast", "30/0", "1"],
    "--shutter": ["0", "-0.5", "1.01", "nan", "inf", "", "361deg", "0deg", "1/0s", "10s", "half", "1e-400", "deg"],
    "--preset": ["", "slow", "FAST"],
    "--max-memory": ["0", "-1", "", "GiB", "1XB", "1e3", "1KiB", "many"],
    "--device": ["", "gpu", "cuda:-1", "cuda:x", "CPU", "cuda:99"],
    "--transfer": ["", "gamma", "BT709", "bt.709"],
    "--flow": ["", "no-such-flow"],
    "--prior": ["", "no-such-prior"],
    "--scene-cuts": ["", "yes", "-1", "1.5", "1;2", "1,,2", "0x10"],
    "--start": ["-1", "", "noon", "1:2:3:4x", "1e9", "nan"],
    "--duration": ["-1", "0", "", "long", "nan"],
    "--slow": ["0", "-2", "0.5", "17", "nan", "", "x"],
    "--codec": ["", "h264x", "aac", "rawvideoo", "pcm_s16le"],
    "--crf": ["", "x", "1,5"],
    "--encoder-option": ["", "=", "=1", "tune", "tune=nothing-like-it"],
}
CASES = [(option, value) for option, values in BAD_VALUES.items() for value in values]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 frames of 48x32 at 25 fps: a gradient that moves."""
    x = np.arange(48) + 8 * np.arange(6)[:, None]
    ramp = np.broadcast_to((128 + 100 * np.sin(x / 6))[:, None, :, None], (6, 32, 48, 3)).astype(np.uint8)
    path = tmp_path_factory.mktemp("hostile") / "clip.mp4"
    write_mp4(path, ramp, Fraction(25))
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="vsdeblur")


def complaint(result: Result) -> str:
    """The last line; everything before it is a remark of the same form."""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert lines, "nothing was said"
    assert all(line.startswith("vsdeblur: ") for line in lines), lines
    assert len(lines[-1]) > len("vsdeblur: ") + 8
    assert "VSDEBLUR_DEBUG" not in lines[-1], "an unforeseen fault"
    return lines[-1]


@pytest.mark.parametrize(("option", "value"), CASES, ids=[f"{option}={value}" for option, value in CASES])
def test_bad_values(clip: Path, tmp_path: Path, option: str, value: str) -> None:
    result = call("transcode", clip, tmp_path / "o.mp4", "--quiet", option, value)
    assert result.exit_code in (1, 2), result.stderr
    complaint(result)
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["inspect", "bench"])
@pytest.mark.parametrize(
    ("option", "value"), [(o, v) for o, v in CASES if o in ("--factor", "--shutter", "--preset", "--device")]
)
def test_bad_values_elsewhere(clip: Path, command: str, option: str, value: str) -> None:
    result = call(command, clip, option, value)
    assert result.exit_code in (1, 2), result.output
    complaint(result)


def damaged_files(data: bytes) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(5)
    for n in range(12):
        yield f"cut{n}.mp4", data[: chance.randrange(len(data))]
    for n in range(16):
        broken = bytearray(data)
        for _ in range(2 ** chance.randrange(8)):
            broken[chance.randrange(len(data))] = chance.randrange(256)
        yield f"bytes{n}.mp4", bytes(broken)
    for n in range(8):
        begin = chance.randrange(len(data))
        hole = bytearray(data)
        length = min(len(data) - begin, 1 + chance.randrange(len(data) // 4))
        hole[begin : begin + length] = bytes([chance.choice((0, 255))]) * length
        yield f"hole{n}.mp4", bytes(hole)
    for suffix in ("mp4", "mkv", "y4m", "avi", "ts", "webm"):
        yield f"noise.{suffix}", chance.randbytes(3000)
        yield f"empty.{suffix}", b""
        yield f"text.{suffix}", b"Dear diary, today I made no video.\n" * 20
    yield "header.y4m", b"YUV4MPEG2 W48 H32 F25:1 C420jpeg\n"
    yield "short.y4m", b"YUV4MPEG2 W48 H32 F25:1 C420jpeg\nFRAME\n" + bytes(100)
    yield "huge.y4m", b"YUV4MPEG2 W999999 H999999 F25:1 C420jpeg\nFRAME\n" + bytes(100)
    yield "rateless.y4m", b"YUV4MPEG2 W48 H32 F0:0 C420jpeg\nFRAME\n" + bytes(48 * 48)
    yield "interlaced.y4m", b"YUV4MPEG2 W48 H32 F25:1 It C420jpeg\nFRAME\n" + bytes(48 * 48)


NAMES = [name for name, _ in damaged_files(bytes(1000))]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(clip: Path, tmp_path: Path, name: str) -> None:
    source, target = tmp_path / name, tmp_path / "o.mkv"
    source.write_bytes(dict(damaged_files(clip.read_bytes()))[name])
    result = call("transcode", source, target, "--quiet", "--preset", "fast", "--factor", 2)
    if result.exit_code in (0, 3):
        assert 0 < count_frames(target) <= 24
    else:
        assert result.exit_code == 1, result.output
        complaint(result)
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir() if path not in (source, target)] == []
    looked = call("inspect", source, "--no-time")
    assert looked.exit_code in (0, 1)
    if looked.exit_code:
        complaint(looked)


LONG = "x" * 300
TOO_LONG = [
    ("transcode", f"{LONG}.mp4", "o.mp4"),
    ("transcode", "CLIP", f"{LONG}.mp4"),
    ("transcode", "CLIP", f"{LONG}.y4m"),
    ("transcode", "CLIP", "o.mp4", "--report", LONG),
    ("transcode", "CLIP", "o.mp4", "--flow", f"blur:{LONG}"),
    ("transcode", "CLIP", "o.mp4", "--prior", f"torchscript:{LONG}"),
    ("transcode", "CLIP", "o.mp4", "--solver", f"unrolled:{LONG}"),
    ("inspect", f"{LONG}.mp4"),
    ("inspect", f"{LONG}.png"),
    ("inspect", "CLIP", "--html", f"{LONG}.html"),
    ("compare", "CLIP", f"{LONG}.mp4", "-o", "o.html"),
    ("compare", "CLIP", "CLIP", "-o", f"{LONG}.html"),
    ("image", f"{LONG}.png", "o.png"),
    ("image", "PICTURE", f"{LONG}.png"),
    ("image", "PICTURE", "o.png", "--estimator", f"network:{LONG}"),
    ("batch", LONG, "folder"),
    ("bench", f"{LONG}.mp4"),
    ("adapt", f"{LONG}.mp4", "--out", "o"),
]


@pytest.mark.parametrize("words", TOO_LONG, ids=lambda words: " ".join(words).replace(LONG, "LONG"))
def test_names_that_are_too_long(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("picture.png", np.full((20, 20, 3), 99, np.uint8))
    result = call(*({"CLIP": str(clip), "PICTURE": "picture.png"}.get(word, word) for word in words))
    assert result.exit_code in (1, 2)
    assert "Error" not in complaint(result)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_there_are_enough_cases() -> None:
    assert len(CASES) + len(NAMES) >= 150
