"""The command line: arguments, exit codes, one-line errors, what goes to stdout and what does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsdeblur.cli import main
from vsdeblur.cli._options import encoder_options, scene_cuts
from vsdeblur.cli._progress import status
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.file.read import count_frames
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.pages.quantities import clock, size
from vsdeblur.synthetic.scene import Scene

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
SHELL = [sys.executable, "-m", "vsdeblur"]


def scene_frames(count: int, height: int = 48, width: int = 64) -> list[Any]:
    scene = Scene(height, width)
    return [np.rint(scene.at(n / 4) * 255).astype(np.uint8) for n in range(count)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 frames of 64x48 at 30 fps."""
    path = tmp_path_factory.mktemp("cli") / "clip.mp4"
    write_mp4(path, scene_frames(12), Fraction(30))
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """40 frames, a few of which cannot be decoded."""
    path = tmp_path / "damaged.mp4"
    write_mp4(path, scene_frames(40), Fraction(30))
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat"), data.index(b"moov")
    some = slice(begin + (end - begin) // 2, begin + (end - begin) * 3 // 4)
    data[some] = b"\xff" * (some.stop - some.start)
    path.write_bytes(data)
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="vsdeblur")


def one_line(result: Result) -> str:
    assert result.stdout == ""
    said = [line for line in result.stderr.splitlines() if not line.startswith("vsdeblur: reading ")]
    assert len(said) == 1
    assert said[0].startswith("vsdeblur: ")
    return result.stderr


# Help


