"""The protocol of guidance: the posterior mean of the picture, given the noisy state and the data."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.prior import DiffusionPrior


class Guidance(Protocol):
    """An approximation of E[u | x, v] for x = u + sigma n: what D(x; sigma) is without data."""

    def __call__(self, prior: DiffusionPrior, x: Tensor, sigma: float, observation: Observation) -> Tensor:
        """E[u | x, v].

        Args:
            prior: Of u.
            x: (B, C, H + 2 margin, W + 2 margin), the state of the process, display values with noise.
            sigma: Deviation of x's noise.
            observation: v.

        Returns:
            Of x's shape.
        """
        ...


class Denoised:
    """D(x; sigma), and J'w, J being its Jacobian in x."""

    def __init__(self, prior: DiffusionPrior, x: Tensor, sigma: float) -> None:
        # Inference mode keeps nothing for gradients, even where they are asked for inside it.
        with torch.inference_mode(False), torch.enable_grad():
            self._x = x.clone().requires_grad_()
            self._mean = prior(self._x, sigma)
            self.mean = self._mean.detach()

    def pulled_back(self, w: Tensor) -> Tensor:
        """J'w, for w of x's shape. Once: what gradients need is freed."""
        with torch.inference_mode(False), torch.enable_grad():
            return torch.autograd.grad(self._mean, self._x, w.clone())[0]
