"""The page of truly blurred clips: what is measured and what is shown."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import truly_blurred

from vsdeblur.bench import run
from vsdeblur.bench.protocol import Clip, Frames
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.synthetic.scene import Scene, film

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def blurry() -> Frames:
    return film(Scene(64, 96), 5, 8, 0.75, lambda light: light)[1]


def test_repeating_the_input_neither_overshoots_nor_looks_different(blurry: Frames) -> None:
    still = np.repeat(blurry[:1], 5, axis=0)
    rims = np.repeat(blurry, 2, axis=0).astype(int)
    rims[:, ::4] += 60
    made = {"input": np.repeat(blurry, 2, axis=0), "rims": rims.clip(0, 255).astype(np.uint8)}
    found = truly_blurred.Watched(Clip(Path("x.mp4")), 0.75, blurry, made).calm(2)
    assert found["input"].overshoot == 0
    assert found["rims"].overshoot > 5
    nothing = truly_blurred.Watched(Clip(Path("x.mp4")), 0.75, still, {"input": np.repeat(still, 2, axis=0)}).calm(2)
    assert (nothing["input"].overshoot, nothing["input"].pulse) == (0, 0)


def test_a_page_shows_every_frame_beside_what_became_of_it(
    blurry: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    write_mp4(tmp_path / "clips" / "pan.mp4", blurry, Fraction(30))
    (tmp_path / "list.toml").write_text(
        '[[clip]]\npath = "clips/pan.mp4"\nstart = 1\nperiods = 3\ncrop = [8, 0, 64, 64]\n'
    )
    command = ["--clips-dir", str(tmp_path), "--list", str(tmp_path / "list.toml"), "--presets", "fast"]
    monkeypatch.setattr(sys, "argv", ["x", *command, "--page", str(tmp_path / "page"), "--name", str(tmp_path / "r")])
    truly_blurred.main()
    pictures = sorted((tmp_path / "page").glob("*.png"))
    assert [path.name for path in pictures] == [f"pan-fast-000{n}.png" for n in (1, 2, 3)]
    shown = cv2.imread(str(pictures[0]))
    assert shown is not None
    assert shown.shape == (64, 3 * (64 + 4), 3)
    (clip,) = run.read_list(tmp_path / "list.toml", tmp_path)
    assert np.array_equal(shown[:, :64, ::-1], truly_blurred.load(clip, 1)[0])
    page = (tmp_path / "page" / "index.html").read_text()
    assert all(path.name in page for path in pictures)
    assert "| pan@1 |" in (tmp_path / "r.md").read_text()
