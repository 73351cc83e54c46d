"""A user's diffusion network as the prior of the samplers: a folder of the package diffusers, or deepinv's DiffUNet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.latent.codec import Codec
from vsdeblur.blind.diffusion.latent.latent_net import LatentPrior
from vsdeblur.blind.diffusion.noise_predictor import NoisePredictor, aligned
from vsdeblur.blind.diffusion.prior import DiffusionPrior, NetworkPrior
from vsdeblur.errors import DeblurError
from vsdeblur.external import line, package, with_weights
from vsdeblur.named import match_named, resolve_named

if TYPE_CHECKING:
    from vsdeblur.blind.diffusion.latent.users_codec import KLCodec

FORMS = ("diffusers:PATH", "deepinv:DiffUNet:PATH")
LATENT = ("latent:PATH",)  # read by ``load_diffusion``
WANTED = "{none}, " + " or ".join(f'"{form}"' for form in (*LATENT, *FORMS)) + " with samplers"
_ALIGN = 32  # the coarsest stride of DiffUNet


class LevelDenoiser(nn.Module):
    """D(x; sigma) by deepinv's DiffUNet, which takes the level of the noise.

    Attributes:
        network: DiffUNet.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """D of x (B, 3, H, W), display values, for noise of deviation sigma (B,), all the same; differentiable."""
        level = float(sigma[0])
        return aligned(lambda z: self.network(z, level, type_t="noise_level"), x, _ALIGN)


def is_users_prior(given: object) -> bool:
    """Whether an argument ``prior`` is one of diffusion: a network or an autoencoder of the user's own."""
    named = match_named(given, (*LATENT, *FORMS))
    return named is not None and named.model in ("", "DiffUNet")


def load_users_prior(given: object, device: torch.device) -> tuple[Codec | None, DiffusionPrior]:
    """The prior that "diffusers:PATH" or "deepinv:DiffUNet:PATH" asks for; nothing is ever downloaded.

    Args:
        given: The argument ``prior``. PATH of diffusers is a folder that ``save_pretrained`` of a ``UNet2DModel`` or of
            a pipeline wrote, see ``users_folder``.
        device: Of the networks.

    Returns:
        The codec of the latents that the prior is of, None where it is one of pictures; the prior.

    Raises:
        ArgumentError: It is neither, or there is nothing at PATH.
        DeblurError: A package is missing, or what is at PATH does not fit.
    """
    named = resolve_named("prior", given, FORMS, WANTED)
    path = str(named.path)
    if named.family == "deepinv":
        return None, NetworkPrior(_frozen(_of_deepinv(path), device))
    codec, network = _of_diffusers(path)
    network = _frozen(network, device)
    if codec is None:
        return None, NetworkPrior(network)
    return _frozen(codec, device), LatentPrior(network)


def _frozen[N: nn.Module](network: N, device: torch.device) -> N:
    return network.to(device).eval().requires_grad_(False)


def _of_diffusers(path: str) -> tuple[KLCodec | None, NoisePredictor]:
    diffusers = package("prior", "diffusers", "pip install vsdeblur[diffusers]")
    from vsdeblur.blind.diffusion import users_folder

    root = Path(path)
    latent = users_folder.is_latent(root)
    what = "diffusion model of latents" if latent else "UNet2DModel of pictures"
    try:
        if latent:
            return users_folder.network_of_latents(diffusers, root)
        return None, users_folder.network_of_pictures(diffusers, root)
    except DeblurError:
        raise
    except Exception as error:  # a folder fails in as many ways as there are files
        raise DeblurError(f"prior: {path} is no {what}: {line(error)}") from error


def _of_deepinv(path: str) -> LevelDenoiser:
    models = package("prior", "deepinv.models", "pip install vsdeblur[deepinv]")
    return LevelDenoiser(with_weights(models.DiffUNet(pretrained=None), path, "prior"))
