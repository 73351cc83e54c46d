"""Plots over time as SVG within a page: they take the page's colours and load nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 400, 120
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 12, 8, 20
_SHUTTER = "Shutter, part of the frame period: each place alone, the stronger the surer"
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, or with ``sure`` points alone, each as strong as it is sure.

    Attributes:
        name: In the legend.
        points: (time in seconds, value), ascending.
        sure: Of each point, up to 1; empty for a line.
    """

    name: str
    points: Sequence[tuple[float, float]]
    sure: Sequence[float] = ()


def course_plots(course: Mapping[str, Any]) -> str:
    """Figures of motion, shutter and noise over time, from what ``inspect --json`` has under "course"; HTML."""
    motion, shutter, noise, cuts = (course[name] for name in ("motion", "shutter", "noise", "cuts"))
    last = [entry[0] for entries in (motion, shutter, noise) for entry in entries]
    seconds = course["seconds"] or max(last, default=0.0)
    if not seconds:
        return ""
    most = Line("95% stay below", [(time, high) for time, _, high in motion])
    middle = Line("median", [(time, half) for time, half, _ in motion])
    estimate = Line("estimate", [(time, part) for time, part, _ in shutter], [sure for _, _, sure in shutter])
    grain = Line("standard deviation", [(time, level) for time, level in noise])
    figures = [
        _figure("Motion, pixels per frame period", [most, middle], seconds, cuts),
        _figure(_SHUTTER, [estimate], seconds, cuts, 1.0),
        _figure("Noise in mid grey, of 255", [grain], seconds, cuts),
    ]
    return f'<div class="plots">{"".join(figures)}</div>'


def _figure(title: str, lines: Sequence[Line], seconds: float, cuts: Sequence[float], top: float | None = None) -> str:
    """A plot with its title; empty where there is nothing to show."""
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    highest = max(value for line in lines for _, value in line.points)
    step = _round_step((top or highest or 1.0) / 3)
    top = top or step * math.ceil((highest or 1.0) / step)
    said = "; ".join(_in_words(line) for line in lines) + (f"; {len(cuts)} cuts" if cuts else "")
    marks = "".join(f'<path class="cut" d="M{_x(cut, seconds):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>' for cut in cuts)
    drawn = "".join(f'<g class="line{n}">{_drawn(line, seconds, top)}</g>' for n, line in enumerate(lines))
    names = [f'<span class="line{n}">{escape(line.name)}</span>' for n, line in enumerate(lines)]
    names += ['<span class="cut">cut</span>'] if cuts else []
    legend = f'<span class="legend">{" ".join(names)}</span>' if len(names) > 1 else ""
    return (
        f"<figure><figcaption>{escape(title)} {legend}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(f"{title}: {said}")}">'
        f"{_axes(seconds, top, step)}{marks}{drawn}</svg></figure>"
    )


def _in_words(line: Line) -> str:
    values = [value for _, value in line.points]
    return f"{line.name} {min(values):.3g} to {max(values):.3g}"


def _axes(seconds: float, top: float, step: float) -> str:
    texts: list[str] = []
    for value in _ticks(top, step):
        y = _y(value, top)
        texts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        texts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    step = _round_step(seconds / 4)
    for value in _ticks(seconds, step):
        x = _x(value, seconds)
        texts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{_time(value, step)}</text>')
    return "".join(texts)


def _time(seconds: float, step: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    return f"{int(seconds // 60)}:{seconds % 60:02.0f}" if step >= 1 else f"{seconds:.1f} s"


def _ticks(top: float, step: float) -> Iterable[float]:
    return (n * step for n in range(int(top / step + 1e-6) + 1))


def _round_step(about: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten, the next above."""
    unit = 10.0 ** math.floor(math.log10(about))
    return unit * next(step for step in _STEPS if step * unit >= about * 0.999)


def _drawn(line: Line, seconds: float, top: float) -> str:
    places = [(_x(time, seconds), _y(min(value, top), top)) for time, value in line.points]
    if line.sure or len(places) == 1:
        sure = line.sure or [1.0]
        return "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" opacity="{0.15 + 0.85 * one:.2f}"><title>{value:.3g}'
            f"{f', confidence {one:.2f}' if line.sure else ''}</title></circle>"
            for (x, y), (_, value), one in zip(places, line.points, sure, strict=True)
        )
    return f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'


def _x(time: float, seconds: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(time / seconds, 0.0), 1.0)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top
