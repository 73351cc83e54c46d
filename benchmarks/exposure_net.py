"""The supervised baseline: a network that renders instants straight from blurry frames, as a row of ``bench --peer``.

BASELINE=OUT/baseline.safetensors vsdeblur bench CLIP --peer "baseline=benchmarks/exposure_net.py:restore"

It is in the spirit of Neural Image Re-Exposure (Zhang et al., arXiv 2305.13593): frames are encoded once, the wanted
exposure is encoded too and modulates the decoder. No motion, no model of the exposure and no solver is in it; unlike
the paper's it sees no events. It has as many weights as this project's three networks of ``preset="best"`` together.
``baseline.py`` trains it; ``BASELINE=FILE python benchmarks/exposure_net.py`` says for how long a file was trained.
"""

from __future__ import annotations

import json
import math
import os
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from vsdeblur.unet import Block

FRAMES = 4  # blurry ones; instants lie between the mid-exposures of the two in the middle
CELL = 4  # pixels per side that enter and leave as one
ALIGNED = 4 * CELL  # height and width are multiples of it
WIDTHS = (72, 104, 152)
_OCTAVES = 4  # of the encoding of time
_ENCODED = 64
_SMALL = 0.1  # a change of values that counts as 1
_WEIGHTS = "BASELINE"  # variable of the environment that names the file


class ExposureNet(nn.Module):
    """Four blurry frames, instants and a shutter to what was there at these instants."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.enter = nn.Conv2d(3 * FRAMES, fine, CELL, stride=CELL)
        self.fine = nn.Sequential(Block(fine), Block(fine))
        self.down = nn.Conv2d(fine, middle, 2, stride=2)
        self.middle = nn.Sequential(Block(middle), Block(middle))
        self.deeper = nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = nn.Sequential(Block(coarse), Block(coarse))
        self.exposure = nn.Sequential(
            nn.Linear(2 * _OCTAVES + 2, _ENCODED), nn.ReLU(), nn.Linear(_ENCODED, 2 * sum(WIDTHS))
        )
        self.coarse_again = nn.Sequential(Block(coarse), Block(coarse))
        self.up = nn.Conv2d(coarse, 4 * middle, 1)
        self.middle_again = nn.Sequential(Block(middle), Block(middle))
        self.upper = nn.Conv2d(middle, 4 * fine, 1)
        self.fine_again = nn.Sequential(Block(fine), Block(fine))
        self.leave = nn.Conv2d(fine, (3 + FRAMES) * CELL * CELL, 1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, blurry: Tensor, times: Tensor, shutter: Tensor) -> Tensor:
        """The sharp instants.

        Args:
            blurry: (B, FRAMES, 3, H, W) in [0, 1], H and W multiples of ALIGNED.
            times: (B, T), 0 at the mid-exposure of frame 1, 1 at that of frame 2.
            shutter: (B,), the open part of a period.

        Returns:
            (B, T, 3, H, W), an untrained network's the linear blend of the two frames in the middle.
        """
        count = times.shape[1]
        fine, middle, coarse = self._seen(blurry)
        wanted = self.exposure(_encoded(times, shutter)).flatten(0, 1)[..., None, None]
        scales, shifts = (x.split(WIDTHS, 1) for x in wanted.chunk(2, 1))
        fine, middle, coarse = (
            x.repeat_interleave(count, 0) * (1 + scale) + shift
            for x, scale, shift in zip((fine, middle, coarse), scales, shifts, strict=True)
        )
        middle = self.middle_again(middle + F.pixel_shuffle(self.up(self.coarse_again(coarse)), 2))
        fine = self.fine_again(fine + F.pixel_shuffle(self.upper(middle), 2))
        found = F.pixel_shuffle(self.leave(fine), CELL).float().unflatten(0, times.shape)
        at = times[..., None, None, None]
        blend = torch.lerp(blurry[:, None, 1], blurry[:, None, 2], at)
        weights = found[:, :, 3:, None]
        differences = blurry[:, None] - blend[:, :, None]
        out: Tensor = blend + _SMALL * found[:, :, :3] + (weights * differences).sum(2)
        return out

    def _seen(self, blurry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of the frames at three scales, whatever is wanted of them."""
        x = (blurry - 0.5).flatten(1, 2).contiguous(memory_format=torch.channels_last)
        fine = self.fine(self.enter(x))
        middle = self.middle(self.down(fine))
        return fine, middle, self.coarse(self.deeper(middle))


def _encoded(times: Tensor, shutter: Tensor) -> Tensor:
    """(B, T, 2 _OCTAVES + 2): times as waves and as they are, and the shutter."""
    waves = times[..., None] * math.pi * 2.0 ** torch.arange(_OCTAVES, device=times.device)
    plain = torch.stack((times, shutter[:, None].expand_as(times)), -1) - 0.5
    return torch.cat((waves.sin(), waves.cos(), plain), -1)


@lru_cache(maxsize=1)
def trained(file: str) -> ExposureNet:
    """The network with the weights of a file."""
    network = ExposureNet()
    network.load_state_dict(load_file(file))
    return network.eval()


@torch.inference_mode()
def restore(blurry: Any, factor: int, shutter: float) -> Any:
    """All instants of a clip, as ``bench --peer`` asks for them; the weights are in the file that BASELINE names."""
    network = trained(os.environ[_WEIGHTS])
    frames = torch.from_numpy(np.asarray(blurry, np.float32)).permute(0, 3, 1, 2)
    height, width = frames.shape[-2:]
    frames = F.pad(frames, (0, -width % ALIGNED, 0, -height % ALIGNED), mode="replicate")
    last = len(frames) - 1
    out = []
    for k in range(len(frames) * factor):
        instant = (k + 0.5) / factor - shutter / 2  # in periods from the mid-exposure of frame 0
        n = math.floor(instant)
        around = [min(max(n + j, 0), last) for j in range(-1, FRAMES - 1)]
        found = network(frames[around][None], torch.tensor([[instant - n]]), torch.tensor([shutter]))
        out.append(found[0, 0, :, :height, :width].clamp(0, 1).permute(1, 2, 0))
    return torch.stack(out).numpy()


def main() -> None:
    with safe_open(os.environ[_WEIGHTS], "pt") as file:
        run = json.loads(file.metadata()["run"])
    print(f"{run['step']} steps in {run['seconds'] / 60:.0f} minutes by the clock")


if __name__ == "__main__":
    main()
