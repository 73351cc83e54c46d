"""R1: what sharp video looks like. A prior is any ``prior(u, sigma) -> u``; "tv" needs no weights."""

from vsdeblur.priors.protocol import ImagePrior, Prior, VideoPrior
from vsdeblur.priors.registry import get_prior
from vsdeblur.priors.tv import TotalVariation

__all__ = ["ImagePrior", "Prior", "TotalVariation", "VideoPrior", "get_prior"]
