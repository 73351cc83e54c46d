"""``flow="blur"``: motion of the sharp sequence from how the frames are blurred, learned over DIS.

The path of every frame that has both neighbours goes through ``BlurNet`` with its two neighbours; others keep the first
path. Reliability and occlusion come from the same formulas as for any pairwise flow, evaluated on the new paths.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.at_once import at_once, on_threads
from vsdeblur.flow.blur_net import BlurNet, aligned
from vsdeblur.flow.changing import changing
from vsdeblur.flow.motion import Motion, displacement
from vsdeblur.flow.occlusion import link
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.resolution import downsampled
from vsdeblur.heap import release_unused
from vsdeblur.tensors import box
from vsdeblur.weights import fill
from vsdeblur.window import Window

_EQUAL = 0.01  # relative difference of durations up to which neighbours count as one period away


class BlurMotion:
    """A ``MotionEngine``: ``first`` finds paths, ``network`` corrects them.

    both_ways: the mean of the estimates from the film forwards and backwards; the reversed film then gives the
    reversed path exactly, for twice the time.
    """

    is_motion_engine = True

    def __init__(self, first: PairwiseMotion, network: BlurNet, *, both_ways: bool = False) -> None:
        self.first, self.network, self.both_ways = first, network.eval(), both_ways

    def __call__(self, window: Window, shutter: float) -> Motion:
        """The motion of the window whose shutter is open for ``shutter`` periods."""
        motion = self.first(window, shutter)
        inner = [n for n in range(1, len(window.frames) - 1) if _has_neighbours(window, n)]
        if not inner or motion.path.shape[1] == 6:  # a shaken camera's path: already found from blur
            return motion
        scale = motion.scale(*window.frames.shape[-2:])
        display = self.first.display(downsampled(window.frames[:, : window.colour], scale))
        colour = display.expand(-1, 3, -1, -1)
        path = motion.path.div_(scale)
        release_unused()

        def corrected(n: int) -> Tensor:
            open_part = window.shutters[n] if window.shutters else shutter
            hints = torch.cat((motion.reliability[n], motion.occlusion[n]))
            return self._corrected(colour[n - 1 : n + 2], path[n], hints, open_part)

        workers = self.first.flows.at_once if path.device.type == "cpu" else 1
        for n, found in zip(inner, at_once(corrected, inner, workers, single=on_threads(path)), strict=True):
            path[n] = found
        reliability, occlusion = _confidence(display, path, motion, inner)
        return Motion(path.mul_(scale), reliability, occlusion)

    def _corrected(self, frames: Tensor, path: Tensor, hints: Tensor, shutter: float) -> Tensor:
        height, width = path.shape[-2:]
        margin = (0, aligned(width) - width, 0, aligned(height) - height)
        frames, path, hints = (F.pad(x, margin, mode="replicate")[None] for x in (frames, path, hints))
        opened = frames.new_full((1,), shutter)
        with torch.no_grad():
            release_unused()
            found = self.network(frames, path, hints, opened).path
            if self.both_ways:
                release_unused()
                swapped = torch.cat((hints[:, :1], hints[:, 1:].flip(1)), 1)
                back = self.network(frames.flip(1), reversed_path(path), swapped, opened).path
                found = (found + reversed_path(back)) / 2
        # Where nothing changes there is no motion to correct: a still picture stays as it is.
        return torch.lerp(path, found, changing(frames))[0, :, :height, :width]


def reversed_path(path: Tensor) -> Tensor:
    """The path (B, 4, H, W) of the film run backwards: psi'(tau) = psi(-tau)."""
    return torch.cat((-path[:, :2], path[:, 2:]), 1)


def load_blur(
    first: PairwiseMotion,
    weights: Path | None = None,
    device: torch.device | None = None,
    *,
    both_ways: bool = False,
) -> BlurMotion:
    """The engine with the project's weights, or with those of a file that ``vsdeblur train motion`` wrote.

    Raises DeblurError where they are missing or damaged, InputError for a file that holds no such weights.
    """
    network = BlurNet()
    fill(network, "motion", weights)
    return BlurMotion(first, network.to(device or torch.device("cpu")), both_ways=both_ways)


def _confidence(display: Tensor, path: Tensor, first: Motion, inner: list[int]) -> tuple[Tensor, Tensor]:
    """Reliability and occlusion of paths at the resolution of motion, links that no corrected path ends at kept."""
    reliability, occlusion = first.reliability.clone(), first.occlusion.clone()
    linked: dict[int, list[Tensor]] = {}  # the reliability of each frame's flows
    for n in sorted({k for m in inner for k in (m - 1, m)}):
        onward, back = displacement(path[n : n + 1], 1.0)[0], displacement(path[n + 1 : n + 2], -1.0)[0]
        after, before = link(display[n], display[n + 1], onward, back)
        occlusion[n, 0], occlusion[n + 1, 1] = after[0], before[0]
        linked.setdefault(n, []).append(after[1])
        linked.setdefault(n + 1, []).append(before[1])
    for n in inner:
        reliability[n] = box(torch.maximum(*linked[n])[None, None], 5)[0]
    return reliability, occlusion


def _has_neighbours(window: Window, n: int) -> bool:
    """Whether frame n's neighbours belong to its scene and lie one period away."""
    if window.start + n in window.cuts or window.start + n + 1 in window.cuts:
        return False
    if window.durations is None:
        return True
    before, here, after = window.durations[n - 1 : n + 2]
    return abs(before - here) < _EQUAL * here and abs(after - here) < _EQUAL * here
