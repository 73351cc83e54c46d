"""``flow="rife:PATH"``: a user's own RIFE, or another network of two frames, as an ONNX or a TorchScript file.

The small file beside it (``vsdeblur.foreign.sidecar``) says how it is called. RIFE finds the flows from the frame half
way between two frames to both of them, which none of its users wants to see; as a flow between the two it is, at the
place y of the half-way frame that lies at x in the first one,

    x = y + F_a(y),    flow(x) = F_b(y) - F_a(y)

and y is found by a few rounds of  y <- x - F_a(y).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.flow.warp import sample, sampling_grid
from vsdeblur.foreign import sidecar
from vsdeblur.foreign.onnx import refuse_count
from vsdeblur.foreign.run import Run, answer, load_run, shown
from vsdeblur.foreign.sidecar import Check
from vsdeblur.named import Named

_ROUNDS = 4
_LARGEST = 1e4  # pixels
_MOVED = (3, -2)  # pixels that the picture of the trial moves by, right and up
_OFF = 1.5  # pixels that the trial's median may be away from that
_TRIAL = (96, 128)
_MOST_SCALE = 32


@dataclass(frozen=True, slots=True)
class FlowDeclaration:
    """The entries of the file.

    Attributes:
        output: "flow", (B, 2, h, w), from the first frame to the second; or "middle", (B, 4, h, w), from the frame half
            way between them to the first one, then to the second.
        inputs: "pair", two inputs (B, 3, H, W), or "stacked", one (B, 6, H, W).
        time: How it is asked for the frame half way: a further input (B, 1, H, W) of 1/2, a "map"; (B,), a "number"; a
            further "channel" of stacked frames; or "none".
        values: What it takes for black and for white.
        colour: "rgb", "bgr", or "grey" for one channel each.
        align: Height and width are multiples of it.
        scale: How many pixels of the frames lie between two of the result.
        unit: Pixels of the frames that 1 stands for in the result.
    """

    output: str
    inputs: str = "pair"
    time: str = "none"
    values: tuple[float, float] = (0.0, 1.0)
    colour: str = "rgb"
    align: int = 32
    scale: int = 1
    unit: float = 1.0


def _unit() -> Check:
    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1e-3 <= value <= 1e3:
            raise ValueError
        return float(value)

    return "a number from 0.001 to 1000", check


_CHECKS: Mapping[str, Check] = {
    "output": sidecar.choice("flow", "middle"),
    "inputs": sidecar.choice("pair", "stacked"),
    "time": sidecar.choice("none", "map", "number", "channel"),
    "values": sidecar.VALUES,
    "colour": sidecar.COLOURS,
    "align": sidecar.ALIGN,
    "scale": sidecar.whole(1, _MOST_SCALE),
    "unit": _unit(),
}


class DeclaredFlow:
    """A ``PairwiseFlow`` of a model that a user brings.

    Attributes:
        name: For messages.
        said: What its declaration says.
    """

    def __init__(self, name: str, said: FlowDeclaration, run: Run, device: torch.device) -> None:
        self.name, self.said, self._run, self._device = name, said, run, device

    @torch.inference_mode()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The flow (2, H, W), pixels, from a to b (1 or 3, H, W), display values.

        Raises:
            DeblurError: The model fails, or gives back another shape than declared, or what is no flow.
        """
        height, width = a.shape[-2:]
        pair = torch.stack([x.to(self._device, torch.float32).clamp(0, 1).expand(3, -1, -1) for x in (a, b)])
        x = shown(pair, self.said.values, self.said.colour, self.said.align)
        raw = answer(self._run, self._arranged(x), f"flow {self.name}", _LARGEST)
        channels, scale = 2 if self.said.output == "flow" else 4, self.said.scale
        wanted = (1, channels, x.shape[-2] // scale, x.shape[-1] // scale)
        if tuple(raw.shape) != wanted:
            raise DeblurError(
                f"flow {self.name} gave back {tuple(raw.shape)}, and its declaration says {wanted}: look at output, "
                "scale and align there"
            )
        found = raw.float() * self.said.unit
        if scale > 1:
            found = F.interpolate(found, scale_factor=float(scale), mode="bilinear")
        found = found[..., :height, :width]
        if self.said.output == "middle":
            found = from_middle(found)
        return found[0].to(a.device, copy=True)

    def _arranged(self, x: Tensor) -> list[Tensor]:
        """The model's inputs, of frames (2, c, h, w)."""
        half = x.new_full((1, 1, *x.shape[-2:]), 0.5)
        inputs = [x[:1], x[1:]] if self.said.inputs == "pair" else [x.flatten(0, 1)[None]]
        if self.said.time == "channel":
            inputs[-1] = torch.cat((inputs[-1], half), 1)
        elif self.said.time != "none":
            inputs.append(half if self.said.time == "map" else x.new_full((1,), 0.5))
        return inputs


def from_middle(flows: Tensor) -> Tensor:
    """The flow (1, 2, H, W) between two frames, of those from the frame half way (1, 4, H, W)."""
    to_first, to_second = flows[:, :2], flows[:, 2:]
    away = torch.zeros_like(to_first)  # y - x
    for _ in range(_ROUNDS):
        away = -sample(to_first, sampling_grid(away), "bilinear")
    return sample(to_second - to_first, sampling_grid(away), "bilinear")


def load_declared_flow(named: Named, device: str | torch.device | None = None) -> DeclaredFlow:
    """The model at the path, with the declaration beside it, after a trial on a generated picture that moves.

    Raises:
        DeblurError: A package is missing, the file is no such model, or its declaration is wrong or untrue.
    """
    assert named.path is not None  # a part of the form
    path, place = named.path, torch.device(device or "cpu")
    values, file = sidecar.read_beside(path, _CHECKS, "flow", 'output = "middle" (RIFE) or "flow"')
    if "output" not in values:
        raise DeblurError(f'flow: {file} lacks output = "middle" (RIFE) or "flow"')
    said = FlowDeclaration(**values)
    if said.time == "channel" and said.inputs == "pair":
        raise sidecar.wrong("flow", file, "time", 'none, map or number where inputs = "pair"', said.time)
    run = load_run(path, place, "flow")
    count = 1 + (said.inputs == "pair") + (said.time in ("map", "number"))
    refuse_count(run, count, "flow", path, f'with inputs = "{said.inputs}" and time = "{said.time}" in {file}')
    flow = DeclaredFlow(f"rife:{path.name}", said, run, place)
    _refuse_untrue(flow, file)
    return flow


def _refuse_untrue(flow: DeclaredFlow, file: Path) -> None:
    """Raise DeblurError where the model does not find how a picture moves, as with a wrong entry."""
    height, width = _TRIAL
    small = torch.rand(1, 3, height // 4 + 4, width // 4 + 4, generator=torch.Generator().manual_seed(0))
    wide = F.interpolate(small, scale_factor=4, mode="bicubic")[0].clamp(0, 1)
    a = wide[:, 8 : 8 + height, 8 : 8 + width]
    right, down = _MOVED
    b = wide[:, 8 - down : 8 - down + height, 8 - right : 8 - right + width]
    found = flow(a, b)[:, 8:-8, 8:-8].flatten(1).median(1).values.tolist()
    if max(abs(x - y) for x, y in zip(found, _MOVED, strict=True)) > _OFF:
        raise DeblurError(
            f"flow {flow.name} finds a motion of ({found[0]:.1f}, {found[1]:.1f}) pixels where a picture moved by "
            f"{_MOVED}: look at output, inputs, values, scale and unit in {file}"
        )
