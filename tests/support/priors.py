"""Priors that change nothing and keep what they are given."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from vsdeblur.footprint import TileFootprint


@dataclass
class Spy:
    """An image prior. per_channel: values that it states to hold for every frame's channels, working: at a time."""

    name: str = "spy"
    halo: int = 0
    per_channel: int = 0
    working: int = 24
    working_per_channel: int = 0
    seen: list[Tensor] = field(default_factory=list)

    def footprint(self, channels: int) -> TileFootprint:
        return TileFootprint(self.per_channel * channels, self.working + self.working_per_channel * channels)

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        self.seen.append(u)
        return u.clone()


@dataclass
class VideoSpy(Spy):
    """The same as a video prior."""

    frames: int = 5

    def middle(self, frames: Tensor, sigma: float) -> Tensor:
        self.seen.append(frames)
        return frames[:, frames.shape[1] // 2].clone()
