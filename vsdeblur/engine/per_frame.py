"""Frames restored each by itself: all of them (mode="frame"), or where their motion is not reliable (mode="auto")."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsdeblur.blind.footprint import beside_tiles
from vsdeblur.colour.display import DISPLAY, to_display
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.resolution import upsampled
from vsdeblur.priors.registry import INTERNAL
from vsdeblur.tensors import MIN_FRAME_SIDE, smoothstep

if TYPE_CHECKING:
    from vsdeblur.blind.operators.protocol import Blur
    from vsdeblur.engine.retry import MemoryRetry
    from vsdeblur.settings import Options

# Reliability of the motion from which on the joint solution stands, and up to which the frame by itself does. So low,
# because between two frames what is sharp and moved wrongly flickers more than what is blurred and moved wrongly: with
# 0.5 and 0.1 the clip with the worst motion (bikes, 8/8, preset fast) lost 0.17 dB, and 0.10 dB of flicker; so it is
# 0.01. (With the blur from the kernel network, half trained; not measured again with that of the camera's path.)
RELIABLE, UNRELIABLE = 0.02, 0.002
# Part of a frame that must be unreliable before any of it is restored by itself, and from which on all of that part is:
# a few such places flicker, and lose 0.01 dB (bikes), if they are sharp in one frame and not in the next.
MIN_PART, FULL_PART = 0.2, 0.4
_QUICKEST = "plug-and-play"


def per_frame_weight(reliability: Tensor) -> Tensor:
    """The weight of a frame by itself, [0, 1], smooth in the reliability (..., h, w) of its motion."""
    weight = smoothstep(reliability, RELIABLE, UNRELIABLE)
    return weight * smoothstep(weight.mean((-2, -1), keepdim=True), MIN_PART, FULL_PART)


@dataclass(frozen=True, slots=True)
class PerFrame:
    """Blind deblurring of the engine's frames, one by one.

    Attributes:
        linear: Whether frames are linear light; else they are averaged, and displayed, as they are.
        prior: As in ``Options``.
        estimator: As in ``Options``.
        deconvolver: As in ``Options``, by default plug and play, which takes the least time.
        tile_bytes: For the tiles of one frame.
        retry: What runs on the device.
    """

    linear: bool
    prior: str | Callable[..., Any] | None
    estimator: str | None
    deconvolver: str
    tile_bytes: int
    retry: MemoryRetry

    @classmethod
    def of(cls, options: Options, tile_bytes: int, retry: MemoryRetry) -> PerFrame | None:
        """The restoration that the options ask for; None with mode="joint"."""
        if options.mode == "joint":
            return None
        # A frame by itself has no window to learn from: what the prior starts from is taken as it is.
        alone = "video" if options.prior == INTERNAL else options.fixed_prior
        linear = options.transfer != "linear"
        return cls(linear, alone, options.estimator, options.deconvolver or _QUICKEST, tile_bytes, retry)

    def __call__(self, frame: Tensor, colour: int, blur: Blur | None = None) -> Tensor:
        """The sharp frame.

        Args:
            frame: (C, H, W), of whose channels the first ``colour`` are colour; the others follow the same blur.
            colour: 1 or 3.
            blur: None to estimate it.
        """
        if min(frame.shape[-2:]) < MIN_FRAME_SIDE:
            return frame  # too little to estimate a blur from
        return self.retry.run("restoring a frame by itself", lambda _: self._restored(frame, colour, blur))

    def display(self, light: Tensor) -> Tensor:
        """Display values of ``light``, any shape."""
        return to_display(light) if self.linear else light

    def _restored(self, frame: Tensor, colour: int, blur: Blur | None) -> Tensor:
        from vsdeblur.blind.frame import restore_frame

        room = self.tile_bytes + beside_tiles(frame[0].numel())
        curve = DISPLAY if self.linear else "linear"
        sharp, blur = restore_frame(
            from_linear(frame[:colour], curve),
            transfer=curve,
            prior=self.prior if self.deconvolver == _QUICKEST else None,
            deconvolver=self.deconvolver,
            device=str(self.retry.device),
            max_memory=room,
            estimator=(self.estimator or "path") if blur is None else lambda _: blur,
        )
        parts = [to_linear(sharp.contiguous(), curve)]
        parts += [self._with_blur(plane[None], blur, room) for plane in frame[colour:]]
        return torch.cat(parts)

    def _with_blur(self, plane: Tensor, blur: Blur, room: int) -> Tensor:
        """A plane (1, H, W) of shares, without the blur."""
        from vsdeblur.blind.frame import restore_frame

        if bool(plane.min() == plane.max()):
            return plane
        known = restore_frame(
            plane,
            estimator=lambda _: blur,
            deconvolver=_QUICKEST,
            device=str(self.retry.device),
            max_memory=room,
        )
        return known[0].clamp(0, 1)


def restore_each(per_frame: PerFrame, frames: Tensor, colour: int) -> Tensor:
    """Every frame (n, C, H, W) by itself."""
    return torch.stack([per_frame(frame, colour) for frame in frames])


def blend_per_frame(
    per_frame: PerFrame,
    keys: Tensor,
    frames: Tensor,
    motion: Motion,
    colour: int,
    independent: Collection[int] = (),
) -> tuple[Tensor, Tensor | None]:
    """Blend in each frame by itself where its motion is not reliable; costs nothing where all of it is.

    Args:
        per_frame: What restores a frame.
        keys: Key frames (n, C, H, W), overwritten.
        frames: The blurry frames, (n, C, H, W).
        motion: Of the same frames.
        colour: As in ``PerFrame``.
        independent: Numbers of those that were restored by themselves already, and solved as such.

    Returns:
        The frames, blended likewise, and how far each point is one of the joint solution, (n, 1, h, w); None for
        wholly.
    """
    size = (frames.shape[-2], frames.shape[-1])
    share = per_frame_weight(motion.reliability)
    for n in independent:
        share[n] = 0
    affected = [n for n, some in enumerate(share.flatten(1).any(1).tolist()) if some]
    if not affected and not independent:
        return frames, None
    frames = frames.clone() if affected else frames
    for n in affected:
        own = per_frame(frames[n], colour)
        weight = upsampled(share[n : n + 1], motion.scale(*size), size, slice(0, size[0]))[0]
        for picture in (keys[n], frames[n]):
            picture.lerp_(own, weight)
    # What neighbours mend of a picture that was restored by itself is not to be undone.
    for n in independent:
        share[n] = 1
    return frames, 1 - share
