"""What two frames of one scene have in common: a change of light, and the parts that show other things.

Small pictures are compared, in light. A flow between pictures of local contrast, which no gain changes, carries one
onto the other; where both show the same structure, their ratio is the gain. It counts where it explains most of what
the two differ by: an error of the motion differs both ways, and no smooth gain explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.colour.display import MATCHING_EXPONENT
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.warp import inside, sample, sampling_grid
from vsdeblur.tensors import box, power, smoothstep

EDGE = 128  # pixels on the longer side of the small pictures
_LEAST = 0.025  # change of the logarithm of light from which on it counts, of the whole picture
_LOCAL = 0.06, 0.12  # and of a part of it: the ramp
_PART = 0.2  # of the picture that has to change, where not all of it does: hands that cover and uncover have 0.17
DARKEST = 2e-3  # light that is added to both sides of a ratio
_CONTRAST = 0.005  # of display values, at which local contrast counts half
_WINDOW = 11  # pixels over which contrast is local
_ALIKE = 0.6, 0.85  # correlation of local contrast: the ramp of what shows the same
_ASTRAY = 1.5, 0.5  # pixels by which a flow and the one back disagree: the ramp down to those that agree
_CLIPPED = 0.95  # of white
_SPREADS = (6, 2)  # points two pixels apart, which are enough for what is smooth: of the gain, and of its detail
_COVERED = 0.3, 0.6  # part of a place that has to be measured: the ramp
_EXPLAINED = 0.6, 0.85  # of the square of the ratio: the ramp of what is a change of light
SEEN = 0.02  # part of the picture that has to show the same, for its light to be compared
_SEEN_FOR_PARTS = 0.5  # and for that of its parts
_MISMATCH = 0.06, 0.12  # display values: the ramp
_FEW = 0.02  # the weight of the whole picture's gain beside that of a place


Contrast = Tensor  # (1, h, w)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What two frames of one scene have in common, as small pictures.

    Attributes:
        gain: (C, h, w), logarithm of how much brighter the second is; exactly 0 where no change of light is found.
        seen: The part of the picture that shows the same structure in both, [0, 1].
        mismatch: (h, w) in [0, 1], where neither shows what the other does, whatever its gain and motion.
    """

    gain: Tensor
    seen: float
    mismatch: Tensor


def compare(a: Tensor, b: Tensor) -> Pair:
    """Light (C, h, w) of two small pictures, the second later."""
    first, second = _contrast(a), _contrast(b)
    onward, back = (_flow(*pair) for pair in ((first, second), (second, first)))
    ratio, weight = _ratio(a, b, first, second, onward)
    weight = weight * _agree(onward, back)
    gain = F.interpolate(_significant(*_halved(ratio, weight)), a.shape[-2:], mode="bilinear")[0]
    shown, other = (box(display(x)[None], 3) for x in (a * gain.exp(), b))
    mismatch = torch.minimum(_mismatch(shown, other, onward), _mismatch(other, shown, back))
    return Pair(gain, float(weight.mean()), mismatch)


def _flow(a: Contrast, b: Contrast) -> Tensor:
    return DisFlow("fast")(a.mul(0.17).add(0.5), b.mul(0.17).add(0.5))


def _ratio(a: Tensor, b: Tensor, first: Contrast, second: Contrast, flow: Tensor) -> tuple[Tensor, Tensor]:
    """log(b / a) along the flow, (1, C, h, w), and (1, 1, h, w) in [0, 1], where it is that of one structure."""
    grid = sampling_grid(flow[None])
    moved, there = (sample(x[None], grid, "bilinear") for x in (b, second))
    power = box(first[None].square(), _WINDOW) * box(there.square(), _WINDOW)
    alike = box(first[None] * there, _WINDOW) / (power.sqrt() + 0.1)
    here, moved = box(a[None], 3), box(moved, 3)
    weight = smoothstep(alike, *_ALIKE) * inside(grid)
    weight = weight * (torch.maximum(here, moved).amax(1, keepdim=True) < _CLIPPED)
    return ((moved + DARKEST) / (here + DARKEST)).log(), weight


