"""The map of a job: its times and size, its colours, and that it leaves the output as it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from tests.support.pyav import decode, picture, run, times, write_clip
from vsdeblur.cli import main
from vsdeblur.engine.ways import MOVED, STILL, WAYS
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav.file.map import map_frame

VARIABLE = [Fraction(t, 1000) for t in (0, 40, 60, 160, 200, 233)]


@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_a_map_has_the_outputs_times_and_changes_nothing(tmp_path: Path, end: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 6, (50, 34), times=VARIABLE, rate=Fraction(25), rotation=90)
    plain = run(source, tmp_path / "plain.mp4", 2)
    report = run(source, tmp_path / "out.mp4", 2, map=tmp_path / f"map.{end}")
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "plain.mp4").read_bytes()
    expected, found = times(tmp_path / "out.mp4"), times(tmp_path / f"map.{end}")
    assert len(found) == len(expected)
    rounding = Fraction(1, 1000) if end == "mkv" else 0  # Matroska's tick
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= rounding
    frames = decode(tmp_path / f"map.{end}")
    assert {(frame.width, frame.height, frame.rotation) for frame in frames} == {(50, 34, 90)}
    assert plain.ways == {}
    assert list(report.ways) == [way.name for way in WAYS]
    assert sum(report.ways.values()) == pytest.approx(1, abs=1e-3)
    assert report.as_dict()["ways"] == report.ways
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", f"map.{end}", "out.mp4", "plain.mp4"]


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p10le", "gray", "rgb24", "yuva420p", "gbrpf32le"])
def test_colours_stand_over_the_grey_of_the_picture(name: str) -> None:
    frame = picture(0, 47, 33, name)
    ways = torch.zeros(len(WAYS), 5, 7)
    ways[STILL] = 1
    still = map_frame(frame, ways).to_ndarray(format="rgb24").astype(int)
    assert still.shape == (32, 46, 3)
    assert np.abs(still - still[..., :1]).max() <= 2  # grey
    assert still.std() > 20  # and the picture
    ways[STILL], ways[MOVED] = 0, 1
    moved = map_frame(frame, ways).to_ndarray(format="rgb24").astype(int)
    colour = WAYS[MOVED].colour
    assert colour
    assert np.abs(moved.mean((0, 1)) - 0.45 * still.mean((0, 1)) - 0.55 * np.array(colour)).max() < 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"map": "map.gif"}, "map must be a file name that ends in .mp4, .mkv, .mov, not '"),
        ({"map": "out.mp4"}, "map must be another file than the output"),
        ({"map": "in.mp4", "overwrite": True}, "map must be another file than the source"),
        ({"map": "there.mp4"}, "there.mp4 exists"),
        ({"map": "map.mp4", "resume": True}, "map must be left out with resume, which makes the output in parts"),
        ({"map": "map.mp4", "segment": "1/2"}, "map must be left out with segment"),
        ({"map": "map.mp4", "solver": "admm"}, "map must be left out with solver=.admm., which knows no motion"),
    ],
)
def test_what_cannot_be_mapped_is_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    (tmp_path / "there.mp4").write_bytes(b"mine")
    with pytest.raises(DeblurError, match=message):
        run(source, tmp_path / "out.mp4", 2, **(given | {"map": tmp_path / given["map"]}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "there.mp4"]
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"


def test_no_map_is_left_where_the_job_fails(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no video")
    with pytest.raises(InputError):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4", 2, map=tmp_path / "map.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_the_command_says_the_shares_and_refuses_what_has_no_map(tmp_path: Path) -> None:
    source, out = write_clip(tmp_path / "in.mp4", 4), tmp_path / "out.mp4"
    words = ["transcode", str(source), str(out), "--preset", "fast", "--map", str(tmp_path / "map.mp4")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    assert "of the picture: " in done.stderr
    assert "%" in done.stderr
    refused = CliRunner().invoke(main, [*words, "--overwrite", "--cluster", "local:1"])
    assert refused.exit_code == 2
    assert "--map must be left out with --cluster, which makes the output in parts" in refused.stderr
    with pytest.raises(ArgumentError, match="map must be a file name"):
        run(source, tmp_path / "other.mp4", 2, map=3)
