"""A network that predicts the noise of a process that keeps the variance, as one that denoises.

    y = c (x - m)     s = c sigma = sqrt((1 - a_t) / a_t)     z = sqrt(a_t) y
    D = (y - s e(z, t)) / c + m, or by what else e stands for: v, or the picture itself

c and m bring values to the range of its training: 2 and 1/2 for pictures. t, at which the process has as much noise as
x, lies between the steps of training.

References:
    Ho, Jain and Abbeel: Denoising diffusion probabilistic models, NeurIPS 2020, eq. 4 and 15.
    Salimans and Ho: Progressive distillation for fast sampling of diffusion models, ICLR 2022: v.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisePredictor(nn.Module):
    """See the module.

    Attributes:
        network: (z, t) to e, with ``.sample``.
        kept: (T,), a_t, falling.
        predicts: "epsilon", "v_prediction" or "sample".
        align: Width and height that it takes are multiples of this.
        scale: c.
        middle: m.
    """

    def __init__(
        self, network: nn.Module, kept: Tensor, predicts: str, align: int, scale: float = 2.0, middle: float = 0.5
    ) -> None:
        super().__init__()
        self.network, self.predicts, self.align = network, predicts, align
        self.scale, self.middle = scale, middle
        self.noise = ((1 - kept) / kept).sqrt().log().double().numpy()

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """D of x (B, C, H, W) for noise of deviation sigma (B,), all the same; differentiable."""
        s = float(self.scale * sigma[0])
        step = float(np.interp(np.log(s), self.noise, np.arange(len(self.noise))))
        y = self.scale * (x - self.middle)
        share = 1 / (1 + s**2)  # a_t
        out = aligned(lambda z: self.network(z, torch.full((len(z),), step).to(z)).sample, share**0.5 * y, self.align)
        out = out[:, : x.shape[1]]  # those that learned a variance return it behind
        if self.predicts == "epsilon":
            out = y - s * out
        elif self.predicts == "v_prediction":
            out = share * y - (1 - share) ** 0.5 * out
        return out / self.scale + self.middle


def aligned(network: Any, x: Tensor, align: int) -> Tensor:
    """``network`` of x (B, C, H, W) with its edges repeated to multiples of ``align``."""
    height, width = x.shape[-2:]
    margin = (0, -width % align, 0, -height % align)
    out: Tensor = network(F.pad(x, margin, mode="replicate") if any(margin) else x)
    return out[..., :height, :width]
