"""Frames that are blurred by more than their motion, independently: shaken as in a burst, or by a knock.

Flow between two such frames looks reliable, since they show the same things; its paths just do not explain the blur.
Two tests: one of milliseconds on every frame, whether its fine detail lacks what its motion left; and only then the
estimate of the camera's path from the frame alone, which has its own confidence. That blur is undone before the window
is solved, so that neighbours do not suffer, and their coupling then mends what deconvolution left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.crossing import together
from vsdeblur.engine.per_frame import per_frame_weight
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.resolution import downsampled, upsampled
from vsdeblur.tensors import MIN_FRAME_SIDE, smoothstep

if TYPE_CHECKING:
    from vsdeblur.blind.operators.protocol import Blur
    from vsdeblur.engine.per_frame import PerFrame
    from vsdeblur.flow.motion import Motion
    from vsdeblur.window import Window

Taps = tuple[float, ...]

# Of the least contrast that sharp frames have left in some direction: six clips, at 8/8 and 5/8, have 0.23 and more
# (bikes, whose camera really shakes, 0.02 to 0.15), 15 photographs 0.25; of 33 photographs shaken by 6 to 20 px three
# quarters have less.
SOFT = 0.15
_PLACES = 32  # pixels of the motion between two places
_GRID = 12  # places along a side where the two blurs are compared, at most
# Spread of light that the motion does not explain: pixels, and relative to that of the estimate. A shake of 8 px
# spreads by 2.3 or more; the round softness of a lens, as estimated in bikes (1.5), is no shake. A motion of half the
# length leaves 0.87 of the whole, of 0.8 times the length 0.6; one across leaves all.
_MIN_SPREAD, _FULL_SPREAD = 1.6, 2.4
_MIN_RELATIVE, _FULL_RELATIVE = 0.5, 0.8
# A motion about as long as the estimated blur, but across it, is more likely right than the estimate: the parts that it
# has of it. Of frames shaken independently 0.04 to 0.74, of those of bikes 0.86 and more in the mean.
_SHORT, _AS_LONG = 0.8, 0.9
_MIN_PART = 0.5  # of the picture
# lambda of a frame that was restored by itself, of a blurry one's: what deconvolution leaves is no noise of the camera,
# and its neighbours are more accurate. Of 1, 0.3 and 0.1 the last was best: 0.9 to 4 dB better than 1 on two clips.
INDEPENDENT_WEIGHT = 0.1


def restore_independently_blurred(
    per_frame: PerFrame, window: Window, motion: Motion, taus: Sequence[Taps], candidates: Sequence[int]
) -> tuple[Tensor, frozenset[int]]:
    """Restore the frames whose blur their motion does not explain, each by itself.

    What moves in them by as much as it is blurred stays as it is.

    Args:
        per_frame: What restores a frame.
        window: The frames.
        motion: Of the window.
        taus: The instants of each exposure.
        candidates: Numbers in the window of the frames that may be such.

    Returns:
        The window's frames (n, C, H, W) with those restored, and their numbers.
    """
    frames, colour = window.frames, window.colour
    size = (frames.shape[-2], frames.shape[-1])
    scale = motion.scale(*size)
    found: set[int] = set()
    for n in _soft(per_frame, window, motion, taus, candidates):
        light, path = window.frames[n : n + 1, :colour], motion.path[n : n + 1]
        blur = estimate_blur(per_frame.display(light))
        share = unexplained_share(blur, path, taus[n])
        if float(share.mean()) > _MIN_PART:
            frames = frames if found else frames.clone()
            weight = upsampled(share, scale, size, slice(0, size[0]))[0]
            frames[n].lerp_(per_frame(frames[n], colour, blur), weight)
            found.add(n)
    return frames, frozenset(found)


def _soft(
    per_frame: PerFrame, window: Window, motion: Motion, taus: Sequence[Taps], candidates: Sequence[int]
) -> list[int]:
    """The candidates that are softer than their paths explain; those restored by themselves later aside, if at all.

    All that is asked of an accelerator comes in one copy.
    """
    size = (window.frames.shape[-2], window.frames.shape[-1])
    if min(size) < MIN_FRAME_SIDE or not candidates:
        return []
    scale = motion.scale(*size)
    first, last = candidates[0], candidates[-1]
    light = downsampled(window.frames[first : last + 1, : window.colour], scale)
    alone, grey, paths = together(
        per_frame_weight(motion.reliability).mean((1, 2, 3)),
        per_frame.display(light).mean(1, keepdim=True),
        places(motion.path) / scale,
    )
    tried = [n for n in candidates if float(alone[n]) <= _MIN_PART]
    return [n for n in tried if is_softer(grey[n - first], paths[n : n + 1], taus[n])]


def places(path: Tensor) -> Tensor:
    """The paths (n, 4 or 6, h, w) at some places, evenly spread."""
    first = min(_PLACES, *path.shape[-2:]) // 2
    return path[..., first::_PLACES, first::_PLACES]


def is_softer(grey: Tensor, path: Tensor, taus: Taps) -> bool:
    """Whether a frame (1, h, w), display values, is softer than its path at ``places`` explains."""
    from vsdeblur.blind.estimate.softness import softness
    from vsdeblur.camera.noise import noise_level

    return softness(grey[0], noise_level(grey[None]), _moved(path, taus).flatten(2)) < SOFT


def estimate_blur(display: Tensor) -> Blur:
    """The blur of a frame (1, C, H, W), display values, by itself; none where the estimate is not confident."""
    from vsdeblur.blind.estimate.confidence import ConfidenceGate

    return ConfidenceGate()(display)


def unexplained_share(blur: Blur, path: Tensor, taus: Taps) -> Tensor:
    """How far a frame's blur is not that of its path (1, 4 or 6, h, w), pixels of the frame: (1, 1, h, w) in [0, 1].

    By the covariances of the two kernels, on a grid: the largest eigenvalues of the estimate's, of the motion's and of
    their difference.
    """
    from vsdeblur.blind.estimate.confidence import covariance

    h, w = path.shape[-2:]
    (height, width), rows, columns = blur.size, min(h, _GRID), min(w, _GRID)
    y, x = (torch.linspace(0, n - 1, k).round().long() for n, k in ((height, rows), (width, columns)))
    # Row by row: the kernels of a large picture are large.
    found = torch.stack([covariance(blur.kernels(torch.stack((x, at.expand(len(x))), 1))) for at in y])
    down, across = (torch.linspace(0, n - 1, k).round().long() for n, k in ((h, rows), (w, columns)))
    moved = _moved(path[..., down[:, None], across[None]], taus)
    moved = moved - moved.mean(0)
    by_motion = torch.einsum("qiyx,qjyx->yxij", moved, moved) / len(moved)
    whole, explained, rest = (
        torch.linalg.eigvalsh(x)[..., -1].clamp(min=0).sqrt()
        for x in (found, by_motion.to(found), found - by_motion.to(found))
    )
    whole = whole.clamp(min=1e-6)
    share = smoothstep(rest, _MIN_SPREAD, _FULL_SPREAD) * smoothstep(rest / whole, _MIN_RELATIVE, _FULL_RELATIVE)
    share *= smoothstep(explained / whole, _AS_LONG, _SHORT)
    grid = share[None, None].to(path)
    return F.interpolate(grid, (h, w), mode="bilinear", align_corners=True)


def _moved(path: Tensor, taus: Taps) -> Tensor:
    """(Q, 2, ...): where the points of path (1, 4 or 6, ...) are at the instants."""
    return torch.cat([displacement(path, tau) for tau in taus])
