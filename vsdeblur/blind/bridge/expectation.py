"""The bridge as the expectation step of blind estimation: the whole sharp picture in the place of its strong edges.

Fast Diffusion EM (Laroche, Almansa and Coupete 2023) draws the picture with a diffusion model, guided by the present
blur, and fits the kernel to what was drawn. Here plug and play under the present blur gives the blurry end, and the
bridge goes to the sharp one, with or without steps towards the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.blind.bridge.bridge_net import BridgeNet
from vsdeblur.blind.bridge.deconvolve import QUICK, BridgeDeconvolution
from vsdeblur.blind.bridge.indi import InDI
from vsdeblur.blind.bridge.protocol import Bridge
from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.sampled import sampled_flow

_SPACING = 64  # pixels between the kernels of the blur as the bridge takes it


@dataclass(frozen=True, slots=True)
class BridgeExpectation:
    """An ``Expectation`` for a blur that is roughly known: ``Alternation.improved``, not its coarse scales.

    Attributes:
        network: F.
        bridge: The steps.
        guided: A step towards the data follows each of them, by the present blur.
        start: Makes the blurry end.
        seed: Of all that is random.
    """

    network: BridgeNet
    bridge: Bridge = InDI()  # noqa: RUF009
    guided: bool = False
    start: PlugAndPlay = QUICK
    seed: int = 0

    @torch.no_grad()
    def __call__(self, v: Tensor, blur: Blur, sigma: float, progress: float = 1.0) -> Tensor:
        """The expected sharp picture.

        Args:
            v: (1, 1, H, W), display values.
            blur: Of that size.
            sigma: Standard deviation of v's noise.
            progress: Of the estimate; it changes nothing.

        Returns:
            u, (1, 1, H + 2 margin, W + 2 margin).
        """
        restore = BridgeDeconvolution(self.network, self.bridge, self.guided, self.seed, self.start)
        return restore.with_margin(v, sampled_flow(blur, _SPACING), sigma).mean(1, keepdim=True)
