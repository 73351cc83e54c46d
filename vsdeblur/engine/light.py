"""Motion and instants beside a change of light, and beside a part of the picture that cuts.

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

from vsdeblur.camera.light import Light
from vsdeblur.flow.motion import Motion, MotionEngine
from vsdeblur.window import Window

Instants = Callable[[float], Tensor]  # what gives the picture (C, H, W) at an instant of the clip


def find_window_motion(find: MotionEngine, window: Window, shutter: float) -> Motion:
    """The motion of a window; one-sided where it breaks, and no path leads to where light changes too much."""
    motion, light = find(window, shutter), window.light
    if light is None or not bool(light.apart.any()):
        return motion
    size = (motion.path.shape[-2], motion.path.shape[-1])
    path, reliability = motion.path, motion.reliability
    if bool(light.breaks.any()):
        broken = [n for n in range(len(window.frames)) if bool(light.breaks[n].any())]
        parted = find(replace(window, cuts=window.cuts | {window.start + n for n in broken}), shutter)
        beside = _at(_either_side(light.breaks), size, path)
        path, reliability = _mixed(path, parted.path, beside), torch.lerp(reliability, parted.reliability, beside)
    before = _at(light.apart, size, path)
    after = torch.cat((before[1:], torch.zeros_like(before[:1])))
    return Motion(path, reliability, motion.occlusion * (1 - torch.cat((after, before), 1)))


def parted(
    at: Callable[[float], Tensor], apart: Callable[[float], Tensor], window: Window, light: Light
) -> Callable[[float], Tensor]:
    """Instants of ``at``, those of ``apart`` where neighbours are not to be blended."""

    def instant(t: float) -> Tensor:
        edges = light.edges(period(window, t))
        if not bool(edges.any()):
            return at(t)
        if bool((edges == 1).all()):
            return apart(t)
        u = at(t)
        return torch.lerp(u, apart(t), _at(edges, (u.shape[-2], u.shape[-1]), u)[0])

    return instant


def in_its_light(picture: Tensor, window: Window, t: float) -> Tensor:
    """The picture (C, H, W) of an instant in the light of its own exposure and under the overlay; overwritten."""
    n = period(window, t)
    if window.light is not None:
        picture = window.light.put_back(picture, n)
    return picture if window.overlay is None else window.overlay.put_back(picture, n)


def period(window: Window, t: float) -> int:
    """The number in the window of the frame in whose period an instant of the clip lies."""
    return min(max(math.floor(t) - window.start, 0), len(window.frames) - 1)


def _either_side(breaks: Tensor) -> Tensor:
    """Of breaks before frames (n, 1, h, w) those before or after them."""
    return torch.maximum(breaks, torch.cat((breaks[1:], torch.zeros_like(breaks[:1]))))


def _at(mask: Tensor, size: tuple[int, int], like: Tensor) -> Tensor:
    return F.interpolate(mask, size, mode="bilinear").to(like)


def _mixed(path: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Paths of four or six channels."""
    if other.shape[1] < path.shape[1]:
        other = torch.cat((other, torch.zeros_like(path[:, other.shape[1] :])), 1)
    elif path.shape[1] < other.shape[1]:
        path = torch.cat((path, torch.zeros_like(other[:, path.shape[1] :])), 1)
    return torch.lerp(path, other, share)
