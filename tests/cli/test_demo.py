"""The demo: its scene, what it writes, and its last line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vsdeblur.bench import demo
from vsdeblur.filters.pyav.file.read import count_frames, read_rgb
from vsdeblur.synthetic.scene import Scene, film


def test_scene_is_a_function_of_time_alone() -> None:
    first, second = Scene(48, 64), Scene(48, 64)
    second.at(3.0)
    assert np.array_equal(first.at(1.25), second.at(1.25))
    assert not np.array_equal(first.at(1.25), first.at(1.5))
    assert first.at(0.0).shape == (48, 64, 3)


def test_filming_averages_light_and_not_stored_values() -> None:
    scene = Scene(48, 64)
    sharp, stored = film(scene, 2, 4, 1.0, lambda light: light**0.5)
    _, linear = film(scene, 2, 4, 1.0, lambda light: light)
    assert sharp.shape == (8, 48, 64, 3)
    # encoding comes after the mean: the square of what was stored is the linear exposure, up to rounding
    assert np.abs((stored / 255.0) ** 2 - linear / 255.0).max() < 1.5 / 255
    assert np.abs(stored.astype(int) - sharp[:4].mean(axis=0)).max() > 2


def test_objects_pass_in_front_of_one_another() -> None:
    scene = Scene(48, 64)
    motion = np.abs(scene.at(2.0) - scene.at(2.5)).mean(axis=2)
    assert motion.max() > 0.2  # a sign's edge
    assert np.median(motion) > 0.01  # the background pans too


def test_demo_writes_what_it_promises(tmp_path: Path) -> None:
    truth, blurry = demo.shoot((64, 96), periods=3)
    made = demo.Demo(blurry, truth, truth, 1.0)  # a perfect restoration
    before, after = made.scores()
    assert after.all == 60
    assert before.all < 40
    paths = demo.write(made, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["blurry.mp4", "sharp.mp4", "compare.mp4", "before-after.png"]
    assert [count_frames(path) for path in paths[:3]] == [3, 24, 24]
    first = next(read_rgb(paths[1], 0, 1))
    assert first.shape == (64, 96, 3)
    assert np.abs(first.astype(int) - truth[0]).mean() < 6


def test_demo_from_the_shell_ends_with_its_gain(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vsdeblur", "demo", "--preset", "fast", "--out", str(tmp_path / "d")]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=one_thread)
    assert done.returncode == 0, done.stderr
    match = re.fullmatch(r"gain ([+-]\d+\.\d\d) dB", done.stdout.splitlines()[-1])
    assert match
    assert float(match[1]) > 0
    assert {path.name for path in (tmp_path / "d").iterdir()} == {
        "blurry.mp4",
        "sharp.mp4",
        "compare.mp4",
        "before-after.png",
    }


def test_demo_that_cannot_write_says_so(tmp_path: Path) -> None:
    from vsdeblur.errors import InputError

    truth, blurry = demo.shoot((64, 96), periods=3)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        demo.write(demo.Demo(blurry, truth, truth, 1.0), tmp_path / "file")
