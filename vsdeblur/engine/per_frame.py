"""Frames restored each by itself: all of them (mode="frame"), or where their neighbours do not tell (mode="auto")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsdeblur.blind.footprint import beside_tiles
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.upsample import upsampled
from vsdeblur.tensors import MIN_FRAME_SIDE, smoothstep

if TYPE_CHECKING:
    from vsdeblur.blind.operators.protocol import Blur
    from vsdeblur.options import Options

# Trust in the motion from which on the joint solution stands, and up to which the frame by itself does. So low, because
# between two frames what is sharp and moved wrongly flickers more than what is blurred and moved wrongly: with 0.5 and
# 0.1 the clip with the worst motion (bikes, 8/8, preset fast) lost 0.17 dB, and 0.10 dB of flicker; so it is 0.01.
# (With the blur from the kernel network, half trained; not measured again with that of the camera's path.)
SURE, LOST = 0.02, 0.002
# Part of a frame that must be lost before any of it is restored by itself, and from which on all that is lost is: a few
# lost places flicker, and lose 0.01 dB (bikes), if they are sharp in one frame and not in the next.
FEW, MUCH = 0.2, 0.4
_SHOWN = "bt709"  # the curve by which linear light is shown


def loneliness(reliability: Tensor) -> Tensor:
    """How far a frame is left to itself, [0, 1], smooth in the reliability (..., h, w) of its motion."""
    share = smoothstep(reliability, SURE, LOST)
    return share * smoothstep(share.mean((-2, -1), keepdim=True), FEW, MUCH)


class Alone:
    """``alone(frame, colour) -> sharp``: per-frame blind deblurring of the engine's frames.

    linear: frames are linear light; else they are averaged, and looked at, as they are.
    """

    def __init__(self, options: Options, device: torch.device, tiles: int) -> None:
        """tiles: bytes for those of one frame."""
        self.linear = options.transfer != "linear"
        self.prior, self.device, self.tiles = options.prior, str(device), tiles

    def __call__(self, frame: Tensor, colour: int, blur: Blur | None = None) -> Tensor:
        """frame: (C, H, W), of whose channels the first ``colour`` are colour; the others follow the same blur.

        blur: None to find it.
        """
        from vsdeblur.blind.frame import restore_frame

        if min(frame.shape[-2:]) < MIN_FRAME_SIDE:
            return frame  # too little to see a blur in
        room = self.tiles + beside_tiles(frame[0].numel())
        curve = _SHOWN if self.linear else "linear"
        shown = from_linear(frame[:colour], curve)
        sharp, blur = restore_frame(
            shown,
            transfer=curve,
            prior=self.prior,
            device=self.device,
            max_memory=room,
            estimator=None if blur is None else lambda _: blur,
        )
        parts = [to_linear(sharp.contiguous(), curve)]
        for plane in frame[colour:]:
            parts.append(self._following(plane[None], blur, room))
        return torch.cat(parts)

    def shown(self, light: Tensor) -> Tensor:
        """Display values of ``light``, any shape."""
        return from_linear(light, _SHOWN) if self.linear else light

    def _following(self, plane: Tensor, blur: Blur, room: int) -> Tensor:
        from vsdeblur.blind.frame import restore_frame

        if bool(plane.min() == plane.max()):
            return plane
        known = restore_frame(plane, estimator=lambda _: blur, device=self.device, max_memory=room)
        return known[0].clamp(0, 1)


def each_alone(alone: Alone, frames: Tensor, colour: int) -> Tensor:
    """Every frame (n, C, H, W) by itself."""
    return torch.stack([alone(frame, colour) for frame in frames])


def put_in(
    alone: Alone, keys: Tensor, frames: Tensor, motion: Motion, colour: int, freed: Sequence[int] = ()
) -> tuple[Tensor, Tensor | None]:
    """Put each frame by itself in where its motion is not to be trusted; costs nothing where it is trusted everywhere.

    keys: (n, C, H, W), overwritten. frames: left as they are. freed: numbers of those that were restored by themselves
    already, and solved as such. Returns the frames with the same put in, and how far each point still owes its exposure
    anything, (n, 1, h, w); None for wholly.
    """
    size = (frames.shape[-2], frames.shape[-1])
    share = loneliness(motion.reliability)
    share[list(freed)] = 0
    left = [n for n in range(len(frames)) if bool(share[n].any())]
    if not left and not freed:
        return frames, None
    frames = frames.clone() if left else frames
    for n in left:
        own = alone(frames[n], colour)
        weight = upsampled(share[n : n + 1], motion.scale(*size), size, slice(0, size[0]))[0]
        for picture in (keys[n], frames[n]):
            picture.lerp_(own, weight)
    # What neighbours mend of a picture that was restored by itself is not to be undone.
    share[list(freed)] = 1
    return frames, 1 - share
