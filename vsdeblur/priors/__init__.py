"""R1: what sharp video looks like. A prior is any ``prior(u, sigma) -> u``; "tv" is built in."""

from vsdeblur.priors.protocol import Prior, PriorInfo
from vsdeblur.priors.registry import describe, get_prior
from vsdeblur.priors.tv import TotalVariation

__all__ = ["Prior", "PriorInfo", "TotalVariation", "describe", "get_prior"]
