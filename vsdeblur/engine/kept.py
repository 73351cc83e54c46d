"""What is kept of exposures while instants are composed from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from vsdeblur.solver.render.residual import Residual


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The last results, for all that compose instants: where these are many, they take turns in little memory.

    Attributes:
        residuals: Of a function and the number of an exposure, its result.
        excesses: Likewise.
    """

    residuals: Callable[[Residual, int], Tensor]
    excesses: Callable[[Residual, int], Tensor]

    @classmethod
    def of(cls, count: int) -> Kept:
        """So many results of each are kept."""

        def found(function: Residual, n: int) -> Tensor:
            return function(n)

        return cls(lru_cache(maxsize=count)(found), lru_cache(maxsize=count)(found))
