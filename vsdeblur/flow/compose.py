"""Flow over several steps from the flow of single ones, and flow backwards from flow forwards."""

from __future__ import annotations

from torch import Tensor

from vsdeblur.flow.warp import warp


def compose(flow: Tensor, reach: int) -> Tensor:
    """Flow over several steps from the flow of single steps.

    Args:
        flow: u_k -> u_{k+1}, (T - 1, 2, H, W), pixels.
        reach: Steps, 1 to T - 1.

    Returns:
        u_k -> u_{k+reach}, (T - reach, 2, H, W), pixels.
    """
    total = flow[: len(flow) - reach + 1]
    for step in range(1, reach):
        total = total + warp(flow[step : len(flow) - reach + 1 + step], total, "bilinear")
    return total


def invert(flow: Tensor, steps: int = 12) -> Tensor:
    """The flow back, b with b(x) = -f(x + b(x)), by fixed-point iteration, contracting where |df/dx| < 1.

    Where it does not converge (folds, occlusions), b is the last iterate, and ``consistency`` gives it no weight.

    Args:
        flow: f, (B, 2, H, W), pixels.
        steps: Of the iteration.

    Returns:
        b, (B, 2, H, W), pixels.
    """
    back = -flow
    for _ in range(steps):
        back = -warp(flow, back, "bilinear")
    return back
