"""Linear operators: a map A, its adjoint A', and a bound of its norm.

    <A x, y> = <x, A' y>,        ||A||^2 = the largest eigenvalue of A'A

Exposures, warps, couplings and blurs are such operators. None stores a matrix: a small value holds what the map depends
on (weights, sampling positions, kernels), and both directions are functions of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class LinearOperator(Protocol):
    """A and its exact adjoint."""

    def __call__(self, x: Tensor, /) -> Tensor:
        """A x, a new tensor."""
        ...

    def adjoint(self, y: Tensor, /) -> Tensor:
        """A' y, a new tensor: <A x, y> = <x, A' y> up to rounding."""
        ...


class BoundedOperator(LinearOperator, Protocol):
    """An operator that knows how large its norm is, from what it is made of: no iteration is needed."""

    @property
    def norm_squared(self) -> float:
        """An upper bound of ||A||^2, the largest eigenvalue of A'A."""
        ...


def gram(operator: LinearOperator, weight: Tensor | float | None = None) -> Callable[[Tensor], Tensor]:
    """x -> A' (weight A x), the symmetric operator of the least squares  1/2 sum weight |A x - y|^2.

    Args:
        operator: A.
        weight: a number or a tensor that A x can be multiplied by, not negative; None for 1.

    Returns:
        A function that Chebyshev's iteration takes as its system, with eigenvalues from 0 to max(weight) ||A||^2.
    """
    if weight is None:
        return lambda x: operator.adjoint(operator(x))
    return lambda x: operator.adjoint(weight * operator(x))
