"""Motion and instants beside a change of light, and beside a local cut: a part of the picture that cuts.

Where a frame and the one before it are unrelated, both are as they would be if a scene opened there. So motion is found
and instants are rendered twice, without and with that cut, and the second counts in that part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.light import Light, gain_at
from vsdeblur.clip.pairs import display, small
from vsdeblur.colour.display import MATCHING_EXPONENT
from vsdeblur.flow.motion import Motion, MotionEngine
from vsdeblur.footprint import FrameSize
from vsdeblur.window import Window

_TOLERANCE = 0.5 / 255  # display values by which a mean may leave the range of those around it

Within = Callable[[Tensor, float], Tensor]  # what changes the picture (C, H, W) of an instant
Instants = Callable[[float], Tensor]  # what gives the picture (C, H, W) at an instant of the clip


def find_window_motion(find: MotionEngine, window: Window, shutter: float) -> Motion:
    """The motion of a window; one-sided at local cuts, and no path leads to where light changes too much."""
    motion, light = find(window, shutter), window.light
    if light is None or not bool(light.unblended.any()):
        return motion
    size = (motion.path.shape[-2], motion.path.shape[-1])
    path, reliability = motion.path, motion.reliability
    if bool(light.local_cuts.any()):
        at_cuts = [n for n in range(len(window.frames)) if bool(light.local_cuts[n].any())]
        one_sided = find(replace(window, cuts=window.cuts | {window.start + n for n in at_cuts}), shutter)
        beside = _at(_either_side(light.local_cuts), size, path)
        path, reliability = _mixed(path, one_sided.path, beside), torch.lerp(reliability, one_sided.reliability, beside)
    before = _at(light.unblended, size, path)
    after = torch.cat((before[1:], torch.zeros_like(before[:1])))
    return Motion(path, reliability, motion.occlusion * (1 - torch.cat((after, before), 1)))


def with_unblended(at: Instants, unblended: Instants, window: Window, light: Light, device: torch.device) -> Instants:
    """Instants of ``at``, those of ``unblended`` where neighbours are not to be blended."""
    there = replace(light, unblended=light.unblended.to(device))  # what is decided is read from the host's

    def instant(t: float) -> Tensor:
        mask = light.unblended_beside(frame_at(window, t))
        if not bool(mask.any()):
            return at(t)
        if bool((mask == 1).all()):
            return unblended(t)
        u = at(t)
        mask = there.unblended_beside(frame_at(window, t))
        return torch.lerp(u, unblended(t), _at(mask, (u.shape[-2], u.shape[-1]), u)[0])

    return instant


def gains_of(window: Window, device: torch.device) -> Callable[[Tensor, float], Tensor]:
    """What puts the gain of its own frame back into the picture (C, H, W) of an instant, which is overwritten."""
    light = window.light
    if light is None:
        return lambda picture, _: picture
    changed, gains = [bool((gain != 1).any()) for gain in light.gains], light.gains.to(device)

    def with_gain(picture: Tensor, t: float) -> Tensor:
        n = frame_at(window, t)
        if changed[n]:
            picture[: gains.shape[1]] *= gain_at(gains[n : n + 1], picture)
        return picture

    return with_gain


def within_exposures(window: Window) -> Within:
    """What keeps the mean of an instant within those of the two exposures around it, where their light differs.

    A gain that is found along the motion has in it how brightness slopes across the picture, and an instant that is
    carried from one exposure alone takes the slope along. Means are of display values; the instant is scaled by

        s^d = min(max(m, lo - TOLERANCE), hi + TOLERANCE) / m,        d the exponent of those values

    Args:
        window: The window, its frames without changes of light; they are read at once.

    Returns:
        A function of an instant's picture (C, H, W) with its gain put back, which is overwritten, and of its time.
    """
    light = window.light
    if light is None:
        return lambda picture, _: picture
    changed = [bool((gain != 1).any()) for gain in light.gains]

    def mean_of(n: int) -> float:
        frame = window.frames[n, : window.colour].clone()
        return float(_mean(frame.mul_(gain_at(light.gains[n : n + 1], frame))))

    every, window = [mean_of(n) for n in range(len(changed))], window.without_frames()

    def within(picture: Tensor, t: float) -> Tensor:
        n = frame_at(window, t)
        around = _around(window, n, t)
        if not any(changed[k] for k in around):
            return picture
        means = [every[k] for k in around]
        mean = _mean(picture[: window.colour]).clamp(min=_TOLERANCE)
        kept = mean.clamp(min(means) - _TOLERANCE, max(means) + _TOLERANCE)
        picture[: window.colour] *= (kept / mean).pow(1 / MATCHING_EXPONENT)
        return picture

    return within


def _around(window: Window, n: int, t: float) -> tuple[int, ...]:
    """The exposures between whose middles an instant lies in the period of frame n: one at the end of a scene."""
    shutter = window.shutters[n] if window.shutters else 0.0
    other = n + 1 if t - window.start - n > shutter / 2 else n - 1
    first, end = next(scene for scene in window.scenes if scene[0] <= n < scene[1])
    return (n, other) if first <= other < end else (n,)


def _mean(picture: Tensor) -> Tensor:
    """Of the display values of a picture (C, H, W); pooled, so that the number of threads changes no bit of it."""
    return small(display(picture)[None]).mean()


def cleaning_footprint(size: FrameSize, frames: int) -> int:
    """Bytes, beside a window of so many frames, while what changes or lies over them is taken out.

    Their copy; and a gain, or of a frame under an overlay its share, the sums along rows and columns, and their edges.
    """
    return (frames + 6) * size.frame


def unblended_footprint(size: FrameSize, *, refined: bool, rolling: bool) -> int:
    """Bytes, beside rendering, of what is kept where some neighbours are not blended and instants are composed twice.

    The residuals of two exposures once more, with a rolling shutter of three; with the learned step at instants its
    changes over them too.
    """
    return (2 + rolling) * (1 + refined) * size.frame


def frame_at(window: Window, t: float) -> int:
    """The number in the window of the frame in whose period an instant of the clip lies."""
    return min(max(math.floor(t) - window.start, 0), len(window.frames) - 1)


def _either_side(mask: Tensor) -> Tensor:
    """A mask of cuts before frames (n, 1, h, w) as one of cuts before or after them."""
    return torch.maximum(mask, torch.cat((mask[1:], torch.zeros_like(mask[:1]))))


def _at(mask: Tensor, size: tuple[int, int], like: Tensor) -> Tensor:
    return F.interpolate(mask.to(like), size, mode="bilinear")


def _mixed(path: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Paths of four or six channels."""
    if other.shape[1] < path.shape[1]:
        other = torch.cat((other, torch.zeros_like(path[:, other.shape[1] :])), 1)
    elif path.shape[1] < other.shape[1]:
        path = torch.cat((path, torch.zeros_like(other[:, path.shape[1] :])), 1)
    return torch.lerp(path, other, share)
