"""Bridges as a ``Deconvolver``: total variation makes the blurry end, the network goes from there to the sharp one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.bridge.cddb import Consistent
from vsdeblur.blind.bridge.i2sb import I2SB
from vsdeblur.blind.bridge.indi import InDI
from vsdeblur.blind.bridge.observed import Observed
from vsdeblur.blind.bridge.protocol import Bridge, ExpectedPicture
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.deconvolve.protocol import inside
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.priors.pictures import as_given, colours
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.weights import fill

# What the picture is restored with unless a prior is asked for; and a third of that work, for the quickest bridge.
START = PlugAndPlay(TotalVariation(strength=0.9, time=0.0))
QUICK = PlugAndPlay(TotalVariation(strength=0.9, time=0.0), rounds=3, steps=6)


@dataclass(frozen=True, slots=True)
class Way:
    """One of the named ways along a bridge.

    Attributes:
        bridge: The steps.
        consistent: Whether a data step follows each of them.
    """

    bridge: Bridge
    consistent: bool


WAYS: Mapping[str, Way] = {
    "indi": Way(InDI(), consistent=False),
    "i2sb": Way(I2SB(), consistent=False),
    "cddb": Way(I2SB(), consistent=True),
}


@dataclass(frozen=True, slots=True)
class BridgeDeconvolution:
    """A bridge from plug and play with total variation to the sharp picture: a ``Deconvolver``.

    Attributes:
        network: F.
        bridge: The steps.
        consistent: A data step follows each of them: CDDB.
        seed: Of all that is random; the same gives the same bytes.
        start: Makes the blurry end.
        linear: Values are linear light, which the network receives through a display's curve.
        clip: The value from which on v is clipped; None where it never is.
    """

    network: BridgeNet
    bridge: Bridge
    consistent: bool = False
    seed: int = 0
    start: PlugAndPlay = START
    linear: bool = False
    clip: float | None = None

    def with_steps(self, steps: int) -> BridgeDeconvolution:
        """The same with that many evaluations of the network."""
        return replace(self, bridge=self.bridge.with_steps(steps))

    def with_seed(self, seed: int) -> BridgeDeconvolution:
        """The same with other noise."""
        return replace(self, seed=seed)

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture.

        Args:
            v: (B, C, H, W); an alpha channel (C 2 or 4) stays as it is.
            blur: Of v's size.
            sigma: Standard deviation of v's noise.

        Returns:
            (B, C, H, W).
        """
        return as_given(inside(self.with_margin(v[:, : colours(v.shape[1])], blur, sigma), blur), v)

    @torch.no_grad()
    def with_margin(self, v: Tensor, blur: Blur, sigma: float) -> Tensor:
        """The sharp picture with the light around it that reaches v.

        Args:
            v: (B, C, H, W), C 1 or 3.
            blur: Of v's size.
            sigma: Standard deviation of v's noise.

        Returns:
            (B, 3, H + 2 margin, W + 2 margin).
        """
        observed = Observed.of(v.expand(-1, 3, -1, -1), blur, sigma, self.clip, self.linear)
        y = observed.shown(replace(self.start, clip=self.clip).with_margin(v, blur, sigma)).expand(-1, 3, -1, -1)
        found = self.bridge(self._expected(observed), y, torch.Generator().manual_seed(self.seed))
        return observed.light(found)

    def _expected(self, observed: Observed) -> ExpectedPicture:
        def network(x: Tensor, time: float, spread: float) -> Tensor:
            return observed.expected(self.network, x, x.new_full((len(x),), time), x.new_full((len(x),), spread))

        return Consistent(network, observed) if self.consistent else network


def load_bridge(name: str, weights: Path | None = None, device: torch.device | None = None) -> BridgeDeconvolution:
    """A named way along a bridge, with trained weights.

    Args:
        name: One of ``WAYS``.
        weights: A file that ``vsdeblur train bridge`` wrote; None for the project's own.
        device: Of the network; None for the processor.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    network = BridgeNet()
    fill(network, "bridge", weights)
    network.to(device or torch.device("cpu")).to(memory_format=torch.channels_last)
    way = WAYS[name]
    return BridgeDeconvolution(network.eval(), way.bridge, way.consistent)
