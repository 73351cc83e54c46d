"""Chebyshev's semi-iteration: linear systems without dot products.

A fixed number of steps with fixed bounds on the spectrum makes the result a local, linear function of the data: it
depends neither on how sums are split over threads nor on where tiles end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def chebyshev(
    operator: Callable[[Tensor], Tensor], rhs: Tensor, start: Tensor | None, lowest: float, highest: float, steps: int
) -> Tensor:
    """Approximate the solution of  operator(x) = rhs  for a symmetric operator with eigenvalues in (0, highest].

    Along eigenvalues in [lowest, highest] the error shrinks by 1 / C_steps((highest + lowest) / (highest - lowest)),
    C_k Chebyshev's polynomials: the best uniform rate. Below lowest it shrinks more slowly, and never grows.

    Args:
        operator: x -> A x, of the shape of rhs.
        rhs: The right side, any shape.
        start: The first x; None for 0, which saves an operation.
        lowest: Bound of the eigenvalues that are aimed at.
        highest: Bound of all eigenvalues.
        steps: Of the iteration; each applies the operator once.

    Returns:
        x, a new tensor.

    References:
        Golub and Varga 1961; Saad, Iterative Methods for Sparse Linear Systems, algorithm 12.1.
    """
    centre, radius = (highest + lowest) / 2, (highest - lowest) / 2
    sigma = centre / radius
    rho = 1 / sigma
    if start is None:
        x, residual = torch.zeros_like(rhs), rhs.clone()
    else:
        x, residual = start.clone(), rhs - operator(start)
    step = residual / centre
    for k in range(steps):
        x += step
        if k + 1 < steps:
            residual -= operator(step)
            rho, previous = 1 / (2 * sigma - rho), rho
            step = step.clone() if step.requires_grad else step  # the operator may keep its input for gradients
            step.mul_(rho * previous).add_(residual, alpha=2 * rho / radius)
    return x
