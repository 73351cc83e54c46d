"""The protocol of diffusion priors, and the project's own network as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DiffusionNet, padded
from vsdeblur.device import network_dtype
from vsdeblur.weights import fill

# Photographs' power spectrum in display values: (HEIGHT max(f, LOWEST)^-SLOPE)^2, f in cycles per pixel. Measured.
HEIGHT, SLOPE, LOWEST = 0.0125, 1.4, 0.02
BAND = (0.06, 0.2)  # of the frequencies by which the height is fitted to a picture
# Least height: of flatter pictures C^(-1/2) is so large that PiGDM, whose Jacobian is not quite C / sigma^2, diverges.
_FLATTEST = HEIGHT / 5
SHARE = 0.7  # deviation of the network's result from photographs over that of the linear filter's, measured


class DiffusionPrior(Protocol):
    """Pictures u of which only x = u + sigma n is known, n white noise of deviation 1: p(u | x) as a Gaussian.

    Its mean is D(x; sigma), its covariance C(sigma) that of a stationary process.
    """

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma), differentiable in x.

        Args:
            x: (B, C, H, W), display values.
            sigma: Deviation of the noise, above 0.

        Returns:
            (B, C, H, W).
        """
        ...

    def root(self, x: Tensor, sigma: float) -> Tensor:
        """C^(1/2) x, of x (B, C, H, W)."""
        ...

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        """C^(-1/2) x, of x (B, C, H, W)."""
        ...

    def largest(self, sigma: float) -> float:
        """An upper bound of the norm of C^(1/2)."""
        ...

    def fitted(self, picture: Tensor) -> Self:
        """The same with C as it is for pictures like the given one, (B, C, H, W), display values."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkPrior:
    """A network as a ``DiffusionPrior``.

        C(f) = share^2 S(f) sigma^2 / (S(f) + sigma^2)

    The errors that the best linear filter would leave, S being the spectrum of photographs, times a constant: the
    network's errors have about this spectrum at every sigma.

    Attributes:
        network: D, for pictures (B, 3, H, W) and deviations (B,).
        share: See the equation.
        height: S(f) = (height f^-SLOPE)^2.
    """

    network: nn.Module
    share: float = SHARE
    height: float = HEIGHT

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """D(x; sigma), see ``DiffusionPrior``; one picture at a time, which bounds the memory."""
        level = x.new_full((1,), sigma)
        return torch.cat([padded(self.network, one, level) for one in x.split(1)])

    def root(self, x: Tensor, sigma: float) -> Tensor:
        """C^(1/2) x, x continued periodically."""
        return _filtered(x, self._deviation(x, sigma))

    def unroot(self, x: Tensor, sigma: float) -> Tensor:
        """C^(-1/2) x, x continued periodically."""
        return _filtered(x, 1 / self._deviation(x, sigma))

    def largest(self, sigma: float) -> float:
        """The deviation at the lowest frequency."""
        return self.share * sigma

    def fitted(self, picture: Tensor) -> NetworkPrior:
        """S as high as the picture's own spectrum in the middle, where blur and noise leave most of it; see BAND."""
        height, width = picture.shape[-2:]
        window = torch.hann_window(height, False)[:, None] * torch.hann_window(width, False)
        window = window.to(picture)
        centred = picture - picture.mean((-2, -1), keepdim=True)
        power = torch.fft.rfft2(centred * window).abs().square().mean((0, 1)) / window.square().sum()
        frequency = _frequency(picture)
        inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
        found = float((power[inside] * frequency[inside] ** (2 * SLOPE)).mean().sqrt())
        return replace(self, height=max(found, _FLATTEST))

    def _deviation(self, x: Tensor, sigma: float) -> Tensor:
        """The square root of C at the frequencies of rfft2."""
        power = (self.height * _frequency(x).clamp_min(LOWEST) ** -SLOPE).square()
        deviation: Tensor = self.share * (power * sigma**2 / (power + sigma**2)).sqrt()
        return deviation


def _frequency(like: Tensor) -> Tensor:
    """(H, W // 2 + 1): cycles per pixel, of rfft2."""
    height, width = like.shape[-2:]
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency: Tensor = (down.square() + right.square()).sqrt().to(like)
    return frequency


def _filtered(x: Tensor, factor: Tensor) -> Tensor:
    out: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * factor, s=x.shape[-2:])
    return out


def load_diffusion_prior(weights: Path | None = None, device: torch.device | None = None) -> NetworkPrior:
    """The diffusion prior with trained weights.

    Args:
        weights: A file that ``vsdeblur train diffusion`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = DiffusionNet()
    fill(network, "diffusion", weights)
    place = device or torch.device("cpu")
    network.to(place, network_dtype(place)).to(memory_format=torch.channels_last)
    return NetworkPrior(network.eval().requires_grad_(False))
