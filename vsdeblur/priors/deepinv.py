"""``prior="deepinv:NAME:PATH"``: any image denoiser of the package deepinv with a checkpoint of yours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.external import line, package, with_weights
from vsdeblur.priors.pictures import as_given, in_colour
from vsdeblur.priors.protocol import PriorInfo

_ALIGN = 16  # the coarsest stride of deepinv's denoisers
_HALO = 128


class DeepinvDenoiser:
    """A network with ``forward(x, sigma)`` that sees one frame (1, 3, H, W) at a time.

    floats: DRUNet was measured to hold 510 values per pixel.
    """

    def __init__(self, name: str, network: Any) -> None:
        self.name, self.network = name, network.eval()

    @property
    def info(self) -> PriorInfo:
        return PriorInfo(f"deepinv:{self.name}", (1, 2, 3, 4), halo=_HALO, frames=1, floats=600)

    @torch.no_grad()
    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        return torch.cat([as_given(self.network(in_colour(x, _ALIGN), sigma), x) for x in torch.split(u, 1)])

    def middle(self, frames: Tensor, sigma: float) -> Tensor:
        """See ``PriorInfo``: (B, 1, C, H, W) -> (B, C, H, W)."""
        return self(frames[:, 0], sigma)


def load_deepinv(name: str, path: str, device: torch.device | None = None) -> DeepinvDenoiser:
    """The denoiser deepinv.models.NAME with the checkpoint at ``path``; nothing is ever downloaded.

    Raises DeblurError where deepinv is missing or the checkpoint does not fit, ArgumentError for a name that it lacks.
    """
    models = package("prior", "deepinv.models", "pip install vsdeblur[deepinv]")
    make = getattr(models, name, None)
    if not (isinstance(make, type) and issubclass(make, torch.nn.Module)):
        raise ArgumentError("prior", f"deepinv:{name}", "a class of deepinv.models, such as DRUNet")
    try:
        network = make(pretrained=None)
    except Exception as error:  # whatever the model's own code raises
        raise DeblurError(f"prior: deepinv.models.{name} cannot be built: {line(error)}") from error
    return DeepinvDenoiser(name, with_weights(network, path, "prior").to(device or torch.device("cpu")))
