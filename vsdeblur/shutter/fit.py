"""The shutter that explains the evidence, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vsdeblur.options import DEFAULT_SHUTTER
from vsdeblur.shutter.evidence import ACROSS, ALONG, STEP, Evidence, Lags

CONFIDENT = 0.1  # below this an estimate is not used, and the fallback is
_CANDIDATES = np.arange(2, 41) * (STEP / 2)  # 0.05 .. 1
_NEAR, _NEAR_WEIGHT = 1.5, 0.5  # pixels; lags that noise and the filters reach say less
_RIDGE = 0.2  # on the part that looks like no blur, so that it does not explain short blur away
_FEW = 0.01  # of the points that move, at which confidence has fallen to a half
_ERROR = 0.1  # of the period: the standard error at which it has


class Estimate(NamedTuple):
    """shutter: the open fraction of the period, in (0, 1]. confidence: in [0, 1]; 0 where nothing moves."""

    shutter: float
    confidence: float

    @property
    def usable(self) -> float:
        """The shutter where that is sure enough, else the fallback of half a period."""
        return self.shutter if self.confidence >= CONFIDENT else DEFAULT_SHUTTER


NOTHING = Estimate(DEFAULT_SHUTTER, 0.0)


def fit(evidence: Sequence[Evidence]) -> Estimate:
    """The shutter that frames share. The confidence falls with their disagreement and with few moving points."""
    asked = [one for one in evidence if one.points >= 1]
    if not asked:
        return NOTHING
    total = asked[0]
    for one in asked[1:]:
        total = total + one
    shutter = _best(total)
    if shutter is None:
        return NOTHING
    # The jackknife's standard error: how the estimate moves when a frame is left out; one frame may be odd.
    without = [_best(total - one) for one in asked] if len(asked) > 1 else []
    moved = sorted(abs(s - shutter) for s in without if s is not None)
    moved = moved[:-1] if len(moved) > 3 else moved
    error = float(np.sqrt((len(moved) - 1) / len(moved) * np.square(moved).sum())) if len(moved) > 1 else _ERROR
    return Estimate(shutter, 1 / ((1 + (error / _ERROR) ** 2) * (1 + (_FEW * total.seen / total.points) ** 2)))


def _best(evidence: Evidence) -> float | None:
    """The candidate whose trough lies where the evidence has it, between candidates by a parabola."""
    found, sharp = (sums[0] / np.maximum(sums[1], 1e-12) for sums in (evidence.along, evidence.across))
    if found[0] <= 0 or sharp[0] <= 0:
        return None
    weights = np.where(ALONG * evidence.travel / max(evidence.points, 1e-9) < _NEAR, _NEAR_WEIGHT, 1.0)
    found = weights * found / found[0]
    unblurred = weights * _expected(sharp, float(_CANDIDATES[0]))
    left = np.array([_unexplained(found, weights * _expected(sharp, float(s)), unblurred) for s in _CANDIDATES])
    best = int(left.argmin())
    shutter = float(_CANDIDATES[best])
    if 0 < best < len(left) - 1:
        before, at, after = left[best - 1 : best + 2]
        shutter += STEP / 4 * (before - after) / max(before - 2 * at + after, 1e-12)
    return float(shutter)


def _expected(sharp: Lags, shutter: float) -> Lags:
    """C(a) = (2 R(a) - R(a - s) - R(a + s)), as large as 1."""

    def r(a: Lags) -> Lags:
        return np.interp(np.abs(a), ACROSS, sharp)

    c: Lags = 2 * r(ALONG) - r(ALONG - shutter) - r(ALONG + shutter)
    return c / max(float(np.abs(c).max()), 1e-12)


def _unexplained(found: Lags, blurred: Lags, unblurred: Lags) -> float:
    """What is left of ``found`` by the best sum of the two others, neither counting negative.

    The size of ``blurred`` is free, so that no shutter wins by smoothing more: only the place of the trough
    counts. What stands still beside what moves, and noise, look like ``unblurred``.
    """
    aa, ab, bb = float(blurred @ blurred), float(blurred @ unblurred), (1 + _RIDGE) * float(unblurred @ unblurred)
    a, b = float(blurred @ found), float(unblurred @ found)
    scale = aa * bb - ab * ab + 1e-12
    one, two = (bb * a - ab * b) / scale, (aa * b - ab * a) / scale
    if one < 0:
        one, two = 0.0, max(b / bb, 0.0)
    elif two < 0:
        one, two = max(a / aa, 0.0), 0.0
    return float(np.square(found - one * blurred - two * unblurred).sum())
