"""Settings that would have no effect beside others: refused in every face where they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import vapoursynth as vs
from click.testing import CliRunner
from numpy.typing import NDArray

import vsdeblur
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError
from vsdeblur.filters import pyav
from vsdeblur.synthetic.scene import Scene, film

torch.set_num_threads(1)

FRAME = 'left out with mode="frame"'
EVERYWHERE: list[tuple[dict[str, Any], str]] = [
    ({"mode": "frame", "preset": "best"}, f"preset must be {FRAME} and factor=1"),
    ({"mode": "frame", "shutter": 0.25}, f"shutter must be {FRAME} and factor=1"),
    ({"mode": "frame", "flow": "dis"}, f"flow must be {FRAME} and factor=1"),
    ({"mode": "frame", "solver": "keyframes"}, f"solver must be {FRAME}, which solves nothing jointly"),
    ({"estimator": "blind-dps"}, 'estimator must be left out with mode="joint", which restores no frame by itself'),
    ({"deconvolver": "dds"}, 'deconvolver must be left out with mode="joint", which restores no frame by itself'),
    ({"mode": "frame", "deconvolver": "dds", "prior": "tv"}, "prior must be left out with a deconvolver other than"),
    ({"mode": "frame", "prior": "internal"}, 'prior must be left out or "video" with mode="frame": one frame is too'),
    ({"mode": "frame", "prior": "none"}, f"prior must be {FRAME}, where plug and play takes no step without one"),
    ({"mode": "frame", "factor": 2, "solver": "unrolled"}, f"solver must be {FRAME}, which solves nothing jointly"),
    ({"solver": "admm", "prior": "none"}, 'prior must be left out with solver="admm", which takes no step without one'),
]
CUTS: tuple[dict[str, Any], str] = ({"mode": "frame", "scene_cuts": [1]}, f"scene_cuts must be {FRAME} and factor=1")
TAPS: tuple[dict[str, Any], str] = ({"mode": "frame", "factor": 2, "quadrature": "taps"}, f"quadrature must be {FRAME}")
FPS: tuple[dict[str, Any], str] = ({"factor": 2, "fps": 50}, "factor must be left out with fps, which sets it")


def video(frames: int = 2) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((frames, 3, 16, 16)).astype(np.float32)


@pytest.mark.parametrize(("given", "message"), EVERYWHERE)
def test_scripts(given: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.Error, match=f"^deblur: {message}"):
        vsdeblur.deblur(vs.core.std.BlankClip(width=32, height=32, length=2), **given)


def test_scripts_take_a_factor_or_a_rate() -> None:
    clip = vs.core.std.BlankClip(width=32, height=32, length=2, fpsnum=25)
    with pytest.raises(vs.Error, match=r"^deblur: factor must be left out with fps_num, which sets it"):
        vsdeblur.deblur(clip, factor=2, fps_num=50, fps_den=1)
    assert vsdeblur.deblur(clip, fps_num=50, fps_den=1).fps == 50


def test_scripts_keep_cuts_for_the_props_of_the_output() -> None:
    clip = vs.core.std.BlankClip(width=32, height=32, format=vs.GRAY8, length=2)
    out = vsdeblur.deblur(clip, mode="frame", scene_cuts=[1])
    assert [frame.props["_SceneChangePrev"] for frame in out.frames()] == [0, 1]


@pytest.mark.parametrize(("given", "message"), [*EVERYWHERE, CUTS, TAPS, FPS])
def test_streams(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}"):
        pyav.deblur_frames([], **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *EVERYWHERE,
        CUTS,
        FPS,
        ({"factor": 2, "slow": 2}, "factor must be left out with slow, which sets it"),
        ({"fps": 50, "slow": 2}, "fps must be left out with slow, which sets it"),
    ],
)
def test_files(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}"):
        pyav.transcode(tmp_path / "in.mp4", tmp_path / "out.mp4", **given)


TRUE = "left out where flow is the true motion"
ASAP = 'left out with solver="asap"'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *EVERYWHERE,
        CUTS,
        TAPS,
        *(
            ({"flow": torch.zeros(1, 2, 16, 16), name: value}, f"{name} must be {TRUE}")
            for name, value in {
                "preset": "fast",
                "scene_cuts": "props",
                "max_memory": "1GiB",
                "out_shutter": 0.5,
                "mode": "auto",
            }.items()
        ),
        ({"flow": torch.zeros(1, 2, 16, 16), "mode": "frame"}, f"mode must be {TRUE}"),
        ({"flow": torch.zeros(1, 2, 16, 16), "solver": "unrolled"}, 'solver must be left out or "asap" where flow is'),
        *(
            ({"solver": "asap", name: value}, f"{name} must be {ASAP}")
            for name, value in {
                "prior": "tv",
                "scene_cuts": [1],
                "max_memory": "1GiB",
                "out_shutter": 0.5,
                "mode": "auto",
            }.items()
        ),
        ({"mode": "frame", "record": print}, f"record must be {FRAME}"),
    ],
)
def test_tensors(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}"):
        vsdeblur.restore(video(), **given)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "frame", "preset": "balanced", "scene_cuts": False, "duplicates": False, "flow": None},
        {"mode": "frame", "shutter": "auto"},
        {"mode": "frame", "out_shutter": "0", "readout": "0"},
        {"flow": torch.zeros(1, 2, 16, 16), "scene_cuts": False, "duplicates": False, "preset": "balanced"},
    ],
    ids=str,
)
def test_what_changes_nothing_is_taken(given: dict[str, Any]) -> None:
    plain = {name: value for name, value in given.items() if name in ("mode", "flow")}
    assert np.array_equal(vsdeblur.restore(video(), **given), vsdeblur.restore(video(), **plain))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mode", "frame", "--preset", "best"], "--preset must be left out with --mode frame and --factor 1"),
        (["--mode", "frame", "--scene-cuts", "5"], "--scene-cuts must be left out with --mode frame"),
        (["--mode", "frame", "--solver", "keyframes"], "--solver must be left out with --mode frame"),
        (["--fps", "60", "--factor", "2"], "--factor must be left out with --fps, which sets it"),
        (["--slow", "2", "--factor", "2"], "--factor must be left out with --slow, which sets it"),
        (["--max-memory", "lots"], "--max-memory must be a positive number of bytes or a size"),
        (["--prior", "nope"], "--prior must be left out"),
        (["--encoder-option", "film"], "--encoder-option must be KEY=VALUE"),
    ],
)
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_transcode_in_the_words_of_the_command(clip: Path, words: list[str], message: str, quiet: list[str]) -> None:
    assert_refused(["transcode", str(clip), str(clip.with_suffix(".mkv")), *words, *quiet], message)


def test_inspect(clip: Path, picture: Path) -> None:
    assert_refused(["inspect", str(clip), "--fps", "50", "--factor", "2"], "--factor must be left out with --fps")
    assert_refused(["inspect", str(clip), "--blur-frame", "2"], "--blur-frame must be left out without --blur")
    for words in (["--factor", "2"], ["--preset", "fast"], ["--frames", "3"], ["--no-time"], ["--shutter", "1"]):
        assert_refused(["inspect", str(picture), *words], "must be left out for a still picture")


def test_image(picture: Path, tmp_path: Path) -> None:
    base = ["image", str(picture), str(tmp_path / "out.png")]
    assert_refused([*base, "--quality", "90"], "--quality must be left out for pictures that are stored without loss")
    words = ["--deconvolver", "richardson-lucy", "--noise", "0.1"]
    assert_refused([*base, *words], "--noise must be left out with --deconvolver richardson-lucy")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "64"], "--width must be left out without a CLIP"),
        (["--periods", "4"], "--periods must be left out without a CLIP"),
        (["--starts"], "--starts must be left out without a CLIP or --list"),
        (["--clips-dir", "."], "--clips-dir must be left out without --list"),
    ],
)
def test_bench(words: list[str], message: str) -> None:
    assert_refused(["bench", *words], message)


def assert_refused(words: list[str], message: str) -> None:
    result = CliRunner().invoke(main, words, prog_name="vsdeblur")
    assert result.exit_code == 2, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("vsdeblur: --"), line
    assert message in line


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fractions import Fraction

    from vsdeblur.filters.pyav.file.write import write_mp4

    path = tmp_path_factory.mktemp("refusals") / "clip.mp4"
    write_mp4(path, [np.full((48, 64, 3), 16 * n, np.uint8) for n in range(4)], Fraction(25))
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from vsdeblur.stills.deblur import save
    from vsdeblur.stills.still import Still, encode_still

    path = tmp_path / "picture.png"
    save(path, encode_still(Still(torch.rand(3, 32, 32), 8), "png"))
    return path


def test_sub_frames_count_where_rows_are_exposed_in_steps() -> None:
    given: dict[str, Any] = {"factor": 2, "mode": "frame", "readout": 0.5, "preset": "fast"}
    _, blurry = film(Scene(32, 48), 3, 8, 1.0, lambda light: light ** (1 / 2.2))
    v = blurry.transpose(0, 3, 1, 2).astype(np.float32) / 255
    assert not np.array_equal(vsdeblur.restore(v, quadrature="taps", **given), vsdeblur.restore(v, **given))
