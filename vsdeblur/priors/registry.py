"""Priors by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vsdeblur.errors import ArgumentError
from vsdeblur.priors.protocol import Prior, PriorInfo
from vsdeblur.priors.tv import TotalVariation

_BUILT_IN: dict[str, Callable[[], Prior]] = {"tv": TotalVariation}


def get_prior(prior: str | Callable[..., Any]) -> Prior:
    """A built-in prior by its name ("tv"), or any callable ``prior(u, sigma) -> u`` as it is.

    Raises ArgumentError for anything else.
    """
    if callable(prior):
        return prior
    make = _BUILT_IN.get(prior) if isinstance(prior, str) else None
    if make is None:
        names = ", ".join(f'"{name}"' for name in _BUILT_IN)
        raise ArgumentError("prior", prior, f"None, {names} or a callable prior(u, sigma) -> u")
    return make()


def describe(prior: Prior) -> PriorInfo:
    """The prior's own ``info``, or one that promises nothing but its name."""
    info = getattr(prior, "info", None)
    return info if isinstance(info, PriorInfo) else PriorInfo(getattr(prior, "__name__", type(prior).__name__))
