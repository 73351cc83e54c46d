"""How well restored neighbours predict an exposure: a judge that needs no truth.

    v_n  against  A_n ( W_{n -> n+-1} u_{n+-1} )

A picture restored at mid-exposure is moved to its neighbour along the motion and blurred as the neighbour's exposure
was. What is not in the scene, rings and invented detail, does not agree with an exposure that another motion blurred.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import quadrature
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.light import find_window_motion
from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.resolution import upsampled
from vsdeblur.flow.warp import inside, sample, sampling_grid
from vsdeblur.settings import Options
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.shaken import kernels_at
from vsdeblur.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """Successive exposures of a clip, with their motion.

    Attributes:
        blurry: (n, 3, H, W), n at least 3, values as stored.
        camera: That filmed them.
        engine: For key frames by the exposures alone; a learned step of one's own may be put in.
        window: Of all of them, in light.
        motion: Of the window.
        problem: How key frames make the exposures.
        trust: (n, 1, H, W), the reliability of the motion.
    """

    blurry: Tensor
    camera: Camera
    engine: Engine
    window: Window
    motion: Motion
    problem: KeyFrameProblem
    trust: Tensor

    @classmethod
    @torch.inference_mode()
    def of(cls, blurry: Tensor, camera: Camera) -> Exposures:
        """With their motion, by preset balanced."""
        options = Options(
            shutter=camera.shutter, transfer=camera.curve, preset="balanced", solver="keyframes", device="cpu"
        )
        count, size = len(blurry), (blurry.shape[-2], blurry.shape[-1])
        engine = Engine(options, *size)
        window = Window(to_linear(blurry, camera.curve), 0, 0, count)
        motion = find_window_motion(engine.find_motion, window, camera.shutter)
        path, trust, seen = (
            upsampled(x, motion.scale(*size), size, slice(0, size[0]))
            for x in (motion.path, motion.reliability, motion.occlusion)
        )
        taus = quadrature.exposures(options, motion, (camera.shutter,) * count, (1.0,) * count)
        problem = KeyFrameProblem(window.frames, path, seen, taus, (1.0,) * count)
        return cls(blurry, camera, engine, window, motion, problem, trust)

    @torch.inference_mode()
    def disagreement(self, pictures: Tensor) -> float:
        """Mean squared error, display values, of the inner exposures as their neighbours' pictures predict them.

        Args:
            pictures: (n, 3, H, W), restored at mid-exposure, light.
        """
        total = weight = 0.0
        path, seen = self.problem.path, self.problem.occlusion
        for n in range(1, len(self.blurry) - 1):
            for side, other, tau in ((0, n + 1, 1.0), (1, n - 1, -1.0)):
                grid = sampling_grid(displacement(path[n : n + 1], tau))
                predicted = self.problem.exposure(n)(sample(pictures[other : other + 1], grid))
                counts = self.trust[n : n + 1] * seen[n : n + 1, side : side + 1] * inside(grid)
                error = from_linear(predicted, self.camera.curve) - self.blurry[n : n + 1]
                total += float((counts * error.square().mean(1, keepdim=True)).sum())
                weight += float(counts.sum())
        return total / max(weight, 1e-9)

    def kernels(self, n: int, points: Tensor) -> Tensor:
        """(P, SPAN, SPAN): what exposure n does to its picture at points (P, 2), x and y, along the motion."""
        path = self.problem.path[n, :, points[:, 1], points[:, 0]].T[..., None, None]
        offsets = torch.stack([displacement(path, tau)[..., 0, 0] for tau in self.problem.taus[n]], 1)
        return torch.from_numpy(kernels_at(offsets.double().numpy()))
