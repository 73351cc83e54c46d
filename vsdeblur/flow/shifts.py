"""Shifts of whole frames: the likely ones of a pair, and whether they jump from pair to pair."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.at_once import at_once
from vsdeblur.tensors import box

# Of the width: how much a pair's shift differs from the last pair's where a camera shakes, or a pan sets in.
ERRATIC = 0.015
MIN_SHIFT_SIDE = 48  # rows and columns below which nothing is sought

_DETAIL = (17, 49)  # pixels: detail that is finer shows the shift
_PEAKS, _APART = 3, 4  # of a correlation, and pixels that they lie apart
_OVERLAP = 0.3  # of the picture, that two frames share at least


def is_shaken(frames: Tensor) -> bool:
    """Whether the picture as a whole jumps: two pairs in a row whose shifts differ, each for most of the picture.

    Args:
        frames: (n, h, w) grey.
    """
    if len(frames) < 3 or min(frames.shape[-2:]) < MIN_SHIFT_SIDE:
        return False
    scale = max(min(max(frames.shape[-2:]) // 160, min(frames.shape[-2:]) // 32), 1)
    pairs = list(pairwise(F.avg_pool2d(frames[None], scale)[0].cpu()))
    shifts = list(at_once(lambda pair: likely_shifts(*pair)[0], pairs, torch.get_num_threads()))
    least = ERRATIC * pairs[0][0].shape[-1]
    return any(
        float((after - before).norm()) > least
        and _explains_most(*pairs[n], before, after)
        and _explains_most(*pairs[n + 1], after, before)
        for n, (before, after) in enumerate(pairwise(shifts))
    )


def _explains_most(a: Tensor, b: Tensor, own: Tensor, other: Tensor) -> bool:
    """Whether the shift ``own`` explains most places of a pair of frames (h, w) better than ``other``, or none, does.

    A thing that moves, or a repeated pattern, may lead a pair's shift astray while the picture goes on as before.
    """
    by_own = _residual_by(a, b, own)
    for shift in (other, torch.zeros(2)):
        if not torch.equal(own, shift):
            by_other = _residual_by(a, b, shift)
            known = ~(by_own + by_other).isnan()
            if not bool(known.any()) or float((by_own < by_other)[known].float().mean()) <= 0.5:
                return False
    return True


def _residual_by(a: Tensor, b: Tensor, shift: Tensor) -> Tensor:
    """|b(x + shift) - a(x)|, means of cells of 8 x 8; NaN where a cell is not wholly in both."""
    x, y = (int(v) for v in shift)
    height, width = a.shape
    rows, columns = slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x))
    residual = torch.full_like(a, float("nan"))
    residual[rows, columns] = (torch.roll(b, (-y, -x), (0, 1)) - a)[rows, columns].abs()
    return F.avg_pool2d(residual[None], 8)[0]


def likely_shifts(a: Tensor, b: Tensor) -> list[Tensor]:
    """The likely shifts of a pair of frames (h, w) in whole pixels, each (2,), the likeliest first.

    Peaks of the normalised cross-correlation of what the frames share (Padfield, IEEE TIP 2012). Not whitened:
    differing blur would leave a whitened correlation without a peak. Long blur leaves coarser detail alone to go by.
    """
    found: list[Tensor] = []
    for size in _DETAIL:
        fine = [x - box(x[None, None], size)[0, 0] for x in (a, b)]
        score = _correlation(fine[0], fine[1])
        for _ in range(_PEAKS):
            y, x = divmod(int(score.argmax()), score.shape[1])
            score[max(y - _APART, 0) : y + _APART + 1, max(x - _APART, 0) : x + _APART + 1] = -1
            shift = torch.tensor([x - score.shape[1] // 2, y - score.shape[0] // 2]).float()
            if all((shift - other).norm() > _APART for other in found):
                found.append(shift)
    return found


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Normalised cross-correlation (2 h, 2 w) of two pictures, no shift in the middle."""
    height, width = a.shape
    size = (2 * height, 2 * width)

    def correlated(x: Tensor, y: Tensor) -> Tensor:
        """The correlation of two pictures, by their spectra."""
        found: Tensor = torch.fft.irfft2(x.conj() * y, size)
        return found

    one, of_a, of_b = (torch.fft.rfft2(x, size) for x in (torch.ones_like(a), a, b))
    shared = correlated(one, one).clamp(min=1)
    sum_a, sum_b = correlated(of_a, one), correlated(one, of_b)
    squared_a, squared_b = (torch.fft.rfft2(x * x, size) for x in (a, b))
    power_a = (correlated(squared_a, one) - sum_a.square() / shared).clamp(min=1e-9)
    power_b = (correlated(one, squared_b) - sum_b.square() / shared).clamp(min=1e-9)
    score = (correlated(of_a, of_b) - sum_a * sum_b / shared) / (power_a * power_b).sqrt()
    score[shared < _OVERLAP * height * width] = -1
    centred: Tensor = torch.fft.fftshift(score)
    return centred
