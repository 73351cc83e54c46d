"""``prior="video"``: the project's own video denoiser, and the base of any denoiser of five frames."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.footprint import TileFootprint
from vsdeblur.named import Named
from vsdeblur.priors.pictures import as_given, in_colour, padded
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.priors.video_net import ALIGN, FRAMES, HALO, VideoNet
from vsdeblur.weights import fill

LARGEST = 55.0 / 255  # noise that the networks were trained with, at most

log = logging.getLogger("vsdeblur")


class FrameWindowDenoiser(ABC):
    """A ``VideoPrior``: a network that denoises the middle one of five frames.

    Values are display values, nominally in [0, 1]; larger ones are kept. One channel is given as three equal ones; with
    2 or 4 channels the last one is alpha and stays as it is. One frame is denoised at a time: memory does not grow with
    the length of the video. Noise beyond ``sigma`` is taken for its nearest end, with one warning.

    Attributes:
        align: sizes that the network takes are multiples of it.
        floats: values that it holds per pixel of one frame, measured.
        sigma: least and most noise that it was trained with, in units of [0, 1]; less than the least is no fault.
    """

    name: str
    halo: int
    align: int
    floats: int
    sigma: tuple[float, float] = (0.0, LARGEST)
    frames = FRAMES

    def footprint(self, channels: int) -> TileFootprint:
        """The network's own, the aligned frames, their motion."""
        return TileFootprint(working=self.floats + 2 * FRAMES * channels + 12)

    @abstractmethod
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """(B, 3, H, W) of frames (B, 5, 3, H, W) and sigma (B, 1, H, W); H and W are multiples of ``align``."""

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """Every frame of u (T, C, H, W) with its neighbours as they are; beyond the ends they are mirrored."""
        out = torch.empty_like(u)
        for n in range(len(u)):
            around = [u[mirrored(k, len(u))] for k in range(n - 2, n + 3)]
            out[n : n + 1] = self.middle(torch.stack(around)[None], sigma)
        return out

    def middle(self, frames: Tensor, sigma: float | Tensor) -> Tensor:
        """(B, C, H, W): the middle ones of frames (B, 5, C, H, W), whose neighbours are aligned more or less.

        sigma: the noise's deviation, or a map of it, (B, 1, H, W).
        """
        batch, _, _, height, width = frames.shape
        if isinstance(sigma, Tensor):
            level = sigma
        else:
            if sigma > self.sigma[1]:
                _warn_of_noise(self.name, self.sigma[1])
            level = frames.new_full((batch, 1, height, width), sigma)
        shown = in_colour(frames.flatten(0, 1), self.align)
        shown = shown.reshape(batch, FRAMES, *shown.shape[1:])
        found = self.clean(shown, padded(level.clamp(0, self.sigma[1]), self.align))
        return as_given(found, frames[:, FRAMES // 2])


class VideoDenoiser(FrameWindowDenoiser):
    """``VideoNet`` as a prior, and a little total variation of what it leaves: the film run backwards gives the same.

    In skies and walls a small network leaves a fifth of the noise, where a mean over a wide surrounding leaves less;
    ``rest`` takes that, and won 0.1 to 0.7 dB also where there is texture.
    """

    rest = TotalVariation(strength=0.2, time=0.0, steps=8)
    name, halo, align, floats = "video", HALO + rest.steps, ALIGN, 200

    def __init__(self, network: VideoNet) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """The denoised middle frames."""
        return self.rest(self.network(frames, sigma), sigma)


def load_video(weights: Path | None = None, device: torch.device | None = None) -> VideoDenoiser:
    """The project's denoiser, or one with the weights of a file that ``vsdeblur train denoiser`` wrote.

    Raises DeblurError where they are missing or damaged, InputError for a file that holds no such weights.
    """
    network = VideoNet().to(memory_format=torch.channels_last)  # a seventh less time on a processor with AVX2
    fill(network, "denoiser", weights)
    return VideoDenoiser(network.to(device or torch.device("cpu")))


def load(named: Named, device: torch.device | None = None) -> VideoDenoiser:
    """``prior="video"`` and ``prior="video:PATH"``, see ``load_video``."""
    return load_video(named.path, device)


@lru_cache
def _warn_of_noise(name: str, most: float) -> None:
    log.warning(
        'prior="%s" was trained with noise of up to %.3g/255: stronger noise is treated as that', name, 255 * most
    )


def mirrored(k: int, count: int) -> int:
    """Frame k of ``count``, beyond the ends mirrored: what lies there is better than the same frame again."""
    last = count - 1
    k = abs(k)
    return max(2 * last - k, 0) if k > last else k