def _agree(onward: Tensor, back: Tensor) -> Tensor:
    """(1, 1, h, w) in [0, 1]: 1 where the way there and back ends where it began."""
    x, y = (onward[None] + sample(back[None], sampling_grid(onward[None]), "bilinear")).split(1, 1)
    return smoothstep(torch.hypot(x, y), *_ASTRAY)


def _halved(ratio: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both at half the size, which takes an eighth of the time of blurring them."""
    shares = F.avg_pool2d(weight, 2, ceil_mode=True)
    return F.avg_pool2d(ratio * weight, 2, ceil_mode=True) / shares.clamp(min=1e-6), shares


def _significant(ratio: Tensor, weight: Tensor) -> Tensor:
    """The gain that explains most of the ratio: of the whole picture, and beyond it of its parts."""
    gain = torch.zeros_like(ratio)
    if float(weight.mean()) < SEEN:
        return gain
    whole = torch.stack([_median(one, weight[0, 0]) for one in ratio[0]])[None, :, None, None]
    left, all_of_it = (float((weight * x.square()).sum()) for x in (ratio - whole, ratio))
    if float(whole.abs().max()) > _LEAST and left < (1 - _EXPLAINED[0]) * all_of_it:
        gain = gain + whole
    if float(weight.mean()) < _SEEN_FOR_PARTS:
        return gain
    rest, near = ratio - gain, _blur(weight, _SPREADS[0])
    part = torch.zeros_like(rest)
    for spread in _SPREADS:
        part = part + _blur(weight * (rest - part), spread) / (_blur(weight, spread) + _FEW)
    beyond, power = (_blur(weight * x.square().mean(1, keepdim=True), _SPREADS[1]) for x in (rest - part, rest))
    share = smoothstep(1 - beyond / (power + 1e-9), *_EXPLAINED) * smoothstep(near, *_COVERED)
    share = share * smoothstep(part.abs().amax(1, keepdim=True), *_LOCAL)
    return gain + part * share if float(share.mean()) > _PART else gain


def _mismatch(a: Tensor, b: Tensor, flow: Tensor) -> Tensor:
    """(h, w) in [0, 1]: where a is found in b neither along the flow nor in its place; (1, C, h, w) each."""
    moved = sample(b, sampling_grid(flow[None]), "bilinear")
    off = torch.minimum(*((x - a).abs().amax(1, keepdim=True) for x in (moved, b)))
    return smoothstep(box(off, 5), *_MISMATCH)[0, 0]


def _median(values: Tensor, weight: Tensor) -> Tensor:
    order = values.flatten().argsort()
    share = weight.flatten()[order].cumsum(0)
    return values.flatten()[order[int((share < share[-1] / 2).sum())]]


def _blur(x: Tensor, spread: int) -> Tensor:
    """Three boxes: close to a Gaussian of deviation ``spread``."""
    for _ in range(3):
        x = box(x, 2 * spread + 1)
    return x


def _contrast(x: Tensor) -> Tensor:
    """(1, h, w): the grey picture less its local mean, by its local deviation: what no gain changes."""
    grey = display(x).mean(0, keepdim=True)[None]
    centred = grey - box(grey, _WINDOW)
    return (centred / (box(centred.square(), _WINDOW).sqrt() + _CONTRAST))[0]


def display(light: Tensor) -> Tensor:
    """Display values for comparison, of any shape: unlike ``to_matching`` not clipped at white, which gains shift."""
    return power(light.clamp(min=0), MATCHING_EXPONENT)


def small(frames: Tensor) -> Tensor:
    """Frames (n, C, H, W) area-averaged to EDGE pixels on the longer side."""
    height, width = frames.shape[-2:]
    scale = min(1.0, EDGE / max(height, width))
    return F.adaptive_avg_pool2d(frames.float(), (max(round(height * scale), 1), max(round(width * scale), 1)))
