"""The slider as a browser runs it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.browser import found_in, works
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.pages.compare import compare


@pytest.fixture(autouse=True)
def _browser() -> None:
    if not works():
        pytest.skip("there is no Chromium that starts")


def near(found: list[int], grey: int) -> bool:
    """Whether a pixel is of about that grey."""
    return max(abs(value - grey) for value in found) <= 6


def test_a_video_steps_and_the_divider_moves(tmp_path: Path) -> None:
    for name, levels in (("before", [40, 80]), ("after", [160, 180, 200, 220])):
        frames = [np.full((64, 96, 3), level, np.uint8) for level in levels]
        write_mp4(tmp_path / f"{name}.mp4", frames, Fraction(len(levels) * 2), crf=1)
    compare(tmp_path / "before.mp4", tmp_path / "after.mp4", tmp_path / "page.html")
    found = found_in(
        tmp_path / "page.html",
        """
        await until(() => medium.readyState >= 2);
        const seen = {rate, count, played: !medium.paused};
        choose("place", 0);
        await until(() => !medium.seeking && shown0());
        function shown0() { return get("said").textContent === "1 / 4"; }
        seen.first = [pixel(10, 30), pixel(85, 30)];
        press("ArrowRight");
        await until(() => get("said").textContent === "2 / 4");
        press("ArrowRight");
        await until(() => get("said").textContent === "3 / 4");
        seen.third = [pixel(10, 30), pixel(85, 30)];
        choose("divider", 1000);
        seen.all_before = pixel(85, 30);
        choose("divider", 0);
        seen.all_after = pixel(10, 30);
        choose("zoom", "2", "change");
        seen.zoomed = canvas.getBoundingClientRect().width;
        choose("speed", "0.25", "change");
        seen.speed = medium.playbackRate;
        press("ArrowLeft");
        await until(() => get("said").textContent === "2 / 4");
        seen.back = pixel(10, 30);
        seen.wide = document.documentElement.scrollWidth <= innerWidth;
        return seen;
        """,
        tmp_path,
        width=480,
    )
    assert isinstance(found, dict), found
    assert (found["rate"], found["count"], found["zoomed"], found["speed"]) == (8, 4, 192, 0.25)
    assert near(found["first"][0], 40)
    assert near(found["first"][1], 160)
    assert near(found["third"][0], 80)
    assert near(found["third"][1], 200)
    assert near(found["all_before"], 80)
    assert near(found["all_after"], 200)
    assert near(found["back"], 180)
    assert found["wide"]


def test_pictures(tmp_path: Path) -> None:
    for name, level in (("before.png", 50), ("after.png", 200)):
        cv2.imwrite(str(tmp_path / name), np.full((60, 80, 3), level, np.uint8))
    compare(tmp_path / "before.png", tmp_path / "after.png", tmp_path / "page.html")
    found = found_in(
        tmp_path / "page.html",
        """
        await until(() => medium.complete);
        await medium.decode();
        draw();
        choose("divider", 250);
        return [pixel(5, 30), pixel(40, 30)];
        """,
        tmp_path,
    )
    assert near(found[0], 50)
    assert near(found[1], 200)
