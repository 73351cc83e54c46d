"""The network at rendered instants: a correction from key frames, blurry frames and the residual of the exposure.

Where something is hidden in one key frame, both are mixed; where the motion errs, edges are doubled; and the residual
of an exposure is added to every instant of it, though it belongs to some. The network weights both key frames, the
blurry frames and the residual anew, smoothly where the motion is wrong, and adds a correction of its own: about 12,000
multiplications per pixel, 0.7 million weights. Pictures enter and leave by cells of 4x4 pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.solver.render.refined import CELL, HINTS
from vsdeblur.tensors import box
from vsdeblur.unet import Block

ALIGNED = 16  # width and height that it takes are multiples of this
WIDTHS = (48, 64, 96)
_SMALL = 0.1  # a difference of values that counts as 1
_FAR = 8.0  # pixels of motion that count as 1
_WEIGHED = 5  # pictures that are weighted anew
# Pixels that a weight is the mean of where the motion is wrong: what the network sees there it was not trained on, and
# its weights differ from pixel to pixel of a cell, a lattice that looks like sandpaper. On ten hard clips +0.01 dB, on
# eight others 0.00; everywhere alike it takes 0.01 from these.
_AROUND = 5
_TRUST = slice(4, 8)  # the hints that say how reliable paths are and what is visible
_AT = 8  # the hint that is the weight of the later key frame


class InstantNet(nn.Module):
    """The change of an instant from pictures and hints; see ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.enter = nn.Conv2d(18, fine, CELL, stride=CELL)
        self.told = nn.Conv2d(HINTS + 2, fine, 1)
        self.fine = Block(fine)
        self.down = nn.Conv2d(fine, middle, 2, stride=2)
        self.middle = nn.Sequential(Block(middle), Block(middle))
        self.deeper = nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = nn.Sequential(Block(coarse), Block(coarse))
        self.up = nn.Conv2d(coarse, 4 * middle, 1)
        self.middle_again = Block(middle)
        self.upper = nn.Conv2d(middle, 4 * fine, 1)
        self.fine_again = Block(fine)
        self.leave = nn.Conv2d(fine, (3 + _WEIGHED) * CELL * CELL, 1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, pictures: Tensor, hints: Tensor) -> Tensor:
        """The change of the first picture.

        Args:
            pictures: (B, 5, 3, H, W), display values: as composed, the key frames before and after and the blurry
                frames before and after. H and W are multiples of ALIGNED.
            hints: (B, HINTS, H / CELL, W / CELL), as in ``InstantFeatures``.

        Returns:
            (B, 3, H, W).
        """
        composed = pictures[:, 0]
        others = pictures[:, 1:] - composed[:, None]
        a = _by_rows(hints[:, _AT : _AT + 1])
        rest = -torch.lerp(others[:, 0], others[:, 1], a)
        given = torch.cat((others.flatten(1, 2), rest), 1)
        shown = torch.cat((composed - 0.5, given / _SMALL), 1)
        found = F.pixel_shuffle(self._body(self.enter(shown), hints), CELL).float()
        out, weights = _SMALL * found[:, :3], _smooth(found[:, 3:], hints)
        for k in range(_WEIGHED):
            out = out + weights[:, k : k + 1] * given[:, 3 * k : 3 * k + 3]
        return out

    def folded(self, pictures: Tensor, hints: Tensor) -> Tensor:
        """The result of ``forward`` for one instant, in two thirds of the time.

        Weights of differences are combined to weights of the pictures.

        Args:
            pictures: (1, 15, H, W), the five pictures one after the other, in full precision.
            hints: (1, HINTS, H / CELL, W / CELL).

        Returns:
            (1, 3, H, W).
        """
        a = hints[:, _AT : _AT + 1]
        composed, left, right, *blurry, rest = torch.split(self.enter.weight, 3, 1)
        others = (left, right, *blurry)
        far = (rest - sum(others)) / _SMALL
        entering = torch.cat((composed + far, (left - rest) / _SMALL, *(x / _SMALL for x in others[1:])), 1)
        moved = torch.cat((torch.zeros_like(rest), -rest, rest), 1) / _SMALL  # of the residual, what grows with a
        assert self.enter.bias is not None
        x = F.conv2d(pictures, entering, self.enter.bias - composed.sum((1, 2, 3)) / 2, CELL)
        x -= a * F.conv2d(pictures[:, :9], moved, None, CELL)
        found = self._body(x, hints)
        own, weights = F.pixel_shuffle(found, CELL).split([3, _WEIGHED], 1)
        left, right, *blurry, rest = _smooth(weights, hints).split(1, 1)
        kept, a = rest - left - right - blurry[0] - blurry[1], _by_rows(a)
        out: Tensor = _SMALL * own
        for k, weight in enumerate((kept, left - (1 - a) * rest, right - a * rest, *blurry)):
            out.addcmul_(weight, pictures[:, 3 * k : 3 * k + 3])
        return out

    def inner_to(self, dtype: torch.dtype) -> None:
        """Compute the layers between those that the pictures enter and the weights leave by in ``dtype``."""
        for name, part in self.named_children():
            if name != "enter":
                part.to(dtype)

    def _body(self, x: Tensor, hints: Tensor) -> Tensor:
        """From the features of the pictures, by cells, to all outputs, by cells."""
        blur = (hints[:, 2:4] - hints[:, :2]) * hints[:, 12:]
        context = torch.cat((hints[:, :4] / _FAR, blur / _FAR, hints[:, 4:]), 1)
        x = self.fine(F.relu(x + self.told(context.to(self.told.weight.dtype))).to(self.told.weight.dtype))
        y = self.middle(self.down(x))
        z = self.coarse(self.deeper(y))
        y = self.middle_again(y + F.pixel_shuffle(self.up(z), 2))
        x = self.fine_again(x + F.pixel_shuffle(self.upper(y), 2))
        out: Tensor = self.leave(F.relu(x))
        return out.float()


def _smooth(weights: Tensor, hints: Tensor) -> Tensor:
    """Weights (B, k, H, W) as far as the motion is reliable and both key frames show the place, else their means."""
    trust = F.interpolate(hints[:, _TRUST].amin(1, keepdim=True).to(weights), scale_factor=CELL)
    return torch.lerp(box(weights, _AROUND), weights, trust)


def _by_rows(a: Tensor) -> Tensor:
    """What is alike along a row, by rows of the picture: cells (B, 1, H / CELL, W / CELL) to (B, 1, H, 1)."""
    return a[..., :1].repeat_interleave(CELL, -2)
