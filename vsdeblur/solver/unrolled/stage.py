"""The learned z-step: every key frame through ``ProximalNet``, its neighbours moved to it along the motion.

Unlike a denoiser in the place of a prox, the network receives the data of the key frame: the blurry frame, the path and
its reliability. Detail that it invents is corrected by the exposure afterwards, through the residual that every
rendered instant receives.

References:
    Laroche, Almansa and Tassano 2022, for single images with kernels instead of paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.at_once import at_once, on_threads
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import compiled, network_dtype
from vsdeblur.flow.motion import extent
from vsdeblur.footprint import TileFootprint
from vsdeblur.priors.aligned import aligned
from vsdeblur.priors.pictures import as_given, in_colour, padded
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.solver.unrolled.net import ALIGNED, ProximalNet
from vsdeblur.weights import fill

SHOWN = "srgb"  # the transfer curve by which the network receives linear light
_KNOWN, _FAR = 12.0, 24.0  # pixels of motion within the exposure: the training range, and where the weight is 0


class ProximalStep:
    """The learned z-step on the key frames of one tile.

    Attributes:
        network: In evaluation mode.
        curve: The transfer curve by which the network receives linear light; "linear" where values go in as they are.
    """

    def __init__(self, network: ProximalNet, *, linear: bool = True) -> None:
        self.network, self.curve = network.eval(), SHOWN if linear else "linear"
        self._corrected = compiled(network)

    def __call__(
        self, keys: Tensor, problem: KeyFrameProblem, reliability: Tensor, shutters: Sequence[float], colour: int
    ) -> Tensor:
        """New key frames of a problem.

        Where the exposure moves a point by more than the network was trained on, the key frame stays as it is.

        Args:
            keys: (n, C, H, W).
            problem: Of these key frames.
            reliability: (n, 1, H, W), the path's reliability.
            shutters: For each frame the open fraction of its period, as in ``Window``.
            colour: Number of leading channels that are colour; the rest stay as they are.

        Returns:
            (n, C, H, W).
        """
        shown, blurry = (from_linear(x[:, :colour], self.curve) for x in (keys, problem.v))
        hints = torch.cat((reliability, problem.occlusion), 1)

        def changed(n: int) -> Tensor:
            before, here, after = aligned(shown, n, problem.path, problem.occlusion, problem.spans, 1)
            pictures = torch.stack((here, blurry[n], after, before))
            found = self._through(pictures, problem.path[n : n + 1, :4], hints[n : n + 1], shutters[n])
            known = ((_FAR - shutters[n] * extent(problem.path[n : n + 1])) / (_FAR - _KNOWN)).clamp_(0, 1)
            return torch.lerp(keys[n : n + 1, :colour], to_linear(found, self.curve, inplace=True), known)

        out = keys.clone()
        for n, key in enumerate(at_once(changed, range(len(keys)), problem.workers, single=on_threads(keys))):
            out[n : n + 1, :colour] = key
        return out

    def _through(self, pictures: Tensor, path: Tensor, hints: Tensor, shutter: float) -> Tensor:
        """(1, C, H, W): the network's output for pictures (4, C, H, W) of one frame, C 1 or 3, of any size."""
        shown = in_colour(pictures, ALIGNED)[None]
        found = self._corrected(shown, padded(path, ALIGNED), padded(hints, ALIGNED), path.new_full((1,), shutter))
        return as_given(found, pictures[:1])


def footprint() -> TileFootprint:
    """Memory of the learned step: the network on one frame, measured."""
    return TileFootprint(working=110)


def load_proximal(
    weights: Path | None = None, device: torch.device | None = None, *, linear: bool = True
) -> ProximalStep:
    """The step with trained weights.

    Args:
        weights: A file that ``vsdeblur train unrolled`` wrote; None for the project's own.
        device: Of the network; None for the processor.
        linear: Values are linear light.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = ProximalNet()
    fill(network, "unrolled", weights)
    where = device or torch.device("cpu")
    network.to(where, network_dtype(where)).to(memory_format=torch.channels_last)
    return ProximalStep(network, linear=linear)
