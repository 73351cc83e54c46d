"""Plots over time: what is drawn where."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from vsdeblur.pages.plots import course_plots

COURSE = {
    "seconds": 8.0,
    "motion": [(0.0, 1.0, 4.0), (4.0, 2.0, 12.0), (8.0, 1.0, 3.0)],
    "shutter": [(1.0, 0.5, 0.9), (6.0, 0.25, 0.1)],
    "noise": [(2.0, 1.5)],
    "cuts": [4.0],
}


def test_points_lie_where_their_values_are() -> None:
    text = course_plots(COURSE)
    motion, shutter, noise = re.findall(r"<svg.*?</svg>", text)
    ElementTree.fromstring(text)
    path = re.search(r'class="line0"><path d="M([^"]+)"', motion)
    assert path
    points = [tuple(map(float, point.split())) for point in path[1].split("L")]
    ticks = {float(value): float(y) - 4 for y, value in re.findall(r'y="([\d.]+)" text-anchor="end">([\d.]+)<', motion)}
    assert max(ticks) >= 12
    zero, scale = ticks[0.0], (ticks[0.0] - ticks[max(ticks)]) / max(ticks)
    assert [round((zero - y) / scale, 1) for _, y in points] == [4.0, 12.0, 3.0]
    assert points[1][0] - points[0][0] == points[2][0] - points[1][0]
    assert f'class="cut" d="M{points[1][0]} ' in motion
    strong, weak = (float(one) for one in re.findall(r'opacity="([\d.]+)"', shutter))
    assert strong > 0.8
    assert weak < 0.3
    assert "confidence 0.90" in shutter
    assert noise.count("<circle") == 1
    assert 'aria-label="Noise in mid grey, of 255: standard deviation 1.5 to 1.5; 1 cuts"' in noise


def test_what_is_not_known_is_not_drawn() -> None:
    nothing = {"seconds": None, "motion": [], "shutter": [], "noise": [], "cuts": []}
    assert course_plots(nothing) == ""
    assert course_plots({**nothing, "shutter": [(1.0, 0.5, 0.9)]}).count("<svg") == 1
    still = course_plots({**nothing, "seconds": 3.0, "motion": [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)]})
    assert still.count("<svg") == 1
    ElementTree.fromstring(still)
