"""Overlays: what stays in its place in every frame of a window while the picture moves under it.

Text over a moving picture misleads the motion of what is beside it, and key frames that are moved take parts of it
along: faint ghosts. So it is taken out of the frames first, and put back at last (``vsdeblur.camera.overlay``). It may
be faint, so that the picture shows through; what it adds to its surroundings keeps its sign all the same:

    d_n = g_n - (mean of g_n over 5 x 5 pixels),      p = max(min_n d_n, 0) + min(max_n d_n, 0)

g_n: display values of frame n. |p| is large on strokes and beside edges that stay, and about 0 on what moves. What
stays in a still picture is no overlay, nor is an object before which something passes: most of the picture has to move,
and of the pixels around an overlay, on every side, many have to change. Nor is an edge that slides along itself:
strokes run in more than one direction.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.overlay import Overlay
from vsdeblur.clip.pairs import display, small
from vsdeblur.colour.display import to_matching
from vsdeblur.flow.dis import DisFlow
from vsdeblur.footprint import FrameSize
from vsdeblur.tensors import box, greatest
from vsdeblur.window import Window

_LONGEST = 640  # pixels: larger frames are looked at with whole blocks of pixels averaged
_AROUND = 5  # pixels that p is relative to
_STAYS = 0.04  # |p| from which on something stays, display values
_BRIEF, _STAYS_BRIEFLY = 8, 0.15  # and of fewer frames, within which more seems to stay that moves
_CHANGES = 5 / 255  # display values by which what moves changes in all, means of 3 x 3 pixels
_BESIDE, _AWAY = 21, 16  # pixels of the squares beside an overlay, and from it to their middles
_CHANGING = 0.35  # part of each of them that changes
_NEAR, _EVERY_WAY = 21, 0.5  # pixels over which directions are compared; how even they are, from 0 (one) to 1
_SLOW, _MOVING = 0.3, 0.5  # pixels a frame of small pictures; part of the picture that is faster
_PIECE, _SURE = 12, 0.5  # pixels of a connected piece at least, and part of it that passes
_FEWEST = 4  # frames
_LEAST, _MOST = 1e-3, 0.1  # of the picture


def find_overlay(window: Window) -> Overlay | None:
    """The overlay of a window of one scene; None where there is none, or scenes or lights change."""
    frames = window.frames
    if len(frames) < _FEWEST or len(window.scenes) > 1 or window.light is not None:
        return None
    stays, changes = _stays_and_changes(frames[:, : window.colour])
    strong = stays.abs() > (_STAYS if len(frames) >= _BRIEF else _STAYS_BRIEFLY)
    if float(strong.float().mean()) < _LEAST or not _moves(frames[:, : window.colour]):
        return None
    sure = strong & _all_around(box(changes.float(), _BESIDE) > _CHANGING) & _every_way(stays)
    mask = greatest(_strokes(stays, strong, sure).float(), 3)  # and the blend at its edges
    if not _LEAST < float(mask.mean()) < _MOST:
        return None
    return Overlay.of(frames, F.interpolate(mask, frames.shape[-2:])[0, 0] > 0)


def footprint(size: FrameSize, frames: int) -> int:
    """Bytes of the overlay of so many frames, at most."""
    return int(_MOST * frames * size.frame)


def _stays_and_changes(colours: Tensor) -> tuple[Tensor, Tensor]:
    """p, and whether a pixel changes, (1, 1, h, w) each, of frames (n, C, H, W)."""
    block = -(-max(colours.shape[-2:]) // _LONGEST)
    extremes: list[Tensor] = []
    for frame in colours:
        grey = F.avg_pool2d(to_matching(frame.mean(0))[None, None], block, ceil_mode=True)
        both = torch.cat((grey - box(grey, _AROUND), box(grey, 3)))
        extremes = [torch.minimum(extremes[0], both), torch.maximum(extremes[1], both)] if extremes else [both, both]
    low, high = extremes
    return (low[:1].clamp(min=0) + high[:1].clamp(max=0)), high[1:] - low[1:] > _CHANGES


def _moves(colours: Tensor) -> bool:
    """Whether most of the picture moves, by the flow of three pairs of frames (n, C, H, W)."""
    grey = display(small(colours)).mean(1, keepdim=True).clamp(0, 1).cpu()
    flow = DisFlow("fast")
    last = len(grey) - 2
    speeds = torch.stack([flow(grey[n], grey[n + 1]).norm(dim=0) for n in (0, last // 2, last)])
    return float((speeds.median(0).values > _SLOW).float().mean()) > _MOVING


def _all_around(changing: Tensor) -> Tensor:
    """Where the squares to the left and the right, above and below change, of (1, 1, h, w)."""
    height, width = changing.shape[-2:]
    wide = F.pad(changing.float(), (_AWAY,) * 4, mode="replicate") > 0
    rows, columns = slice(_AWAY, _AWAY + height), slice(_AWAY, _AWAY + width)
    sides = wide[..., rows, :width] & wide[..., rows, 2 * _AWAY :]
    return sides & wide[..., :height, columns] & wide[..., 2 * _AWAY :, columns]


def _every_way(picture: Tensor) -> Tensor:
    """Where edges of a picture (1, 1, h, w) run in more than one direction, by its structure tensor."""
    wide = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    x, y = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2], wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    xx, yy, xy = (box(product, _NEAR) for product in (x * x, y * y, x * y))
    return 4 * (xx * yy - xy * xy) > _EVERY_WAY * (xx + yy).square()


def _strokes(stays: Tensor, strong: Tensor, sure: Tensor) -> Tensor:
    """The strokes of connected pieces of ``strong`` of which most is ``sure``, (1, 1, h, w) booleans as all.

    Beside a bright stroke p is negative, and the other way round: strokes of a piece have the stronger sign.
    """
    p = stays[0, 0].cpu().numpy()
    count, found = cv2.connectedComponents(strong[0, 0].cpu().numpy().astype(np.uint8))
    labels = found.astype(np.int64)
    pixels, passing, sign = (
        np.bincount(labels.ravel(), weights.ravel(), count)
        for weights in (np.ones_like(p), sure[0, 0].float().cpu().numpy(), p * np.abs(p))
    )
    kept = (pixels >= _PIECE) & (passing > _SURE * pixels)
    kept[0] = False  # what is not strong
    strokes = kept[labels] & (p * sign[labels] > 0)
    return torch.from_numpy(strokes).to(stays.device)[None, None]
