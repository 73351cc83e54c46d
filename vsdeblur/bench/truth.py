"""Rows that know the truth: what the solver gives where motion is not what limits it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vsdeblur.bench.protocol import Frames, to_8bit

if TYPE_CHECKING:
    from torch import Tensor

Oracle = Callable[[Frames, Frames, int, int], Frames]  # blurry (N, H, W, 3), sharp, r, m -> (N * r, H, W, 3)

TRUE_MOTION = "true motion"


def true_flow(sharp: Frames) -> Tensor:
    """OpenCV DIS (medium) between sharp sub-frames: (T, H, W, 3) -> (T - 1, 2, H, W) pixels, u_k -> u_{k+1}."""
    import cv2
    import torch

    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in sharp]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = [dis.calc(a, b, np.zeros((*a.shape, 2), np.float32)) for a, b in pairwise(grey)]
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous()


def true_motion(blurry: Frames, sharp: Frames, factor: int, m: int) -> Frames:
    """Restored along the flow between the sharp sub-frames."""
    import torch

    from vsdeblur import restore

    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    u = restore(v, factor=factor, shutter=m / factor, transfer="linear", quadrature="taps", flow=true_flow(sharp))
    return to_8bit(u.permute(0, 2, 3, 1).numpy())
