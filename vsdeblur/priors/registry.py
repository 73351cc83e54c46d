"""Priors by name. A new one is a file with ``load(named, device)`` and a line in ``PRIORS``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vsdeblur.named import listed, resolve_named
from vsdeblur.priors.protocol import FunctionPrior, ImagePrior

if TYPE_CHECKING:
    import torch

INTERNAL = "internal"  # what learns from the clip itself

# The forms that names have, and the modules that load them.
PRIORS = {
    "tv": "vsdeblur.priors.tv",
    "video": "vsdeblur.priors.video",
    "video:PATH": "vsdeblur.priors.video",
    INTERNAL: "vsdeblur.priors.internal",
    "fastdvdnet:PATH": "vsdeblur.priors.fastdvdnet",
    "deepinv:NAME:PATH": "vsdeblur.priors.deepinv",
    "onnx:PATH": "vsdeblur.priors.onnx",
    "torchscript:PATH": "vsdeblur.priors.torchscript",
}
WANTED = "{none}, " + listed(tuple(PRIORS), "a callable prior(u, sigma) -> u")


def get_prior(prior: str | Callable[..., Any], device: torch.device | None = None) -> ImagePrior:
    """The prior that an argument ``prior`` asks for.

    Args:
        prior: "tv": total variation. "video": the project's denoiser; "video:PATH": with weights that ``vsdeblur train
            denoiser`` made. "internal": the same, after it has learned from
            the window at hand. "fastdvdnet:PATH", "deepinv:NAME:PATH": a network and its checkpoint. "onnx:PATH",
            "torchscript:PATH": any model, with its declaration beside it (``vsdeblur.priors.declaration``). An
            ``ImagePrior`` or ``VideoPrior`` is taken as it is, any other callable ``prior(u, sigma) -> u`` as an image
            prior.
        device: of networks, None for the CPU.

    Raises:
        ArgumentError: It is nothing of the kind, or its checkpoint does not exist.
        DeblurError: A package or weights are missing, or a checkpoint does not fit.
    """
    if callable(prior):
        return prior if isinstance(prior, ImagePrior) else FunctionPrior(prior)
    named = resolve_named("prior", prior, tuple(PRIORS), WANTED)
    module = next(module for form, module in PRIORS.items() if form.partition(":")[0] == named.family)
    loaded: ImagePrior = import_module(module).load(named, device)
    return loaded
