"""Before and after as one page: what is paired with what, what the page holds, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from tests.support.pyav import decode, write_clip
from vsdeblur.cli import main
from vsdeblur.engine.ways import WAYS
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.pages.compare import compare
from vsdeblur.pages.pairs import Pairing

Frames = list[npt.NDArray[np.uint8]]


def greys(levels: list[int], height: int = 48, width: int = 64) -> Frames:
    """Frames of one grey each."""
    return [np.full((height, width, 3), level, np.uint8) for level in levels]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Three frames, 10 a second: 0, 100, 200."""
    write_mp4(tmp_path / "before.mp4", greys([0, 100, 200]), Fraction(10), crf=1)
    return tmp_path / "before.mp4"


def levels(pairing: Pairing, start: float = 0.0, duration: float = 10.0) -> list[tuple[int, int]]:
    """The mean grey of every pair, in steps of 10."""
    return [
        (round(float(first.mean()) / 10) * 10, round(float(second.mean()) / 10) * 10)
        for first, second in pairing.pairs(start, duration)
    ]


def test_the_slower_rate_holds_its_frames(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "after.mp4", greys([10, 20, 110, 120, 210, 220]), Fraction(20), crf=1)
    pairing = Pairing.of(str(before), str(tmp_path / "after.mp4"), 64)
    assert (pairing.rate, pairing.slow, pairing.size) == (Fraction(20), 1.0, (48, 64))
    assert levels(pairing) == [(0, 10), (0, 20), (100, 110), (100, 120), (200, 210), (200, 220)]
    assert levels(pairing, 0.1, 0.1) == [(100, 110), (100, 120)]


def test_slow_motion_is_paired_by_what_it_shows(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "slow.mp4", greys([10, 20, 110, 120, 210, 220]), Fraction(10), crf=1)
    pairing = Pairing.of(str(before), str(tmp_path / "slow.mp4"), 64)
    assert (pairing.rate, pairing.slow) == (Fraction(10), 2.0)
    assert levels(pairing) == [(0, 10), (0, 20), (100, 110), (100, 120), (200, 210), (200, 220)]
    assert levels(pairing, 0.1) == [(100, 110), (100, 120), (200, 210), (200, 220)]


def test_pictures_are_scaled_to_the_width(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "large.mp4", greys([10, 110, 210], 96, 128), Fraction(10), crf=1)
    pairing = Pairing.of(str(before), str(tmp_path / "large.mp4"), 96)
    assert pairing.size == (72, 96)
    assert {picture.shape for pair in pairing.pairs(0, 1) for picture in pair} == {(72, 96, 3)}


def test_pictures_are_upright(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 2, (48, 64), rotation=90)  # to the left, as players turn it
    pairing = Pairing.of(str(source), str(source), 64)
    assert pairing.size == (48, 64)
    upright, _ = next(pairing.pairs(0, 1))
    assert np.array_equal(upright, np.rot90(decode(source)[0].to_ndarray(format="rgb24")))


def test_other_shapes_are_refused(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "wide.mp4", greys([0], 48, 96), Fraction(10))
    with pytest.raises(DeblurError, match=r"before\.mp4 is 64x48, .*wide\.mp4 is 96x48: give two videos"):
        Pairing.of(str(before), str(tmp_path / "wide.mp4"), 64)


