"""``bench --peer NAME=MODEL.onnx``: a network of the user's own, ONNX or TorchScript, as a row of the table.

The small file beside it (``vsdeblur.foreign.sidecar``) says which blurry frames it takes and which instants it gives:
BiT and DeMFI are asked for a time, VIDUE gives the instants of a period, Jin et al.'s those of an exposure. Of each
sub-frame the nearest instant that the model gives is taken; nothing is blended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vsdeblur.bench.protocol import Frames, to_8bit
from vsdeblur.bench.rows import Method
from vsdeblur.device import choose_device
from vsdeblur.errors import DeblurError
from vsdeblur.foreign import sidecar
from vsdeblur.foreign.onnx import refuse_count
from vsdeblur.foreign.run import Run, answer, load_run, shown
from vsdeblur.foreign.sidecar import Check

MOST_GIVEN = 64
_LARGEST = 1e4


@dataclass(frozen=True, slots=True)
class PeerDeclaration:
    """The entries of the file.

    Attributes:
        at: The first and the last instant that it gives, evenly spread; of a model with a time those that its 0 and 1
            stand for. From the opening of the middle frame's exposure, of several middle ones the earlier.
        per: What ``at`` counts: "period", or "exposure", the open part of it.
        frames: How many blurry frames it takes.
        given: How many sharp ones it gives.
        layout: Of its first input: "BTCHW", "BCTHW", "stacked", (B, T C, H, W), or "separate": an input a frame.
        gives: The layout of what comes back: of one frame (B, 3, H, W) in any case.
        time: How it is asked for an instant: a further input (B, 1, H, W), a "map", (B,), a "number"; or "none".
        values: What it takes for black and for white.
        colour: "rgb" or "bgr".
        align: Height and width are multiples of it.
    """

    at: tuple[float, float]
    per: str = "period"
    frames: int = 2
    given: int = 1
    layout: str = "BTCHW"
    gives: str = "BTCHW"
    time: str = "none"
    values: tuple[float, float] = (0.0, 1.0)
    colour: str = "rgb"
    align: int = 32

    @property
    def middle(self) -> int:
        """Number of the frame that instants are counted from."""
        return (self.frames - 1) // 2


_AT = sidecar.ends("[first, last] instant, two numbers in ascending order within 16 of 0", -16, 16)
_CHECKS: Mapping[str, Check] = {
    "at": _AT,
    "per": sidecar.choice("period", "exposure"),
    "frames": sidecar.whole(1, sidecar.MOST_FRAMES),
    "given": sidecar.whole(1, MOST_GIVEN),
    "layout": sidecar.choice("BTCHW", "BCTHW", "stacked", "separate"),
    "gives": sidecar.choice("BTCHW", "BCTHW", "stacked"),
    "time": sidecar.choice("none", "map", "number"),
    "values": sidecar.VALUES,
    "colour": sidecar.choice("rgb", "bgr"),
    "align": sidecar.ALIGN,
}


def peer_declaration(model: Path) -> tuple[PeerDeclaration, Path]:
    """The declaration beside a model, and its file. Raises DeblurError."""
    values, file = sidecar.read_beside(model, _CHECKS, "peer", "'at = [first, last]', the instants that it gives")
    if "at" not in values:
        raise DeblurError(f"peer: {file} lacks 'at = [first, last]', the instants that the model gives")
    said = PeerDeclaration(**values)
    if said.time != "none" and said.given != 1:
        raise sidecar.wrong("peer", file, "given", f'1 with time = "{said.time}"', said.given)
    if said.time == "none" and said.given == 1:
        raise sidecar.wrong("peer", file, "given", '2 or more with time = "none"', said.given)
    return said, file


def model_row(name: str, model: Path, device: str | None = None) -> Method:
    """The row of a model. Raises DeblurError for what is wrong with the file or its declaration."""
    said, file = peer_declaration(model)
    place = choose_device(device)
    run = load_run(model, place, "peer")
    count = (said.frames if said.layout == "separate" else 1) + (said.time != "none")
    refuse_count(run, count, "peer", model, f'with layout = "{said.layout}" and time = "{said.time}" in {file}')

    @torch.inference_mode()
    def restored(blurry: Frames, factor: int, m: int) -> Frames:
        height, width = blurry.shape[1:3]
        x = torch.from_numpy(blurry).to(place).permute(0, 3, 1, 2).float() / 255
        x = shown(x, said.values, said.colour, said.align)
        found: dict[int, Tensor] = {}  # what the model gave for a middle frame, where it is asked for no time
        out = []
        for k in range(len(blurry) * factor):
            n, share = placed((k + 0.5) / factor, len(blurry), said, m / factor)
            around = [min(max(n - said.middle + j, 0), len(blurry) - 1) for j in range(said.frames)]
            if said.time == "none":
                if n not in found:
                    found = {n: _given(name, run, x[around], None, said)}
                picture = found[n][round(share * (said.given - 1))]
            else:
                picture = _given(name, run, x[around], share, said)[0]
            out.append(to_8bit(picture[:, :height, :width].permute(1, 2, 0).cpu().numpy()))
        return np.stack(out)

    return restored


def placed(instant: float, count: int, said: PeerDeclaration, shutter: float) -> tuple[int, float]:
    """The middle frame by which an instant is asked for, and where it lies from ``at``'s first (0) to its last (1).

    What lies between two middle frames' instants belongs to the nearer one's end.

    >>> placed(1.75, 4, PeerDeclaration((0.0, 1.0), given=9), 1.0)
    (1, 0.75)

    Args:
        instant: In periods from the opening of frame 0.
        count: Of the blurry frames.
        said: The declaration.
        shutter: The open part of the period.
    """
    first, last = (end * (shutter if said.per == "exposure" else 1.0) for end in said.at)
    middles = range(max(math.floor(instant - last), 0), min(math.ceil(instant - first) + 1, count))

    def off(n: int) -> tuple[float, float]:
        beyond = max(n + first - instant, instant - n - last, 0.0)
        return beyond, abs(instant - n - (first + last) / 2)

    n = min(middles, key=off, default=0 if instant < 0.5 else count - 1)
    return n, min(max((instant - n - first) / (last - first), 0.0), 1.0)


def _given(name: str, run: Run, x: Tensor, time: float | None, said: PeerDeclaration) -> Tensor:
    """(given, 3, h, w) in [0, 1] of frames (T, 3, h, w)."""
    inputs = {
        "BTCHW": [x[None]],
        "BCTHW": [x.transpose(0, 1)[None]],
        "stacked": [x.flatten(0, 1)[None]],
        "separate": list(x[:, None]),
    }[said.layout]
    if time is not None:
        inputs.append(x.new_full((1,) if said.time == "number" else (1, 1, *x.shape[-2:]), time))
    raw = answer(run, inputs, f"peer {name}", _LARGEST * max(map(abs, said.values)))
    count, size = said.given, tuple(x.shape[-2:])
    if count == 1 and raw.ndim == 4:
        shaped, wanted = raw, (1, 3, *size)
    elif said.gives == "stacked":
        shaped, wanted = raw, (1, 3 * count, *size)
    else:
        shaped = raw.transpose(1, 2) if said.gives == "BCTHW" and raw.ndim == 5 else raw
        wanted = (1, count, 3, *size)
    if tuple(shaped.shape) != wanted:
        raise DeblurError(
            f"peer {name} gave back {tuple(raw.shape)}, and its declaration says {count} frames of {size}: look at "
            "given, gives and align there"
        )
    black, white = said.values
    pictures: Tensor = (shaped.reshape(count, 3, *size) - black) / (white - black)
    return pictures.flip(1) if said.colour == "bgr" else pictures
