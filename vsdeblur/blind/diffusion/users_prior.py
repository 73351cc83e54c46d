"""A user's diffusion network as the prior of the samplers: a UNet of the package diffusers, or deepinv's DiffUNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.diffusion.prior import NetworkPrior
from vsdeblur.errors import DeblurError
from vsdeblur.external import line, package, refuse_values, with_weights
from vsdeblur.named import resolve_named

FORMS = ("diffusers:PATH", "deepinv:DiffUNet:PATH")
LATENT = ("latent:PATH",)  # read by ``load_diffusion``
WANTED = "{none}, " + " or ".join(f'"{form}"' for form in (*LATENT, *FORMS)) + " with samplers"
_COLOURS = 3
_ALIGN = 32  # the coarsest stride of DiffUNet


class NoisePredictor(nn.Module):
    """D(x; sigma) by a network that was trained on a process that keeps the variance (Ho et al. 2020, eq. 4 and 15).

        y = 2 x - 1     s = 2 sigma = sqrt((1 - a_t) / a_t)     z = sqrt(a_t) y
        D = (y - s e(z, t) + 1) / 2, or by what else e stands for: v (Salimans and Ho 2022) or the picture itself

    t, at which the process has as much noise as x, lies between the steps of training.

    Attributes:
        network: (z, t) to e, with ``.sample``.
        kept: (T,), a_t, falling.
        predicts: "epsilon", "v_prediction" or "sample".
        align: Width and height that it takes are multiples of this.
    """

    def __init__(self, network: nn.Module, kept: Tensor, predicts: str, align: int) -> None:
        super().__init__()
        self.network, self.predicts, self.align = network, predicts, align
        self.noise = ((1 - kept) / kept).sqrt().log().double().numpy()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """D of x (B, 3, H, W), display values, for noise of deviation sigma (B,), all the same; differentiable."""
        s = float(2 * sigma[0])
        step = float(np.interp(np.log(s), self.noise, np.arange(len(self.noise))))
        y = 2 * x - 1
        share = 1 / (1 + s**2)  # a_t
        out = _aligned(lambda z: self.network(z, torch.full((len(z),), step).to(z)).sample, share**0.5 * y, self.align)
        out = out[:, :_COLOURS]  # those that learned a variance return it behind
        if self.predicts == "epsilon":
            out = y - s * out
        elif self.predicts == "v_prediction":
            out = share * y - (1 - share) ** 0.5 * out
        return (out + 1) / 2


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
        return _aligned(lambda z: self.network(z, level, type_t="noise_level"), x, _ALIGN)


def load_users_prior(given: object, device: torch.device) -> NetworkPrior:
    """The prior that "diffusers:PATH" or "deepinv:DiffUNet:PATH" asks for; nothing is ever downloaded.

    Args:
        given: The argument ``prior``. PATH of diffusers is a folder that ``save_pretrained`` of a ``UNet2DModel`` or of
            a pipeline with one wrote; the schedule of its noise is that in the folder, or that of Ho et al. 2020.
        device: Of the network.

    Raises:
        ArgumentError: It is neither, or there is nothing at PATH.
        DeblurError: The package is missing, or what is at PATH does not fit.
    """
    named = resolve_named("prior", given, FORMS, WANTED)
    path = str(named.path)
    network = _of_diffusers(path) if named.family == "diffusers" else _of_deepinv(path)
    return NetworkPrior(network.to(device).eval().requires_grad_(False))


def _of_diffusers(path: str) -> NoisePredictor:
    diffusers = package("prior", "diffusers", "pip install vsdeblur[diffusers]")
    try:
        root = Path(path)
        folder = root / "unet" if (root / "unet").is_dir() else root
        known = diffusers.UNet2DModel.load_config(folder, local_files_only=True)
        _refuse(known)
        network = diffusers.UNet2DModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        )
        refuse_values(network)
        places = [place for place in (root / "scheduler", root) if (place / "scheduler_config.json").is_file()]
        schedule: Any = diffusers.DDPMScheduler
        schedule = schedule.from_pretrained(places[0], local_files_only=True) if places else schedule()
    except Exception as error:  # a folder fails in as many ways as there are files
        raise DeblurError(f"prior: {path} is no UNet2DModel of pictures: {line(error)}") from error
    coarsest = 2 ** (len(known["down_block_types"]) - 1)
    return NoisePredictor(network, schedule.alphas_cumprod, schedule.config.prediction_type, coarsest)


def _refuse(known: dict[str, Any]) -> None:
    """Raise ValueError for a network that takes something else than a picture and a step."""
    if known.get("_class_name") != "UNet2DModel":
        raise ValueError(f"it is a {known.get('_class_name')}")
    if known.get("in_channels") != _COLOURS or known.get("out_channels") not in (_COLOURS, 2 * _COLOURS):
        raise ValueError(f"it takes {known.get('in_channels')} channels, and pictures have {_COLOURS}")
    if known.get("class_embed_type") or known.get("num_class_embeds"):
        raise ValueError("it takes a class")


def _of_deepinv(path: str) -> LevelDenoiser:
    models = package("prior", "deepinv.models", "pip install vsdeblur[deepinv]")
    return LevelDenoiser(with_weights(models.DiffUNet(pretrained=None), path, "prior"))


def _aligned(network: Any, x: Tensor, align: int) -> Tensor:
    """``network`` of x (B, C, H, W) with its edges repeated to multiples of ``align``."""
    height, width = x.shape[-2:]
    margin = (0, -width % align, 0, -height % align)
    out: Tensor = network(F.pad(x, margin, mode="replicate") if any(margin) else x)
    return out[..., :height, :width]
