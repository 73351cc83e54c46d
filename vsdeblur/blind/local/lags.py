"""How the gradient around each place of a picture repeats along straight lines: what a straight motion leaves behind.

A motion of L pixels along d makes the derivative along d a difference of two sharp pictures, v' = (u(x + Ld/2) -
u(x - Ld/2)) / L, so that its autocorrelation has a trough at the lag L; and it draws streaks, so that the derivative
across d is correlated along d, up to L (Yitzhaky and Kopeika 1997).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 16  # pixels between places
DIRECTIONS = 16  # of half a turn
LAGS = 21  # 0 to 40 pixels
KINDS = 2  # along and across
_HALF = 2  # pixels of the picture to a pixel of the one that is looked at
_STEP = CELL // _HALF
_WINDOW = 24  # pixels of the smaller picture that a place is
_REACH = LAGS - 1
_ROOM = 64  # pixels: the window with the reach on both sides; a transform of that size does not wrap
_LEAST = 1e-5  # added to the power
_POWERS = 0.3, 1.0  # of the gradient's power: weights of places in a part
_AT_ONCE = 512  # places


def lag_maps(picture: Tensor) -> Tensor:
    """The autocorrelation of the gradient in a window around each place, over its power.

    Args:
        picture: (B, C, H, W), display values, H and W multiples of CELL.

    Returns:
        (B, H / CELL, W / CELL, KINDS, DIRECTIONS, LAGS): of the derivative along a direction and of that across it, at
        lags along it of 0, 2, ... 40 pixels. Direction k points to the angle pi k / DIRECTIONS, from x towards y.
    """
    slopes = _slopes(picture)
    before = (_ROOM - _STEP) // 2
    wide = F.pad(slopes, (before, _ROOM - _STEP - before) * 2)
    around = wide.unfold(2, _ROOM, _STEP).unfold(3, _ROOM, _STEP).permute(0, 2, 3, 1, 4, 5)
    rows, columns = around.shape[1:3]
    places = around.flatten(0, 2)  # a view of each batch element where it can be
    found = torch.cat([_of_places(part) for part in places.split(_AT_ONCE)])
    return found.view(len(picture), rows, columns, KINDS, DIRECTIONS, LAGS)


def part_lags(picture: Tensor, lags: Tensor, share: Tensor) -> Tensor:
    """The maps of a part of a picture: means over its places, by the power of their gradient and by its 0.3th power.

    Args:
        picture: (B, C, H, W), display values.
        lags: (B, H / CELL, W / CELL, KINDS, DIRECTIONS, LAGS), its ``lag_maps``.
        share: (B, H / CELL, W / CELL), 0 or more: of each place that the part has.

    Returns:
        (B, 2 KINDS, DIRECTIONS, LAGS).
    """
    around = (_WINDOW - _STEP) // 2
    power = _slopes(picture).square().sum(1, keepdim=True)
    power = F.avg_pool2d(F.pad(power, (around,) * 4), _WINDOW, _STEP)[:, 0] + _LEAST
    found = []
    for exponent in _POWERS:
        weight = share * power**exponent
        weight = weight / weight.sum((1, 2), keepdim=True).clamp_min(1e-9)
        found.append(torch.einsum("brc,brckdl->bkdl", weight, lags.float()))
    return torch.cat(found, 1)


def _slopes(picture: Tensor) -> Tensor:
    """(B, 2, H / 2, W / 2): differences along x and y of the grey picture made smaller."""
    small = F.avg_pool2d(picture.float().mean(1, keepdim=True), _HALF)
    return torch.cat((F.pad(small.diff(dim=-1), (0, 1, 0, 0)), F.pad(small.diff(dim=-2), (0, 0, 0, 1))), 1)


def _of_places(around: Tensor) -> Tensor:
    """(N, KINDS, DIRECTIONS, LAGS) of the gradients (N, 2, _ROOM, _ROOM) around N places."""
    window = torch.hann_window(_WINDOW + 2, periodic=False, device=around.device)[1:-1]
    middle = around[..., _REACH : _REACH + _WINDOW, _REACH : _REACH + _WINDOW] * (window[:, None] * window)
    inside = torch.fft.rfft2(middle, s=(_ROOM, _ROOM)).conj()
    seen = torch.fft.rfft2(around)
    products = (
        inside[:, 0] * seen[:, 0],
        inside[:, 1] * seen[:, 1],
        inside[:, 0] * seen[:, 1] + inside[:, 1] * seen[:, 0],
    )
    lags = torch.fft.irfft2(torch.stack(products, 1), s=(_ROOM, _ROOM))[..., : 2 * _REACH + 1, : 2 * _REACH + 1]
    power = lags[:, 0, _REACH, _REACH] + lags[:, 1, _REACH, _REACH]
    lags = lags / (power + _LEAST)[:, None, None, None]
    cos, sin, lines = _lines(around.device)
    xx, yy, xy = (
        F.grid_sample(lags, lines.expand(len(lags), -1, -1, -1), align_corners=True)
        .view(len(lags), 3, 2, DIRECTIONS, LAGS)
        .mean(2)
        .unbind(1)
    )
    along = cos**2 * xx + sin**2 * yy + cos * sin * xy
    across = sin**2 * xx + cos**2 * yy - cos * sin * xy
    return torch.stack((along, across), 1)


def _lines(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """cos and sin of the directions, (DIRECTIONS, 1), and where their lags lie, both ways, -1 to 1."""
    angle = torch.arange(DIRECTIONS, device=device) * (math.pi / DIRECTIONS)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    lag = torch.arange(LAGS, device=device) / _REACH
    line = torch.stack((cos * lag, sin * lag), -1)
    return cos, sin, torch.cat((line, -line))[None]
