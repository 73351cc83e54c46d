"""``prior="torchscript:PATH"``: a video or image denoiser that ``torch.jit`` saved."""

from __future__ import annotations

import torch

from vsdeblur.foreign.torchscript import load_script
from vsdeblur.named import Named
from vsdeblur.priors.declaration import declaration_beside
from vsdeblur.priors.declared import DeclaredPrior, declared
from vsdeblur.priors.trial import refuse_untrue


def load(named: Named, device: torch.device | None = None) -> DeclaredPrior:
    """The model at the path, with the declaration beside it.

    Raises:
        DeblurError: The file is no such model, its code does more than compute, or its declaration is wrong or untrue.
    """
    assert named.path is not None  # a part of the form
    path, place = named.path, device or torch.device("cpu")
    said, file = declaration_beside(path)
    prior = declared(f"torchscript:{path.name}", said, load_script(path, place, "prior"))
    refuse_untrue(prior, str(file), place)
    return prior
