"""Light that changes from frame to frame, and parts of the picture that change as a whole.

    v_n(x) = g_n(x) * (mean over the exposure of u(x, t)),         g_n smooth in x, a gain for each colour

A flash, a strobe, a lamp that is switched, lightning and fades change how bright an exposure is, not what it shows. A
model without g_n blends two brightnesses inside one exposure, and the residual then overshoots both. So the gain is
taken out of the frames before motion is found and key frames are solved, and put back at the instants by their own
exposure (``vsdeblur.camera.light``). Where no change is found it is exactly 1.

Where two frames differ though those before and those after agree (a picture in the picture that cuts), and where one
frame differs from both because it is black or white there (a flash that clips), they are as unrelated as across a cut.

Both are judged from the pairs of a window alone (``vsdeblur.clip.pairs``), so that chunks agree on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vsdeblur.camera.light import Light
from vsdeblur.clip.pairs import DARKEST, SEEN, Pair, compare, display, small
from vsdeblur.tensors import box, greatest, smoothstep
from vsdeblur.window import Window

_STRONG = math.log(1.5), math.log(2.5)  # change of light: the ramp from which on neighbours are not blended
_USUAL = 0.7  # the quantile of the frames whose light is taken for all: a flash is not, and neither is what is dark
_BLOCK = 5  # points of small pictures: the least side of a part that changes as a whole
_CALM = 9  # points around which neither the pair before nor the one after may differ
_CHANGED = 0.5  # of ``Pair.mismatch``
_PART, _CLIPPED_PART = 0.01, 0.05  # of the picture: the least of what cuts, and of what clips
_CALM_PART = 0.2  # of such a part: as much may differ before it and after it, anywhere
_REACH, _FOUND, _PLAIN = 8, 0.6, 0.02  # points around a part where it is looked for; correlation; deviation to compare
_BEYOND = 2  # points by which parts are enlarged: their edge lies between points
_BLACK, _WHITE = 0.01, 0.9  # light


def find_light(window: Window) -> Light | None:
    """The light of a window's frames as they are; None where nothing changes but by motion."""
    pictures = small(window.frames[:, : window.colour]).cpu()  # where flow and correlation are computed
    logs = torch.zeros_like(pictures)
    local_cuts = pictures.new_zeros(len(pictures), 1, *pictures.shape[-2:])
    steps = torch.zeros_like(local_cuts)  # how much the logarithm changes to a picture, the most of the colours
    for first, end in window.scenes:
        scene = _Scene(pictures[first:end])
        logs[first:end], local_cuts[first:end, 0] = scene.logs(), scene.local_cuts()
        steps[first + 1 : end] = logs[first:end].diff(dim=0).abs().amax(1, keepdim=True)
    if not bool(logs.any()) and not bool(local_cuts.any()):
        return None
    usual = logs.mean((1, 2, 3)).argsort()[int(_USUAL * (len(logs) - 1))]
    gains = (logs - logs[usual]).exp()
    return Light(gains, local_cuts, torch.maximum(local_cuts, smoothstep(steps, *_STRONG)))


