"""What a prior R1 is to the solvers: a denoiser of video, and a line on what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class PriorInfo:
    """channels: the channel counts it takes, empty = any. sigma: the noise levels it knows, in units of [0, 1] values.

    halo: how many pixels and how many sub-frames away an input can still change an output value (tiles and chunks
    overlap by that much).

    frames: 0 for a prior that takes any video as it is; more for one that looks at so many frames at once and has
    ``middle(frames, sigma)``, (B, frames, C, H, W) -> (B, C, H, W): the solver then shows it each frame with its
    neighbours aligned to it.

    floats: how many float32 values it holds at work, at most: per value of the video (frames = 0) or per pixel of one
    frame (frames > 0).
    """

    name: str
    channels: tuple[int, ...] = ()
    sigma: tuple[float, float] = (0.0, float("inf"))
    halo: int = 0
    halo_frames: int = 0
    frames: int = 0
    floats: int = 24


class Prior(Protocol):
    """``prior(u, sigma) -> u``: the prox of R1, or a denoiser in its place; u (T, C, H, W), sigma > 0 its noise level.

    It returns a new tensor of the same shape and keeps no state between calls.
    """

    def __call__(self, u: Tensor, sigma: float) -> Tensor: ...
