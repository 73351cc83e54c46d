"""``prior="deepinv:NAME:PATH"``: a denoiser of the package deepinv that takes (x, sigma), and its checkpoint."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.external import line, package, with_weights
from vsdeblur.footprint import TileFootprint
from vsdeblur.named import Named
from vsdeblur.priors.pictures import as_given, in_colour

_ALIGN = 16  # the coarsest stride of deepinv's denoisers
_IN_COLOUR = {"img_channels": 3, "color": True}  # arguments of those that are made for grey pictures by default


class DeepinvDenoiser:
    """An ``ImagePrior`` of a network with ``forward(x, sigma)``, x one picture (1, 3, H, W).

    Networks that restore for any physics (``forward(y, physics, sigma)``) denoise where they are given none.
    """

    halo = 128

    def __init__(self, name: str, network: Any) -> None:
        self.name, self.network = f"deepinv:{name}", network.eval()

    def footprint(self, channels: int) -> TileFootprint:
        """DRUNet was measured to hold 510 values per pixel."""
        return TileFootprint(working=612 + 2 * channels)

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """The denoised frames of u (N, C, H, W), whose noise has the deviation ``sigma``."""
        # Gradient-step denoisers (GSDRUNet) differentiate their own potential, which inference mode would not let them.
        with torch.inference_mode(False), torch.no_grad():
            frames = torch.split(u.clone(), 1)
            return torch.cat([as_given(self.network(in_colour(x, _ALIGN), sigma=sigma).detach(), x) for x in frames])


def load(named: Named, device: torch.device | None = None) -> DeepinvDenoiser:
    """The denoiser deepinv.models.NAME with a checkpoint; nothing is ever downloaded.

    Raises:
        ArgumentError: deepinv has no such model.
        DeblurError: deepinv is missing, the model is none that ``forward(x, sigma)`` denoises with, or the checkpoint
            does not fit.
    """
    models = package("prior", "deepinv.models", "pip install vsdeblur[deepinv]")
    name = named.model
    make = getattr(models, name, None)
    if not callable(make) or name.startswith("_"):
        raise ArgumentError("prior", f"deepinv:{name}", "a class of deepinv.models, such as DRUNet")
    try:
        network = make(pretrained=None, **_in_colour(make))
        if not isinstance(network, torch.nn.Module):
            raise TypeError("it is no network")
        if "sigma" not in inspect.signature(network.forward).parameters:
            raise TypeError("it takes no sigma, and so is no denoiser of noise that is known")
    except Exception as error:  # whatever the model's own code raises
        raise DeblurError(f"prior: deepinv.models.{name} cannot be built: {line(error)}") from error
    return DeepinvDenoiser(name, with_weights(network, str(named.path), "prior").to(device or torch.device("cpu")))


def _in_colour(make: Any) -> dict[str, Any]:
    """The arguments by which a network is made for three channels, of those that it has."""
    known = inspect.signature(make).parameters
    return {name: value for name, value in _IN_COLOUR.items() if name in known}
