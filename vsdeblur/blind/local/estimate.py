"""The blur of things that moved on their own before a still camera: an estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.local.lags import CELL, lag_maps
from vsdeblur.blind.local.local_net import LocalNet
from vsdeblur.blind.local.parts import MovingPart, moving_parts
from vsdeblur.blind.operators.piecewise import GENEROUS, PiecewiseBlur
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.priors.pictures import in_colour
from vsdeblur.tensors import greatest
from vsdeblur.weights import fill

_LARGEST = 1 << 19  # pixels: larger pictures are looked at smaller
_MOST = 4  # parts
_WHOLE = 0.6  # of the picture: as much is the camera's motion


@dataclass(frozen=True, slots=True)
class LocalMotion:
    """Finds the parts of a picture that moved, each straight and in its own way; what lies around them stays as it is.

    Attributes:
        network: Finds mattes and motions.
        threshold: Of a part's confidence, [0, 1].
    """

    network: LocalNet
    threshold: float = 0.35

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> Blur:
        """The blur of a picture: a ``PiecewiseBlur`` whose plane 0 stands still, or one pixel wide.

        Args:
            picture: (1, C, H, W), display values.
        """
        size = (picture.shape[-2], picture.shape[-1])
        parts = self.parts(picture)
        if not parts:
            return UniformBlur(torch.ones(1, 1, device=picture.device), size)
        instants = max(round(part.length) // 2 for part in parts) * 2 + 1  # odd: one lies in the middle
        still = torch.eye(3).repeat(instants, 1, 1)
        paths = [still, *(part.path(instants) for part in parts)]
        # What a matte leaves out is taken for background that stands still, which costs more than too much of it.
        mattes = greatest(torch.stack([part.matte for part in parts])[None], 2 * GENEROUS + 1)[0]
        return PiecewiseBlur.along([path.to(picture.device) for path in paths], mattes, size)

    @torch.no_grad()
    def parts(self, picture: Tensor) -> list[MovingPart]:
        """The parts that moved, of at least the threshold's confidence, the largest first.

        Args:
            picture: (1, C, H, W), display values.
        """
        size = (picture.shape[-2], picture.shape[-1])
        if min(size) < 2 * CELL:
            return []
        smaller = min(1.0, (_LARGEST / (size[0] * size[1])) ** 0.5)
        seen = picture
        if smaller < 1:
            less = [round(n * smaller) for n in size]
            seen = F.interpolate(picture, less, mode="bicubic", antialias=True, align_corners=False)
        height, width = seen.shape[-2:]
        whole = in_colour(seen, CELL)
        found = [
            part
            for part in islice(moving_parts(whole, lag_maps(whole), self.network), _MOST)
            if part.confidence >= self.threshold
        ]
        parts = [replace(part, matte=part.matte[:height, :width]) for part in found]
        if sum(float(part.matte.mean()) for part in parts) > _WHOLE:
            return []
        if smaller < 1:
            parts = [
                replace(
                    part,
                    matte=F.interpolate(part.matte[None, None], size, mode="bilinear", align_corners=False)[0, 0],
                    length=part.length / smaller,
                )
                for part in parts
            ]
        return parts


def load_local_motion(weights: Path | None = None, device: torch.device | None = None) -> LocalMotion:
    """The estimator with trained weights.

    Args:
        weights: A file that ``vsdeblur train local`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = LocalNet()
    fill(network, "local", weights)
    return LocalMotion(network.to(device or torch.device("cpu")).eval())