class _Scene:
    """The small pictures (n, C, h, w) of one scene, and the pairs that are looked at."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures
        self._pairs: dict[tuple[int, int], Pair] = {}

    def pair(self, n: int, m: int) -> Pair:
        if (n, m) not in self._pairs:
            self._pairs[n, m] = compare(self.pictures[n], self.pictures[m])
        return self._pairs[n, m]

    def logs(self) -> Tensor:
        """The logarithms of the gains relative to the first picture's, (n, C, h, w).

        After a change the picture before the last one decides, where it shows more of the same: a flash that ends, or
        the next beat of a strobe, gives back the very gain that there was, and errors do not add up.
        """
        logs = torch.zeros_like(self.pictures)
        for n in range(1, len(logs)):
            step, since = self.pair(n - 1, n), n - 1
            if n > 1 and (bool(step.gain.any()) or step.seen < _CHANGED):
                longer = self.pair(n - 2, n)
                if longer.seen >= max(step.seen / 2, SEEN):
                    step, since = longer, n - 2
            logs[n] = logs[since] + step.gain
        return logs

    def local_cuts(self) -> Tensor:
        """(n, h, w) in [0, 1]: where each picture is unrelated to the one before it."""
        cuts = self.pictures.new_zeros(len(self.pictures), *self.pictures.shape[-2:])
        mismatch = [self.pair(n, n + 1).mismatch for n in range(len(cuts) - 1)]
        for n in range(2, len(mismatch)):
            before, here, after = mismatch[n - 2 : n + 1]
            cut = _blocks(here, [before, after], _PART)
            if bool(cut.any()) and not self._moved(cut, n):
                cuts[n] = torch.maximum(cuts[n], cut)
        for n in range(1, len(cuts)):
            if self._lost(n):
                cuts[n] = 1
        for n in range(1, len(mismatch)):
            odd = torch.minimum(mismatch[n - 1], mismatch[n]) * self._extreme(n)
            if bool((odd > _CHANGED).any()):
                odd = _blocks(odd, [self.pair(n - 1, n + 1).mismatch], _CLIPPED_PART)
                cuts[n : n + 2] = torch.maximum(cuts[n : n + 2], odd)
        return cuts

    def _lost(self, n: int) -> bool:
        """Whether picture n is so dark or bright that what it has in common with the one before is not known."""
        before, here = (max(float(self.pictures[k].mean()), 0.0) + DARKEST for k in (n - 1, n))
        return self.pair(n - 1, n).seen < SEEN and abs(math.log(here / before)) > _STRONG[0]

    def _moved(self, part: Tensor, n: int) -> bool:
        """Whether what a part (h, w) of picture n - 1 shows, or of picture n, is elsewhere in the other one."""
        rows, columns = (part.amax(1 - k).nonzero()[:, 0] for k in (0, 1))
        y, x = (slice(int(at[0]), int(at[-1]) + 1) for at in (rows, columns))
        reach = max(y.stop - y.start, x.stop - x.start) // 2 + _REACH
        around = slice(max(y.start - reach, 0), y.stop + reach), slice(max(x.start - reach, 0), x.stop + reach)
        a, b = (display(self.pictures[k]) for k in (n - 1, n))
        return max(_likeness(p[:, *around], q[:, y, x]) for p, q in ((a, b), (b, a))) > _FOUND

    def _extreme(self, n: int) -> Tensor:
        """(h, w): 1 where picture n is black or white around a point."""
        picture = box(self.pictures[n : n + 1], _BLOCK)
        black, white = picture.amax(1) < _BLACK, picture.amax(1) > _WHITE
        return (black | white)[0].to(picture)


def _blocks(here: Tensor, beside: Sequence[Tensor], least: float) -> Tensor:
    """(h, w): 1 on the larger parts of ``here``, if they make up ``least`` of it and ``beside`` is calm as a whole."""
    alone = here
    for other in beside:
        alone = alone * (1 - _dilated(other, _CALM))
    parts = _dilated(-_dilated(-(alone > _CHANGED).to(here), _BLOCK), _BLOCK)
    part = float(parts.mean())
    if part < least or any(float(other.mean()) > _CALM_PART * part for other in beside):
        return torch.zeros_like(here)
    return _dilated(parts, 2 * _BEYOND + 1)


def _likeness(picture: Tensor, part: Tensor) -> float:
    """The largest correlation of a part with any place of the same size in a picture, (C, h, w) each."""
    import cv2

    grey = [np.ascontiguousarray(x.mean(0).numpy(), np.float32) for x in (picture, part)]
    if float(grey[1].std()) < _PLAIN:
        return 0.0
    return float(cv2.matchTemplate(grey[0], grey[1], cv2.TM_CCOEFF_NORMED).max())


def _dilated(x: Tensor, size: int) -> Tensor:
    """x (h, w), by a square of ``size`` points."""
    return greatest(x[None, None], size)[0, 0]
