"""The clips of benchmarks/adapt.py: what is done to them, and that each stands for something else."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from adapt import MADE, SHOWN, Case, line, made
from common import HERE

from vsdeblur.bench.protocol import Clip
from vsdeblur.bench.run import read_list


def case(what: str) -> Case:
    return Case(what, Clip(Path("clip.mp4"), 64), "key-frames", 1.0, 4, 4, 0)


def test_the_list_has_six_kinds_of_clips() -> None:
    clips = read_list(HERE / "adapt.toml")
    assert [clip.path.stem for clip in clips] == list(SHOWN)
    assert len(set(SHOWN.values())) == 6
    assert set(MADE) <= set(SHOWN.values())


@pytest.mark.parametrize(
    ("what", "brightness", "least", "most"),
    [("text", 1.0, 0.0, 0.5), ("night", 0.25, 1.5, 3.0), ("noise and compression", 1.0, 0.8, 4.0)],  # the codec smooths
)
def test_clips_are_darkened_and_made_noisy(what: str, brightness: float, least: float, most: float) -> None:
    sharp = np.broadcast_to(np.linspace(40, 200, 64).astype(np.uint8)[:, None], (16, 64, 64, 3)).copy()
    truth, blurry = made(sharp, case(what))
    assert truth.mean() == pytest.approx(brightness * sharp.mean(), rel=0.02)
    assert blurry.shape == (4, 64, 64, 3)
    assert blurry.mean() == pytest.approx(truth.mean(), rel=0.05)
    error = float(np.std(blurry[0].astype(float) - truth[0]))
    assert least <= error < most


def test_a_choice_that_was_wrong_says_so() -> None:
    row = {"bundled": 30.0, "new": 29.9, "agreement": [0.02], "kept": True, "right": False, "steps": 7}
    assert line("text", row) == ["text", "30.00", "-0.100", "+0.020", "kept, wrong", "7"]
