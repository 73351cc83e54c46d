"""How each place of an output was restored: a map for people to look at, computed only where it is asked for.

All of it is at hand once a window is solved: how far its motion is trusted, what was restored by itself, lights that
clip, and where nothing moves. Three fields of the motion's resolution are carried to the instant from either key frame,
as these are, and weighted alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.engine.ways import ALONE, LIGHTS, MOVED, OVERLAY, SHARPENED, STILL, WAYS
from vsdeblur.flow.motion import extent
from vsdeblur.flow.resolution import downsampled
from vsdeblur.flow.warp import warp
from vsdeblur.solver.render.compositing import moving_share
from vsdeblur.solver.render.geometry import RowGroup, key_frame_positions, row_groups
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.window import Window


def ways_at(solved: SolvedWindow, window: Window, t: float) -> Tensor:
    """The ways at an instant.

    Args:
        solved: The window, solved.
        window: As it was given.
        t: Instant, periods of the clip.

    Returns:
        (len(WAYS), h, w) on the CPU, the share of each; their sum is 1. h, w: of the motion.
    """
    out = solved.motion.reliability.new_zeros(len(WAYS), *solved.motion.reliability.shape[-2:])
    for group in row_groups(solved, t):
        rows = slice(group.rows.start // solved.scale, -(-group.rows.stop // solved.scale))
        out[:, rows] = _of_group(solved, group)[:, rows]
    if window.overlay is not None:
        covered = downsampled(window.overlay.mask[None, None].to(out), solved.scale)[0, 0]
        out *= 1 - covered
        out[OVERLAY] = covered
    return out.cpu()


def alone() -> Tensor:
    """The ways of a frame that was restored by itself, (len(WAYS), 1, 1)."""
    out = torch.zeros(len(WAYS), 1, 1)
    out[ALONE] = 1
    return out


def _of_group(solved: SolvedWindow, group: RowGroup) -> Tensor:
    """Those of the whole frame, as if all of it were exposed with the group's rows."""
    found = torch.zeros_like(_fields(solved, group.n))
    for n, flow, weight in key_frame_positions(solved, group):
        found += warp(_fields(solved, n), flow / solved.scale, "bilinear") * weight
    trust, by_itself, light = found[0]
    moving = moving_share(extent(solved.path(group.n)))[0, 0]
    own = _fields(solved, group.n)[0, 1]
    joint = moving * (1 - by_itself - light)
    shares = {
        SHARPENED: joint * trust,
        MOVED: joint * (1 - trust),
        ALONE: torch.lerp(own, by_itself, moving),
        LIGHTS: moving * light,
        OVERLAY: torch.zeros_like(moving),
        STILL: (1 - moving) * (1 - own),
    }
    return torch.stack([shares[way] for way in range(len(WAYS))])


def _fields(solved: SolvedWindow, n: int) -> Tensor:
    """Of frame n the trust in its motion, and the shares that were restored by itself and that are lights: (1, 3, ...).

    At the motion's resolution.
    """
    trust = solved.motion.reliability[n : n + 1]
    none = torch.zeros_like(trust)
    apart = none if solved.joint is None else 1 - solved.joint[n : n + 1]
    light = none if solved.lights is None else torch.minimum(solved.lights[n : n + 1], apart)
    return torch.cat((trust, apart - light, light), 1)