@pytest.mark.parametrize("command", [(), ("transcode",), ("image",), ("demo",), ("bench",), ("inspect",)])
def test_help_says_something_of_every_option(command: tuple[str, ...]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: vsdeblur" in result.stdout
    target: Any = main
    for name in command:
        target = target.commands[name]
    options = [parameter for parameter in target.params if isinstance(parameter, click.Option)]
    assert all(option.help for option in options)


def test_help_needs_no_heavy_import() -> None:
    code = "import sys, vsdeblur.cli; print([m for m in ('torch', 'av', 'cv2', 'numpy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_first_word_of_transcode_waits_for_no_library() -> None:
    code = (
        "import sys; sys.modules['vsdeblur.filters.pyav'] = None; from vsdeblur.cli import main;"
        "main(['transcode', 'in.mp4', 'out.mp4'])"
    )
    terminal = ENVIRONMENT | {"FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=terminal)
    assert done.returncode == 1
    assert "reading in.mp4" in done.stderr
    assert "is not installed" in done.stderr


def test_no_arguments_is_wrong_usage() -> None:
    result = call()
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


# Values


@pytest.mark.parametrize(
    ("text", "value"), [("on", True), ("off", False), ("props", "props"), ("12", [12]), ("3, 40,50", [3, 40, 50])]
)
def test_scene_cuts(text: str, value: object) -> None:
    assert scene_cuts(text) == value


@pytest.mark.parametrize("text", ["", "yes", "1;2", "-4", "1,,2"])
def test_other_scene_cuts_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="scene_cuts"):
        scene_cuts(text)


def test_encoder_options() -> None:
    assert encoder_options(("tune=film", "x264-params=a=1:b=2")) == {"tune": "film", "x264-params": "a=1:b=2"}
    with pytest.raises(ArgumentError, match="KEY=VALUE"):
        encoder_options(("tune",))


def test_numbers_for_people() -> None:
    assert [clock(s) for s in (3.21, 59.7, 200, 7500)] == ["3.2 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]
    assert [size(b) for b in (2**20, 3 * 2**29)] == ["1 MiB", "1.50 GiB"]
    assert status(30, 120, 10.0, 2**30) == "30/120 frames, 3 fps, 30 s left, 1.00 GiB"
    assert status(30, None, 10.0, 2**30) == "30 frames, 3 fps, 1.00 GiB"


# transcode


def test_transcode_reports_on_stdout(clip: Path, tmp_path: Path) -> None:
    result = call("transcode", clip, tmp_path / "o.mp4", "--factor", 2, "--preset", "fast", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["frames_in"], report["frames_out"], report["output_rate"]) == (12, 24, "60")
    assert count_frames(tmp_path / "o.mp4") == 24
    assert "about " in result.stderr  # the estimate


def test_rate_a_little_below_the_source(clip: Path, tmp_path: Path) -> None:
    """As for clips of variable rate that average a little more than their nominal rate."""
    result = call("transcode", clip, tmp_path / "o.mp4", "--fps", "29.97", "--preset", "fast", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["output_rate"] == "30000/1001"
    assert json.loads(call("inspect", clip, "--fps", "29.97", "--no-time", "--json").stdout)["factor"] == "1"


def test_transcode_hands_every_option_on(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.filters import pyav

    seen: dict[str, Any] = {}

    def transcode(src: str, dst: str, **arguments: Any) -> pyav.Report:
        seen.update(arguments, src=src, dst=dst)
        return pyav.Report(src, dst)

    monkeypatch.setattr(pyav, "transcode", transcode)
    options = {
        "fps": "59.94",
        "shutter": "180deg",
        "out_shutter": "0.5",
        "readout": "16ms",
        "mode": "auto",
        "preset": "best",
        "transfer": "srgb",
        "flow": "dis",
        "solver": "unrolled",
        "prior": "tv",
        "device": "cpu",
        "max_memory": "2GiB",
        "codec": "libx265",
        "start": "0:01",
        "duration": "2.5",
        "source_fps": "24",
        "max_side": "480",
        "matrix": "bt709",
        "range": "full",
        "primaries": "bt2020",
        "pixel_format": "yuv420p",
    }
    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    more = [
        "--crf",
        "20",
        "--encoder-option",
        "preset=slow",
        "--scene-cuts",
        "5,9",
        "--resume",
        "--strict",
        "--overwrite",
        "--no-duplicates",
        "--progressive",
    ]
    result = call("transcode", clip, tmp_path / "o.mkv", *words, *more, "--quiet", "--report", tmp_path / "r.json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    seen.pop("progress")(0, None, 0.0, 0)  # quiet
    extra = {"crf": 20.0, "encoder_options": {"preset": "slow"}, "scene_cuts": [5, 9]}
    flags = {"resume": True, "strict": True, "overwrite": True, "duplicates": False, "progressive": True}
    assert seen == options | extra | flags | {"src": str(clip), "dst": str(tmp_path / "o.mkv")}
    assert json.loads((tmp_path / "r.json").read_text())["partial"] is False


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--factor", "40"], "factor must be", 2),
        (["--factor", "two"], "factor must be", 2),
        (["--fps", "-3"], "fps must be", 2),
        (["--fps", "5"], "fps", 2),
        (["--shutter", "2"], "shutter must be", 2),
        (["--shutter", "slow"], "shutter must be", 2),
        (["--preset", "slowest"], "--preset", 2),
        (["--max-memory", "lots"], "--max-memory must be", 2),
        (["--device", "tpu"], "device must be", 2),
        (["--transfer", "s-log"], "transfer must be", 2),
        (["--start", "noon"], "start must be", 2),
        (["--duration", "0"], "duration must be", 2),
        (["--slow", "0.5"], "must be", 2),
        (["--slow", "2", "--factor", "2"], "slow", 2),
        (["--scene-cuts", "maybe"], "--scene-cuts must be", 2),
        (["--encoder-option", "film"], "--encoder-option must be", 2),
        (["--codec", "h265000"], "codec", 2),
        (["--crf", "good"], "--crf", 2),
        (["--what"], "--what", 2),
    ],
)
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_wrong_arguments(
    clip: Path, tmp_path: Path, options: list[str], message: str, code: int, quiet: list[str]
) -> None:
    result = call("transcode", clip, tmp_path / "o.mp4", *options, *quiet)
    assert result.exit_code == code, result.stderr
    lines = result.stderr.splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("vsdeblur: ")
    assert list(tmp_path.iterdir()) == []


def test_unusable_files(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video at all")
    (tmp_path / "empty.mp4").touch()
    for name in ("text.mp4", "empty.mp4", "missing.mp4"):
        assert name in one_line(call("transcode", tmp_path / name, tmp_path / "o.mp4"))
        assert name in one_line(call("inspect", tmp_path / name))
    assert call("transcode", tmp_path / "text.mp4", tmp_path / "o.mp4").exit_code == 1
    assert "o.mp5" in one_line(call("transcode", clip, tmp_path / "o.mp5"))
    assert "folder" in one_line(call("transcode", clip, tmp_path / "no" / "o.mp4"))
    assert "folder" in one_line(call("transcode", clip, tmp_path / "o.mp4", "--report", tmp_path / "no" / "r.json"))
    assert not (tmp_path / "o.mp4").exists()


def test_an_existing_file_stays(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "o.mp4"
    target.write_text("mine")
    assert "exists" in one_line(call("transcode", clip, target))
    assert target.read_text() == "mine"
    assert call("transcode", clip, target, "--overwrite", "--quiet", "--preset", "fast").exit_code == 0
    assert count_frames(target) == 12


def test_damaged_input_is_partial_success(damaged: Path, tmp_path: Path) -> None:
    result = call("transcode", damaged, tmp_path / "o.mp4", "--preset", "fast", "--quiet", "--json")
    assert result.exit_code == 3, result.stderr
    assert json.loads(result.stdout)["errors"]
    strict = call("transcode", damaged, tmp_path / "s.mp4", "--preset", "fast", "--quiet", "--strict")
    assert strict.exit_code == 1
    assert not (tmp_path / "s.mp4").exists()


def test_y4m_pipes(clip: Path, tmp_path: Path) -> None:
    first = [*SHELL, "transcode", str(clip), "-", "--factor", "2", "--preset", "fast", "--json"]
    second = [*SHELL, "transcode", "-", str(tmp_path / "o.mkv"), "--preset", "fast"]
    made = subprocess.run(first, capture_output=True, env=ENVIRONMENT)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(b"YUV4MPEG2 W64 H48 F60:1 ")
    assert made.stdout.count(b"FRAME\n") == 24
    assert b'"frames_out": 24' in made.stderr
    done = subprocess.run(second, input=made.stdout, capture_output=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    assert count_frames(tmp_path / "o.mkv") == 24


def test_a_reader_that_leaves(clip: Path) -> None:
    command = [*SHELL, "transcode", str(clip), "-", "--factor", "16", "--preset", "fast", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        complaint = process.stderr.read().decode()
        assert process.wait(60) == 1
    *losses, last = complaint.splitlines()  # before the work it says what y4m cannot hold
    assert len(losses) <= 1
    assert last.startswith("vsdeblur: the reader of the y4m output")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interrupts_leave_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    source = tmp_path / "long.mp4"
    write_mp4(source, scene_frames(8) * 100, Fraction(30))
    folder = tmp_path / "out"
    folder.mkdir()
    command = [*SHELL, "transcode", str(source), str(folder / "o.mp4"), "--factor", "8", "--quiet"]
    # Tests that run in the background of a shell inherit that an interrupt is ignored.
    heeding = partial(signal.signal, number, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT, preexec_fn=heeding) as process:
        end = time.monotonic() + 60
        while not list(folder.iterdir()) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(number)
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
        assert process.wait(60) == code
    assert "Traceback" not in complaint
    assert list(folder.iterdir()) == []
    said = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "the terminal was closed"}
    assert complaint == f"vsdeblur: {said[number]}\n"


def test_an_unforeseen_fault_is_one_line(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.filters import pyav

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("of\ntwo lines")

    monkeypatch.setattr(pyav, "transcode", broken)
    result = call("transcode", clip, tmp_path / "o.mp4", "--quiet")
    assert result.exit_code == 1
    assert one_line(result).startswith("vsdeblur: ZeroDivisionError: of two lines (VSDEBLUR_DEBUG=1")


# inspect


def test_inspect_for_machines(tmp_path: Path) -> None:
    """A pan of 4 px a frame, a repeated frame, then another scene."""
    wide = np.kron(np.random.default_rng(0).integers(0, 256, (12, 60, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    pan = [wide[:, 4 * n : 4 * n + 128] for n in range(10)]
    path = tmp_path / "pan.mp4"
    write_mp4(path, [*pan[:6], pan[5], *pan[6:]], Fraction(25), crf=1)
    result = call("inspect", path, "--json", "--factor", 2, "--shutter", "90deg", "--preset", "fast")
    assert result.exit_code == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["timing"] == {
        "rate": "25",
        "variable": False,
        "shortest_ms": 40.0,
        "median_ms": 40.0,
        "longest_ms": 40.0,
        "seconds": 0.44,
        "frames": 11,
    }
    assert (seen["picture"]["width"], seen["picture"]["matrix"], seen["picture"]["assumed"]) == (128, "bt709", [])
    assert seen["content"]["frames"] == 11
    assert seen["content"]["repeats"] == 1
    assert seen["content"]["motion_median"] == pytest.approx(4, abs=0.5)
    assert (seen["factor"], seen["shutter"], seen["shutter_from"]) == ("2", 0.25, "given")
    assert seen["work"]["output_frames"] == 22
    assert seen["work"]["seconds"] > 0


@pytest.mark.parametrize(("deviation", "weighed"), [(0, False), (6, True)])
def test_inspect_tells_the_noise(tmp_path: Path, deviation: float, weighed: bool) -> None:
    ramp = np.linspace(60, 180, 192)[None, :].repeat(128, 0)
    generator = np.random.default_rng(0)
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "gray"
        for _ in range(2):
            grey = np.rint(ramp + generator.normal(0, deviation, ramp.shape)).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray")))
        output.mux(stream.encode(None))
    given = ("inspect", tmp_path / "in.mkv", "--no-time", "--shutter", "0.5")
    noise = json.loads(call(*given, "--json").stdout)["noise"]
    assert noise["weighed"] == weighed
    if weighed:
        assert noise["grey"] == pytest.approx(deviation, rel=0.25)
    line = next(line for line in call(*given).stdout.splitlines() if line.split()[:1] == ["noise"])
    assert ("weigh less" in line) == weighed


def test_inspect_for_people(clip: Path) -> None:
    result = call("inspect", clip, "--frames", 4, "--no-time")
    assert result.exit_code == 0, result.stderr
    for word in (
        "h264",
        "30 fps",
        "constant",
        "64x48",
        "bt709",
        "the first 4 frames",
        "180 degrees (assumed",
        "chunks of",
    ):
        assert word in result.stdout
    assert "s per output frame" not in result.stdout


def test_inspect_wants_a_file() -> None:
    result = call("inspect", "-")
    assert result.exit_code == 2
    assert "IN must be a file" in one_line(result)


def test_inspect_names_what_it_assumes_and_variable_timing(tmp_path: Path) -> None:
    import av
    from av.rational import AVRational

    path = tmp_path / "vfr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = AVRational(1, 1000)
        for n, time_ms in enumerate((0, 40, 80, 160, 200, 300)):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 20 * n, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = time_ms, AVRational(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    result = call("inspect", path, "--json", "--no-time")
    assert result.exit_code == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["timing"]["variable"] is True
    assert (seen["timing"]["shortest_ms"], seen["timing"]["longest_ms"]) == (40, 100)
    assert seen["picture"]["matrix"] == "smpte170m"
    assert seen["picture"]["assumed"] == ["matrix", "transfer", "range", "chroma"]
