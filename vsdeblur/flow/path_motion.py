"""``flow="paths"``: motion of the sharp sequence by the project's own network alone, all of it in torch.

Every frame's ways to both neighbours come from one look at the three. Reliability and occlusion come from the same
formulas as for any pairwise flow. Where the picture jumps as a whole, the camera's path is found first, and what
remains by the network as a flow between two frames (``PairwiseMotion``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.device import network_dtype
from vsdeblur.flow.changing import changing
from vsdeblur.flow.motion import Motion, bent, through
from vsdeblur.flow.occlusion import link
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.path_net import ALIGN, Frames, PathNet
from vsdeblur.flow.resolution import downsampled, motion_scale
from vsdeblur.tensors import box, constants
from vsdeblur.weights import fill
from vsdeblur.window import Window


class PathMotion:
    """A ``MotionEngine`` around a ``PathNet``.

    Args:
        network: What finds ways.
        linear: Whether the window's values are linear light; otherwise they are display values.
    """

    is_motion_engine = True

    def __init__(self, network: PathNet, *, linear: bool = True) -> None:
        self.network = network.eval()
        self.pairs = PairwiseMotion(self.between, linear=linear)

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        scale = motion_scale(*window.frames.shape[-2:])
        light = downsampled(window.frames[:, : window.colour], scale)
        base = self.pairs.camera_base(light, window, shutter)
        if base is not None:
            return self.pairs.estimate(light, base, window, shutter, scale)
        display = self.pairs.display(light)
        known = [float(window.start + n + 1 not in window.cuts) for n in range(len(light) - 1)]
        present = list(zip((*known, 0.0), (0.0, *known), strict=True))  # the next and the previous frame of each
        ways, bends = self._ways(display, present, window.shutters or (shutter,) * len(light))
        path, reliability = light.new_zeros(len(light), 6, *light.shape[-2:]), torch.zeros_like(light[:, :1])
        occlusion = light.new_zeros(len(light), 2, *light.shape[-2:])
        for n in range(len(light) - 1):
            if known[n]:
                onward, back = link(display[n], display[n + 1], ways[n, 0], ways[n + 1, 1])
                occlusion[n, 0], occlusion[n + 1, 1] = onward[0], back[0]
                reliability[n, 0] = torch.maximum(reliability[n, 0], onward[1])
                reliability[n + 1, 0] = torch.maximum(reliability[n + 1, 0], back[1])
        for n, (after, before) in enumerate(present):
            if after or before:
                even = through(ways[n, 0] if after else None, ways[n, 1] if before else None, window.spans[n])
                path[n] = bent(even, bends[n], window.spans[n])
        return Motion(path.mul_(scale), box(reliability, 5), occlusion)

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """A ``PairwiseFlow``: the way of a (C, h, w) to b alone."""
        frames = self._encoded(torch.stack((a, b)))
        present = constants(a, [1.0, 0.0])[None]
        found, _ = self._found(frames.taken(slice(1)), frames.beside(1, 1), a.new_ones(1), present, a.shape[-2:])
        return found[0, 0]

    def _ways(
        self, display: Tensor, present: Sequence[tuple[float, float]], shutters: Sequence[float]
    ) -> tuple[Tensor, Tensor]:
        """The ways (n, 2, 2, h, w) and bends (n, 2, h, w) of all frames (n, C, h, w), points.

        Args:
            display: The frames.
            present: Of each, 1 where it has a next and a previous frame.
            shutters: Of each.
        """
        count, size = len(display), display.shape[-2:]
        frames = self._encoded(display)
        there, opened = (constants(display, x) for x in ([x for both in present for x in both], shutters))
        there = there.view(count, 2)
        ways, bends = display.new_zeros(count, 2, 2, *size), display.new_zeros(count, 2, *size)
        for n in range(count):
            onward, back, one = min(n + 1, count - 1), max(n - 1, 0), slice(n, n + 1)
            sides = frames.beside(onward, back)
            ways[one], bends[one] = self._found(frames.taken(one), sides, opened[one], there[one], size)
            moving = changing(torch.stack((display[back], display[n], display[onward]))[None])
            ways[one] *= moving[:, None]
            bends[one] *= moving
        return ways, bends

    def _encoded(self, display: Tensor) -> Frames:
        height, width = display.shape[-2:]
        margin = (0, -width % ALIGN, 0, -height % ALIGN)
        with torch.no_grad(), self._precision(display):
            return self.network.encoded(F.pad(display.expand(-1, 3, -1, -1), margin, mode="replicate"))

    def _found(
        self, middle: Frames, sides: Frames, shutters: Tensor, present: Tensor, size: torch.Size
    ) -> tuple[Tensor, Tensor]:
        """Ways (B, 2, 2, h, w) and bend (B, 2, h, w), of pictures of ``size``, points."""
        with torch.no_grad(), self._precision(shutters):
            last = self.network.found(middle, sides, shutters, present)[-1]
        return last.way[..., : size[0], : size[1]], last.bend[..., : size[0], : size[1]]

    @staticmethod
    def _precision(x: Tensor) -> torch.autocast:
        dtype = network_dtype(x.device)
        return torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32)


def load_paths(weights: Path | None = None, device: torch.device | None = None, *, linear: bool = True) -> PathMotion:
    """The engine with the project's weights, or with those of a file that ``vsdeblur train paths`` wrote.

    Raises DeblurError where they are missing or damaged, InputError for a file that holds no such weights.
    """
    network = PathNet()
    fill(network, "paths", weights)
    return PathMotion(network.to(device or torch.device("cpu")), linear=linear)
