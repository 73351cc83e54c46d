"""Checks that every linear operator must pass, and the exact solution of its normal equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.operators import BoundedOperator, LinearOperator, gram


@dataclass(frozen=True)
class Pair:
    """A ``LinearOperator`` of two functions: ``forward`` x = A x and ``backward`` y = A' y."""

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor, /) -> Tensor:
        return self.forward(x)

    def adjoint(self, y: Tensor, /) -> Tensor:
        return self.backward(y)


def check_adjoint(operator: LinearOperator, domain: tuple[int, ...], *, seed: int = 0, rel: float = 1e-10) -> None:
    """<A x, y> = <x, A' y> for random x of shape ``domain`` and y of A x's, float64, relative to |A x| |y|.

    Neither direction changes what it is given.
    """
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(domain, generator=rng, dtype=torch.float64)
    given_x = x.clone()
    image = operator(x)
    y = torch.randn(image.shape, generator=rng, dtype=torch.float64)
    given_y = y.clone()
    back = operator.adjoint(y)
    assert torch.equal(x, given_x)
    assert torch.equal(y, given_y)
    assert back.shape == x.shape
    assert float(image.norm()) > 0
    assert abs(float((image * y).sum() - (x * back).sum())) <= rel * float(image.norm() * y.norm())


def check_symmetric(system: Callable[[Tensor], Tensor], domain: tuple[int, ...], *, rel: float = 1e-10) -> None:
    """A = A', as ``check_adjoint`` does it."""
    check_adjoint(Pair(system, system), domain, rel=rel)


def check_norm(operator: BoundedOperator, domain: tuple[int, ...], *, seed: int = 0, steps: int = 60) -> None:
    """The largest eigenvalue of A'A that power iteration finds stays below ``norm_squared``."""
    x = torch.randn(domain, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert 0 < power_iteration(gram(operator), x, steps) <= operator.norm_squared * (1 + 1e-9)


def power_iteration(system: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> float:
    """A lower bound of the largest eigenvalue of a symmetric operator, close to it after many ``steps``."""
    x, largest = start / start.norm(), 0.0
    for _ in range(steps):
        x = system(x)
        largest = float(x.norm())
        x = x / largest
    return largest


def conjugate_gradients(system: Callable[[Tensor], Tensor], rhs: Tensor, start: Tensor, steps: int) -> Tensor:
    """The solution of ``system(x) = rhs``, positive definite, to a relative residual of 1e-8 within ``steps``."""
    x, r = start, rhs - system(start)
    p, rs = r, (r * r).sum()
    for _ in range(steps):
        q = system(p)
        a = rs / (p * q).sum()
        x, r = x + a * p, r - a * q
        rs, previous = (r * r).sum(), rs
        p = r + rs / previous * p
    assert float((system(x) - rhs).norm()) < 1e-8 * float(rhs.norm())
    return x
