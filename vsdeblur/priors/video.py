"""``prior="video"``: the project's own video denoiser, and the shape that any denoiser of five frames has here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from vsdeblur.priors.pictures import as_given, in_colour, padded
from vsdeblur.priors.protocol import PriorInfo
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.priors.video_net import ALIGN, FRAMES, HALO, VideoNet
from vsdeblur.weights import fill

LARGEST = 55.0 / 255  # noise that the networks were trained with, at most


class FiveFrames(ABC):
    """A denoiser that sees two frames on either side, as a prior.

    Values are display values, nominally in [0, 1]; larger ones are kept. One channel is shown as three equal ones; with
    2 or 4 channels the last one is alpha and stays as it is. One frame is denoised at a time: memory does not grow with
    the length of the video.
    """

    align: int

    @property
    @abstractmethod
    def info(self) -> PriorInfo: ...

    @abstractmethod
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """(B, 3, H, W) of frames (B, 5, 3, H, W) and sigma (B, 1, H, W); H and W are multiples of ``align``."""

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """Every frame of u (T, C, H, W) with its neighbours as they are; beyond the ends they are mirrored."""
        out = torch.empty_like(u)
        for n in range(len(u)):
            out[n : n + 1] = self.middle(u[[_mirrored(k, len(u)) for k in range(n - 2, n + 3)]][None], sigma)
        return out

    def middle(self, frames: Tensor, sigma: float | Tensor) -> Tensor:
        """(B, C, H, W): the middle ones of frames (B, 5, C, H, W), whose neighbours are aligned more or less.

        sigma: the noise's deviation, or a map of it, (B, 1, H, W).
        """
        batch, _, _, height, width = frames.shape
        level = sigma if isinstance(sigma, Tensor) else frames.new_full((batch, 1, height, width), sigma)
        shown = in_colour(frames.flatten(0, 1), self.align)
        shown = shown.reshape(batch, FRAMES, *shown.shape[1:])
        found = self.clean(shown, padded(level.clamp(0, LARGEST), self.align))
        return as_given(found, frames[:, FRAMES // 2])


class VideoDenoiser(FiveFrames):
    """``VideoNet`` as a prior, and a little total variation of what it leaves: the film run backwards gives the same.

    In skies and walls a small network leaves a fifth of the noise, where a mean over a wide surrounding leaves less;
    ``rest`` takes that, and won 0.1 to 0.7 dB also where there is texture.
    """

    align = ALIGN
    rest = TotalVariation(strength=0.2, time=0.0, steps=8)

    def __init__(self, network: VideoNet) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)

    @property
    def info(self) -> PriorInfo:
        return PriorInfo("video", (1, 2, 3, 4), (0.0, LARGEST), HALO + self.rest.steps, FRAMES // 2, FRAMES, floats=200)

    @torch.no_grad()
    def clean(self, frames: Tensor, sigma: Tensor) -> Tensor:
        return self.rest(self.network(frames, sigma), sigma)


def load_video(weights: Path | None = None, device: torch.device | None = None) -> VideoDenoiser:
    """The project's denoiser, or one with the weights of a file that ``vsdeblur train denoiser`` wrote.

    Raises DeblurError where they are missing or damaged, InputError for a file that holds no such weights.
    """
    network = VideoNet()
    fill(network, "denoiser", weights)
    return VideoDenoiser(network.to(device or torch.device("cpu")))


def _mirrored(k: int, count: int) -> int:
    """Frame k of ``count``, beyond the ends mirrored: what lies there is better than the same frame again."""
    last = count - 1
    k = abs(k)
    return max(2 * last - k, 0) if k > last else k
