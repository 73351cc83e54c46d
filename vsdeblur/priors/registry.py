"""Priors by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdeblur.errors import ArgumentError
from vsdeblur.priors.protocol import Prior, PriorInfo
from vsdeblur.priors.tv import TotalVariation

if TYPE_CHECKING:
    import torch

WANTED = 'None, "tv", "video", "video:PATH", "fastdvdnet:PATH", "deepinv:NAME:PATH" or a callable prior(u, sigma) -> u'


def get_prior(prior: str | Callable[..., Any], device: torch.device | None = None) -> Prior:
    """The prior that an argument ``prior`` asks for, its network on ``device`` (None: the CPU).

    "tv": total variation. "video": the project's denoiser; "video:PATH": with weights that ``vsdeblur train denoiser``
    made. "fastdvdnet:PATH", "deepinv:NAME:PATH": a network and the path of its checkpoint. Any callable
    ``prior(u, sigma) -> u`` is taken as it is.
    Raises ArgumentError for anything else and for a path where no file is, DeblurError for a package or weights that
    are missing or a checkpoint that does not fit.
    """
    if callable(prior):
        return prior
    if not isinstance(prior, str):
        raise ArgumentError("prior", prior, WANTED)
    if prior == "tv":
        return TotalVariation()
    family, _, rest = prior.partition(":")
    name, _, path = rest.partition(":") if family == "deepinv" else ("", "", rest)
    known = family in ("video", "fastdvdnet", "deepinv")
    if not known or (not path and prior != "video") or (family == "deepinv" and not name):
        raise ArgumentError("prior", prior, WANTED)
    if path and not Path(path).is_file():
        raise ArgumentError("prior", prior, "a name with the path of a checkpoint file that exists")
    if family == "video":
        from vsdeblur.priors.video import load_video

        return load_video(Path(path) if path else None, device)
    if family == "fastdvdnet":
        from vsdeblur.priors.fastdvdnet import load_fastdvdnet

        return load_fastdvdnet(path, device)
    from vsdeblur.priors.deepinv import load_deepinv

    return load_deepinv(name, path, device)


def describe(prior: Prior) -> PriorInfo:
    """The prior's own ``info``, or one that promises nothing but its name."""
    info = getattr(prior, "info", None)
    return info if isinstance(info, PriorInfo) else PriorInfo(getattr(prior, "__name__", type(prior).__name__))