def test_the_page_holds_the_video_and_loads_nothing(before: Path, tmp_path: Path) -> None:
    compare(before, before, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert re.findall(r"https?:|<link|@import|\bsrc=\"(?!data:)", text) == []
    assert 'data-count="3"' in text
    assert 'data-rate="10.0"' in text
    found = re.search(r"data:video/mp4;base64,([^\"]+)", text)
    assert found
    (tmp_path / "pairs.mp4").write_bytes(b64decode(found[1]))
    with av.open(str(tmp_path / "pairs.mp4")) as container:
        shapes = [frame.to_ndarray(format="rgb24").shape for frame in container.decode(video=0)]
    assert shapes == [(96, 64, 3)] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before.mp4", "page.html", "pairs.mp4"]


def test_two_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    soft = cv2.GaussianBlur(rng.integers(0, 255, (40, 60, 3), np.uint8), (0, 0), 3)
    for name, picture in (("soft.png", soft), ("flat.png", np.full_like(soft, 90))):
        cv2.imwrite(str(tmp_path / name), picture)
    compare(tmp_path / "soft.png", tmp_path / "flat.png", tmp_path / "page.html")
    found = re.search(r"data:image/jpeg;base64,([^\"]+)", (tmp_path / "page.html").read_text("utf-8"))
    assert found
    both = cv2.imdecode(np.frombuffer(b64decode(found[1]), np.uint8), cv2.IMREAD_COLOR)
    assert both is not None
    assert both.shape == (80, 60, 3)
    assert np.abs(both[:36].astype(int) - soft[:36]).mean() < 3
    assert np.abs(both[44:].astype(int) - 90).mean() < 3


def test_names_are_text(before: Path, tmp_path: Path) -> None:
    odd = before.rename(tmp_path / "a <b>&.mp4")
    compare(odd, odd, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "a &lt;b&gt;&amp;.mp4" in text
    assert "<b>" not in text


def test_what_cannot_be_compared(before: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((40, 64, 3), np.uint8))
    page = tmp_path / "page.html"
    with pytest.raises(DeblurError, match=r"one of .* is a picture"):
        compare(before, tmp_path / "a.png", page)
    with pytest.raises(DeblurError, match="one picture is 60x40, the other 64x40"):
        compare(tmp_path / "a.png", tmp_path / "b.png", page)
    with pytest.raises(DeblurError, match="start 5: there is nothing"):
        compare(before, before, page, start=5)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError):
        compare(before, tmp_path / "text.mp4", page)
    assert not page.exists()


def test_the_command(before: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["compare", str(before), str(before), "-o", str(page)]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{page} (")
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert again.stderr == f"vsdeblur: {page} exists: choose another name or pass --overwrite\n"
    assert CliRunner().invoke(main, [*arguments, "--overwrite"]).exit_code == 0
    over = CliRunner().invoke(main, ["compare", str(before), str(page), "-o", str(page), "--overwrite"])
    assert over.exit_code != 0
    assert "another file than the source" in over.stderr


def test_a_part_is_shown_beside_where_it_was_cut(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "part.mp4", greys([110, 120, 210, 220]), Fraction(20), crf=1)
    part = Pairing.of(str(before), str(tmp_path / "part.mp4"), 64, offset=0.1)
    assert levels(part) == [(100, 110), (100, 120), (200, 210), (200, 220)]
    assert levels(part, 0.1) == [(200, 210), (200, 220)]
    write_mp4(tmp_path / "slow.mp4", greys([110, 120, 210, 220]), Fraction(10), crf=1)
    slow = Pairing.of(str(before), str(tmp_path / "slow.mp4"), 64, offset=0.1, slow=2)
    assert levels(slow) == [(100, 110), (100, 120), (200, 210), (200, 220)]


def test_a_map_is_a_third_picture(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "after.mp4", greys([10, 20, 110, 120, 210, 220]), Fraction(20), crf=1)
    write_mp4(tmp_path / "map.mp4", greys([50, 60, 70, 80, 90, 100]), Fraction(20), crf=1)
    mapped = Pairing.of(str(before), str(tmp_path / "after.mp4"), 64, map_path=str(tmp_path / "map.mp4"))
    found = [round(float(third.mean()) / 10) * 10 for _, _, third in mapped.pairs(0, 10)]
    assert found == [50, 60, 70, 80, 90, 100]
    page = tmp_path / "page.html"
    words = ["compare", str(before), str(tmp_path / "after.mp4"), "--map", str(tmp_path / "map.mp4"), "-o", str(page)]
    assert CliRunner().invoke(main, words).exit_code == 0
    text = page.read_text("utf-8")
    assert 'id="map"' in text
    assert all(way.words in text for way in WAYS)
    video = re.search(r"data:video/mp4;base64,([^\"]+)", text)
    assert video
    (tmp_path / "three.mp4").write_bytes(b64decode(video[1]))
    assert {frame.height for frame in decode(tmp_path / "three.mp4")} == {3 * 48}


def test_a_map_of_something_else_is_refused(before: Path, tmp_path: Path) -> None:
    write_mp4(tmp_path / "wide.mp4", greys([0], 48, 96), Fraction(10))
    with pytest.raises(DeblurError, match=r"before\.mp4 is 64x48, .*wide\.mp4 is 96x48: give the map of the same job"):
        compare(before, before, tmp_path / "page.html", map_path=tmp_path / "wide.mp4")
    cv2.imwrite(str(tmp_path / "one.png"), np.full((40, 60, 3), 90, np.uint8))
    with pytest.raises(ArgumentError, match="map_path must be left out with pictures"):
        compare(tmp_path / "one.png", tmp_path / "one.png", tmp_path / "page.html", map_path=before)


def test_two_videos_are_compared_without_torch() -> None:
    code = "import sys, vsdeblur.pages.compare; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
