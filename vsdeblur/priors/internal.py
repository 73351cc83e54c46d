"""``prior="internal"``: the video denoiser goes on learning on the frames at hand alone, before they are restored.

There is no sharp picture to learn from, and none without noise. Two things stand in for them:

- The frames at half their size (Michaeli and Irani, ECCV 2014): blur is half as long there, and noise half as strong.
- More noise, taken apart from the frames' own (R2R, Pang et al., CVPR 2021). With frames y of noise sigma, and white z,

      shown = y + a z,    wanted = y - (sigma^2 / a) z

  have noises that are uncorrelated, so that the mean squared distance to ``wanted`` is least where that to the frame
  without noise is. Shown is what the solver shows: from the measured noise to about twice as much.

What is learned belongs to one window: nothing is kept, and a window gives the same whatever was restored before.

References:
    Cherel, Almansa, Gousseau, Newson: Infusion, internal diffusion for inpainting of dynamic textures and complex
    motion, 2023: a network of the clip alone as the prior of the clip.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.colour.display import to_display
from vsdeblur.device import single_thread
from vsdeblur.named import Named
from vsdeblur.priors.pictures import in_colour
from vsdeblur.priors.video import LARGEST, VideoDenoiser, load_video, mirrored
from vsdeblur.priors.video_net import ALIGN, FRAMES, VideoNet

STEPS, BATCH, CROP = 100, 4, 64
BYTES = 128 << 20  # that learning holds on as many threads as it takes, whatever the size of the frames: measured
QUIET = 1 / 255  # noise below which there is nothing to be learned
_RATE, _LAST = 2e-4, 0.1  # of learning, and the part of it that is left in the end
_SMALLER = 0.5  # share of the pieces that are seen at half their size
_SHOWN = (0.5, 2.2)  # noise that is shown, over the measured one
_LEAST = 0.5  # a over the deviation of the frames' own noise: less makes what is wanted too noisy
_MIDDLE = FRAMES // 2

log = logging.getLogger("vsdeblur")


class InternalPrior(VideoDenoiser):
    """A ``LearningPrior``: as it is the bundled denoiser, until it has learned from frames."""

    name = "internal"

    def learned(self, frames: Tensor, sigma: float, *, linear: bool) -> VideoDenoiser:
        """The denoiser that has learned from a window; itself where there is too little noise, or too little to see.

        The same on any number of threads: each piece of a step is one thread's, and their gradients are added in order.

        Args:
            frames: (n, C, H, W), the blurry frames' colours.
            sigma: Standard deviation of their noise, display values.
            linear: Whether values are linear light; otherwise they are display values.
        """
        if sigma < QUIET or min(frames.shape[-2:]) < ALIGN:
            return self
        with torch.inference_mode(False), torch.enable_grad():
            return VideoDenoiser(learn(self.network, frames, min(sigma, LARGEST), linear=linear, steps=STEPS))

    @property
    def learning_bytes(self) -> int:
        """Memory that learning holds."""
        return BYTES


def learn(network: VideoNet, frames: Tensor, sigma: float, *, linear: bool, steps: int) -> VideoNet:
    """A network that has learned from frames; ``network`` stays as it is. frames, sigma, linear: as ``learned``.

    steps: Of Adam, each on BATCH pieces.
    """
    network = deepcopy(network).train().requires_grad_(True)
    weights = list(network.parameters())
    optimiser = torch.optim.Adam(weights)
    with single_thread() as count:
        on_cpu = frames.device.type == "cpu"
        with ThreadPoolExecutor(min(count, BATCH) if on_cpu else 1) as threads:
            for step in range(steps):
                for group in optimiser.param_groups:
                    group["lr"] = _RATE * (1 - (1 - _LAST) * step / steps)
                rng = np.random.default_rng((0, step))
                pieces = [piece(frames, sigma, rng, linear=linear) for _ in range(BATCH)]
                found = list(threads.map(lambda one: _gradient(network, weights, *one), pieces))
                for weight, *parts in zip(weights, *found, strict=True):
                    weight.grad = torch.stack(parts).sum(0) / BATCH
                optimiser.step()
    return network.requires_grad_(False)


def _gradient(
    network: VideoNet, weights: list[nn.Parameter], shown: Tensor, wanted: Tensor, level: float
) -> tuple[Tensor, ...]:
    """Of the squared error in units of the noise that is shown."""
    found = network(shown[None], shown.new_full((1, 1, *shown.shape[-2:]), level))[0]
    return torch.autograd.grad(((found - wanted) / level).square().mean(), weights)


def piece(frames: Tensor, sigma: float, rng: np.random.Generator, *, linear: bool) -> tuple[Tensor, Tensor, float]:
    """A random piece of a window: what is shown (5, 3, h, w), what is wanted (3, h, w), and the noise that is shown.

    Args:
        frames: (n, C, H, W), colours.
        sigma: Standard deviation of their noise, display values.
        rng: Of all that is random.
        linear: Whether values are linear light.
    """
    count, _, height, width = frames.shape
    smaller = 2 if rng.random() < _SMALLER and min(height, width) >= 2 * ALIGN else 1
    rows, columns = (smaller * min(CROP, side // smaller // ALIGN * ALIGN) for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    n = int(rng.integers(count))
    around = [mirrored(k, count) for k in range(n - _MIDDLE, n + _MIDDLE + 1)]
    seen = frames[around, :, top : top + rows, left : left + columns].float()
    seen = in_colour(to_display(seen) if linear else seen, 1)
    own = sigma / smaller
    seen = F.avg_pool2d(seen, smaller) if smaller > 1 else seen
    for axis in (-1, -2):
        seen = seen.flip(axis) if rng.random() < 0.5 else seen
    level = sigma * math.exp(rng.uniform(*np.log(_SHOWN)))
    more = max(math.sqrt(max(level**2 - own**2, 0.0)), _LEAST * own)
    noise = torch.from_numpy(rng.standard_normal(seen.shape, np.float32)).to(seen)
    wanted = seen[_MIDDLE] - own**2 / more * noise[_MIDDLE]
    return seen + more * noise, wanted, math.hypot(own, more)


@lru_cache
def seconds(device: torch.device) -> float:
    """That learning from a window takes on this machine, by one step of it."""
    network = VideoNet().to(device)
    frames = torch.rand(FRAMES, 3, 2 * CROP, 2 * CROP, device=device)
    with torch.inference_mode(False), torch.enable_grad():
        learn(network, frames, 0.04, linear=False, steps=1)  # loads what is loaded once
        begun = time.perf_counter()
        learn(network, frames, 0.04, linear=False, steps=1)
    return STEPS * (time.perf_counter() - begun)


@lru_cache
def _say(took: float) -> None:
    log.warning(
        'prior="internal" learns from every chunk of noisy frames before it restores it: about %d s a chunk',
        max(round(took), 1),
    )


def load(named: Named, device: torch.device | None = None) -> InternalPrior:
    """``prior="internal"``; says what it costs, once. Raises DeblurError where the bundled weights are missing."""
    place = device or torch.device("cpu")
    prior = InternalPrior(load_video(None, place).network)
    _say(seconds(place))
    return prior
