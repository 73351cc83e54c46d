"""Overlays: pixels with an edge that stay as they are in every frame of a window while all around them moves.

Text over a moving picture misleads the motion of what is beside it, and key frames that are moved take parts of it
along: faint ghosts. So it is taken out of the frames first, and put back at last (``vsdeblur.camera.overlay``). What
stands still in a still picture needs none of this, and an object before which something passes is no overlay: of the
pixels around a true one, on every side, most change.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.overlay import Overlay
from vsdeblur.colour.display import to_matching
from vsdeblur.tensors import box, greatest
from vsdeblur.window import Window

_STAYS, _CHANGES = 3 / 255, 10 / 255  # display values: an overlay's change from frame to frame, what moves' in all
_EDGE = 0.3  # contrast within 3 x 3 pixels
_BESIDE, _AWAY = 21, 16  # pixels of the squares beside an overlay's edge, and from it to their middles
_MOVING = 0.5  # part of each of them that moves
_FEWEST = 4  # frames
_LEAST, _MOST = 20, 0.2  # pixels, and part of the picture


def find_overlay(window: Window) -> Overlay | None:
    """The overlay of a window of one scene; None where there is none, or scenes or lights change."""
    frames = window.frames
    if len(frames) < _FEWEST or len(window.scenes) > 1 or window.light is not None:
        return None
    low = high = before = _grey(frames[0, : window.colour])
    edge = greatest(before, 3) + greatest(-before, 3) > _EDGE
    stays = torch.ones_like(edge)
    for frame in frames[1:]:
        after = _grey(frame[: window.colour])
        stays &= (after - before).abs() <= _STAYS
        if not bool((stays & edge).any()):
            return None
        low, high, before = torch.minimum(low, after), torch.maximum(high, after), after
    moves = _all_around(box((high - low > _CHANGES).float(), _BESIDE) > _MOVING)
    core = (stays & edge)[0, 0] & moves
    if int(core.sum()) < _LEAST:
        return None
    mask = _dilated(_dilated(core, 5) & stays[0, 0], 3)  # the inside of strokes, and the blend at their edges
    return Overlay.of(frames, mask) if float(mask.float().mean()) < _MOST else None


def _grey(colours: Tensor) -> Tensor:
    """(1, 1, H, W) display values of (C, H, W)."""
    return to_matching(colours.mean(0))[None, None]


def _all_around(moving: Tensor) -> Tensor:
    """(H, W): where the squares to the left and the right, above and below move, of (1, 1, H, W)."""
    height, width = moving.shape[-2:]
    wide = F.pad(moving.float(), (_AWAY,) * 4, mode="replicate")[0, 0] > 0
    rows, columns = slice(_AWAY, _AWAY + height), slice(_AWAY, _AWAY + width)
    return wide[rows, :width] & wide[rows, 2 * _AWAY :] & wide[:height, columns] & wide[2 * _AWAY :, columns]


def _dilated(mask: Tensor, size: int) -> Tensor:
    return greatest(mask[None, None].float(), size)[0, 0] > 0
