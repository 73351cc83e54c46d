"""Flow over several steps from the flow of single ones, and flow backwards from flow forwards."""

from __future__ import annotations

from torch import Tensor

from vsdeblur.flow.warp import sample, sampling_grid


def compose(flow: Tensor, reach: int) -> Tensor:
    """Flow over ``reach`` steps from the flow of single steps, (T-1, 2, H, W) -> (T-reach, 2, H, W)."""
    total = flow[: len(flow) - reach + 1]
    for step in range(1, reach):
        total = total + sample(flow[step : len(flow) - reach + 1 + step], sampling_grid(total), "bilinear")
    return total


def invert(flow: Tensor, steps: int = 12) -> Tensor:
    """b with b(x) = -f(x + b(x)), the flow back, (B, 2, H, W): a fixed point, contracting where |df/dx| < 1.

    Where it does not settle (folds, occlusions), b is what the last step left and ``consistency`` gives it no weight.
    """
    back = -flow
    for _ in range(steps):
        back = -sample(flow, sampling_grid(back), "bilinear")
    return back
