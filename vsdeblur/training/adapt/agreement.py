"""How well restored neighbours predict an exposure: a judge that needs no truth.

    v_n  against  A_n ( W_{n -> n+-1} K_{n+-1} )

A key frame is moved to its neighbour along the motion and blurred as the neighbour's exposure was. What is not in the
scene, rings and invented detail, does not agree with an exposure that another motion blurred.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import quadrature
from vsdeblur.engine.engine import Engine
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.resolution import upsampled
from vsdeblur.flow.warp import inside, sample, sampling_grid
from vsdeblur.settings import Options
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.solver.unrolled.stage import SHOWN, ProximalStep
from vsdeblur.window import Window


@torch.inference_mode()
def disagreement(network: ProximalNet, blurry: Tensor, shutter: float, *, linear: bool) -> float:
    """Mean squared error, display values, of the inner exposures as their neighbours' key frames predict them.

    Args:
        network: Of the learned step on key frames.
        blurry: (n, 3, H, W), n at least 3, values as stored.
        shutter: The open part of the period.
        linear: Whether values stand for light; otherwise they are averaged as they are.
    """
    curve = SHOWN if linear else "linear"
    light = to_linear(blurry, curve)
    height, width = light.shape[-2:]
    options = Options(shutter=shutter, transfer=curve, preset="balanced", solver="keyframes", device="cpu")
    engine = Engine(options, height, width)
    engine.key_frame_solver.step = ProximalStep(network, linear=linear)
    count = len(light)
    keys, motion = engine.key_frames(Window(light, 0, 0, count))
    scale, rows = motion.scale(height, width), slice(0, height)
    path, trust, seen = (
        upsampled(x, scale, (height, width), rows) for x in (motion.path, motion.reliability, motion.occlusion)
    )
    taus = quadrature.exposures(options, motion, (shutter,) * count, (1.0,) * count)
    problem = KeyFrameProblem(light, path, seen, taus, (1.0,) * count)
    total = weight = 0.0
    for n in range(1, count - 1):
        for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -1.0)):
            grid = sampling_grid(displacement(path[n : n + 1], tau))
            predicted = problem.exposure(n)(sample(keys[other : other + 1], grid))
            counts = trust[n : n + 1] * seen[n : n + 1, side : side + 1] * inside(grid)
            error = (from_linear(predicted, curve) - blurry[n : n + 1]).square().mean(1, keepdim=True)
            total += float((counts * error).sum())
            weight += float(counts.sum())
    return total / max(weight, 1e-9)
