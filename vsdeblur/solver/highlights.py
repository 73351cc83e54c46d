"""Clipped highlights: where a frame is clipped, its value is a lower bound of the light that reached the sensor.

A light that moves leaves a white streak. As an equation the streak has no sharp solution, and a linear solve makes
rings of it. As a lower bound it has one: the dark beside the streak excludes light there, so that positive light has to
lie where it was. So key frames around lights are found by Richardson and Lucy's iteration, which keeps them
positive, with the exposure unknown wherever it clipped and the model is bright enough:

    K <- K (A' r / A' 1)^p,      r = v / (A K),  and where v is clipped  r = max(1, v / (A K))

The part of K above white is light that no exposure recorded. The solver continues with the part below, and with
exposures that are as white as that makes them, so that nothing of the streak remains; the light is added where it
belongs.

References:
    Whyte, Sivic and Zisserman, IJCV 2014.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur.flow.motion import extent
from vsdeblur.operators import LinearOperator
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.tensors import constants, greatest, known_zero, power

STEPS, POWER = 16, 1.8  # an exponent below 2 halves the steps (Biggs and Andrews 1997 on its convergence)
_LEAST = 0.97  # nominal white is 1: no format clips far below it
_BAND = 0.02  # of the level: values within half of it count as clipped: three 8-bit code values, for compression
_FEWEST = 12  # values of a plateau, at least
_BLACK = 1e-3  # light is positive
_BLURRED = 0.7  # pixels of motion within the exposure, from which a clipped area is a streak
_LIT = 1.5, 2.2  # of white: the ramp of what counts as a light; ringing is less bright
_REACHED = 0.02  # the part of the exposure from which on a pixel belongs to a streak
_MARGIN = 16


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """Clipped lights of a problem's key frames, for the first ``colour`` channels; the rest are those of v.

    Attributes:
        keys: (n, C, H, W), key frames with lights at their full brightness.
        zone: (n, 1, H, W) in [0, 1], the weight of ``keys``: 1 where they replace the linear solution.
        exposures: (n, C, H, W), v with the streaks only as bright as lights of ``white`` would leave.
        white: The value at which the exposures clip.
    """

    keys: Tensor
    zone: Tensor
    exposures: Tensor
    white: float

    @property
    def below(self) -> Tensor:
        """The solver's start, (n, C, H, W): exposures outside of the zone, in it the key frames clamped to white."""
        return torch.lerp(self.exposures, self.keys.clamp(max=self.white), self.zone)

    @property
    def above(self) -> Tensor:
        """Light above white, (n, C, H, W)."""
        return (self.keys - self.white).clamp_(min=0).mul_(self.zone)


def white_level(frames: Tensor) -> float | None:
    """The value at which frames clip: the plateau of their brightest values.

    In integer formats that is their white; in others it may lie anywhere above.

    Args:
        frames: (n, C, H, W).

    Returns:
        The plateau's median; None where there is no plateau.
    """
    top = float(frames.max())
    if not _LEAST <= top < float("inf"):
        return None
    step = _BAND / 2
    bins = min(int((top - _LEAST + 2 * step) / step) + 1, 4096)
    counts = frames.float().histc(bins, _LEAST - 2 * step, _LEAST + (bins - 2) * step)
    peak = max(int(counts[2:].argmax()) + 2, 2)
    near = float(counts[max(peak - 1, 0) : peak + 2].sum())
    above, below = float(counts[peak + 2 :].sum()), float(counts[max(peak - 4, 0) : peak - 1].sum())
    if near < _FEWEST or near < 2 * below or near < 10 * above:
        return None
    edge = _LEAST + (peak - 3) * step
    bright = frames[(frames >= edge) & (frames <= edge + 3 * step)]
    return float(bright.median())


def find_lights(problem: KeyFrameProblem, white: float, colour: int) -> Lights | None:
    """The clipped lights of a problem, with key frames that are consistent with them.

    Args:
        problem: Key frames to solve.
        white: The value at which its exposures clip.
        colour: Number of leading channels that are colour.

    Returns:
        Of the problem's size; None where no clipped light moves within its exposure.
    """
    v = problem.v
    clipped = ((v[:, :colour] / white - (1 - _BAND)) * (2 / _BAND)).clamp_(0, 1)
    within = [taus[-1] - taus[0] for taus in problem.taus]
    streak = extent(problem.path) * constants(v, within).view(-1, 1, 1, 1) > _BLURRED
    box = _around((clipped.amax(1, keepdim=True) > 0) & streak, problem.path)
    if box is None:
        return None
    rows, columns = box
    part = replace(
        problem,
        v=v[:, :colour, rows, columns].contiguous(),
        path=problem.path[..., rows, columns].contiguous(),
        kernel="bilinear",  # positive weights keep what is positive so
    )
    paths = part.paths()
    keys, zone, exposures = torch.empty_like(part.v), torch.zeros_like(part.v[:, :1]), torch.empty_like(part.v)
    for n in range(len(v)):
        exposure = part.exposure(n, paths)
        one = keys[n : n + 1]
        one.copy_(_positive(exposure, part.v[n : n + 1], clipped[n : n + 1, :, rows, columns]))
        lit = ((one / white - _LIT[0]) / (_LIT[1] - _LIT[0])).amax(1, keepdim=True).clamp_(0, 1)
        reached = exposure(greatest(lit, 5))
        zone[n : n + 1] = (reached / _REACHED).clamp_(0, 1)
        shown = exposure.sampled(problem.kernel)(one.clamp(max=white))
        exposures[n : n + 1] = torch.lerp(part.v[n : n + 1], shown, zone[n : n + 1])
    if not bool(zone.any()):
        return None
    whole = Lights(v.clone(), v.new_zeros(len(v), 1, *v.shape[-2:]), v.clone(), white)
    whole.keys[:, :colour, rows, columns] = keys
    whole.zone[..., rows, columns] = zone
    whole.exposures[:, :colour, rows, columns] = exposures
    return whole


def _positive(exposure: LinearOperator, v: Tensor, clipped: Tensor) -> Tensor:
    """One key frame (1, C, H, W) by Richardson and Lucy's iteration. clipped: of v's shape, in [0, 1]."""
    v = v.clamp(min=_BLACK)
    sums = exposure.adjoint(torch.ones_like(v[:, :1])).clamp_(min=0.1)
    key = v.clone()
    for _ in range(STEPS):
        ratio = v / exposure(key).clamp_(min=_BLACK)
        ratio = torch.lerp(ratio, ratio.clamp(min=1), clipped)
        key.mul_(power(exposure.adjoint(ratio).div_(sums).clamp_(min=0.05), POWER))
    return key


def _around(marked: Tensor, path: Tensor) -> tuple[slice, slice] | None:
    """Rows and columns around the marked pixels (n, 1, H, W), extended by more than the blur; None without any."""
    if known_zero(marked):
        return None
    height, width = marked.shape[-2:]
    anywhere, farthest = marked.flatten(0, 1).any(0), torch.where(marked, extent(path), 0).amax()
    read = torch.cat((anywhere.any(1).to(path), anywhere.any(0).to(path), farthest[None])).tolist()  # waits once
    down, over = ([k for k, some in enumerate(x) if some] for x in (read[:height], read[height:-1]))
    if not down:
        return None
    reach = _MARGIN + int(read[-1])
    rows = slice(max(down[0] - reach, 0), min(down[-1] + reach + 1, height))
    return rows, slice(max(over[0] - reach, 0), min(over[-1] + reach + 1, width))
