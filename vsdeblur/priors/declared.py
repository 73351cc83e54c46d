"""A model that a user brings as a prior: frames arranged as its declaration says, and what it gives back checked.

The model itself is a ``Run``: tensors in, one tensor out, whatever computes it (``onnx``, ``torchscript``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.footprint import TileFootprint
from vsdeblur.foreign.run import Run, answer
from vsdeblur.priors.declaration import Declaration
from vsdeblur.priors.pictures import colours, padded
from vsdeblur.priors.protocol import LARGEST
from vsdeblur.tiles import FEATHER

log = logging.getLogger("vsdeblur")


class DeclaredPrior:
    """An ``ImagePrior`` of a model of single pictures.

    Values beyond black and white, which no such model was trained with, are cut off before and added again after it.
    One picture is shown at a time: memory does not grow with the length of the video.

    Attributes:
        declaration: What the model says of itself.
        name: For messages.
    """

    def __init__(self, name: str, declaration: Declaration, run: Run) -> None:
        self.name, self.declaration, self._run = name, declaration, run

    @property
    def halo(self) -> int:
        """Pixels from which an input can still change an output value, and those over which tiles are blended.

        The blend begins half a feather within the overlap, and there nothing may come from beyond the tile.
        """
        return self.declaration.halo + FEATHER

    def footprint(self, channels: int) -> TileFootprint:
        """What the declaration says, the frames as they are shown to the model, what comes back."""
        return TileFootprint(working=self.declaration.memory + 3 * self.declaration.frames * channels + 12)

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """The denoised frames of u (N, C, H, W), whose noise has the deviation ``sigma``."""
        return torch.cat([self.denoised(u[n : n + 1][None], sigma) for n in range(len(u))])

    def denoised(self, frames: Tensor, sigma: float) -> Tensor:
        """The middle frame, (1, C, H, W), of (1, T, C, H, W) with T as declared.

        Raises:
            DeblurError: The model fails, or gives back what is no such picture.
        """
        said = self.declaration
        least, most = (end / 255 for end in said.sigma)
        if sigma > most and said.noise != "none":
            _warn_of_noise(self.name, 255 * most)
        level = min(max(sigma, least), most)
        count = colours(frames.shape[2])
        given = frames[0, :, :count]
        middle = given[said.frames // 2 : said.frames // 2 + 1]
        shown = given.clamp(0, 1)
        if said.colours == 1:  # every channel by itself
            found = torch.cat([self._whole(shown[:, c : c + 1], level) for c in range(count)], 1)
        else:
            found = self._whole(shown.expand(-1, 3, -1, -1), level)
            found = found.mean(1, keepdim=True) if count == 1 else found
        if sigma < least:
            found = torch.lerp(middle.clamp(0, 1), found, sigma / least)
        found = found + (middle - middle.clamp(0, 1))
        return torch.cat((found, frames[0, said.frames // 2, count:][None]), 1)

    def _whole(self, shown: Tensor, level: float) -> Tensor:
        """(1, c, H, W) of shown (T, c, H, W): at once, or in pieces of the one size that the model takes."""
        said = self.declaration
        height, width = shown.shape[-2:]
        if said.tile is None:
            return self._once(padded(shown, said.align), level)[..., :height, :width]
        fitting = padded_to(shown, said.tile)
        out = torch.empty_like(fitting[:1])
        for (rows, down), (columns, across) in product(
            *(pieces(length, side, said.halo) for length, side in zip(fitting.shape[-2:], said.tile, strict=True))
        ):
            piece = self._once(fitting[..., rows, columns].contiguous(), level)
            kept = piece[..., down, across]
            top, left = rows.start + down.start, columns.start + across.start
            out[..., top : top + kept.shape[-2], left : left + kept.shape[-1]] = kept
        return out[..., :height, :width]

    def _once(self, shown: Tensor, level: float) -> Tensor:
        """(1, c, h, w) of shown (T, c, h, w), a size that the model takes."""
        said = self.declaration
        largest = LARGEST * max(map(abs, said.values))
        raw = answer(self._run, arranged(shown, level, said), f"prior {self.name}", largest)
        return picked(raw, shown, said, self.name)


class DeclaredVideoPrior(DeclaredPrior):
    """A ``VideoPrior`` of a model of several frames."""

    @property
    def frames(self) -> int:
        """How many it takes, an odd number."""
        return self.declaration.frames

    def middle(self, frames: Tensor, sigma: float) -> Tensor:
        """The middle frames (B, C, H, W), denoised, of ``frames`` (B, ``self.frames``, C, H, W)."""
        return torch.cat([self.denoised(one[None], sigma) for one in frames])

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """Every frame of u (T, C, H, W) with its neighbours as they are; at the ends the last one is repeated."""
        around = torch.arange(self.frames) - self.frames // 2
        return torch.cat([self.denoised(u[(n + around).clamp(0, len(u) - 1)][None], sigma) for n in range(len(u))])


def declared(name: str, declaration: Declaration, run: Run) -> DeclaredPrior:
    """The prior of a model: of single pictures, or of several frames."""
    kind = DeclaredPrior if declaration.frames == 1 else DeclaredVideoPrior
    return kind(name, declaration, run)


def arranged(shown: Tensor, level: float, said: Declaration) -> list[Tensor]:
    """The model's inputs.

    Args:
        shown: (T, c, h, w), display values in [0, 1], RGB or one channel.
        level: Of the noise, in the same unit.
        said: The declaration.
    """
    x = shown.flip(1) if said.colour == "bgr" else shown
    x = x * said.gain + said.values[0]
    level *= said.gain
    height, width = x.shape[-2:]
    if said.noise == "channel" and said.layout != "stacked":
        x = torch.cat((x, x.new_full((len(x), 1, height, width), level)), 1)
    if said.layout == "stacked":
        x = x.reshape(1, -1, height, width)
        if said.noise == "channel":
            x = torch.cat((x, x.new_full((1, 1, height, width), level)), 1)
    elif said.layout == "BCTHW":
        x = x.transpose(0, 1)[None]
    elif said.layout == "BTCHW":
        x = x[None]
    inputs = [x]
    if said.noise == "map":
        inputs.append(x.new_full((1, 1, height, width), level))
    elif said.noise == "number":
        inputs.append(x.new_full((1,), level))
    return inputs


def picked(raw: Tensor, shown: Tensor, said: Declaration, name: str) -> Tensor:
    """The middle frame, (1, c, h, w), as display values.

    Args:
        raw: What the model gave back.
        shown: What it was shown, (T, c, h, w).
        said: The declaration.
        name: Of the prior.

    Raises:
        DeblurError: ``raw`` has another shape than the declaration says.
    """
    count, channels, height, width = shown.shape
    wanted: tuple[int, ...] = (1, channels, height, width)
    middle = raw
    if said.output == "all":
        wanted = {
            "BTCHW": (1, count, channels, height, width),
            "BCTHW": (1, channels, count, height, width),
            "stacked": (1, count * channels, height, width),
        }[said.layout]
    if tuple(raw.shape) != wanted:
        raise DeblurError(
            f"prior {name} gave back {tuple(raw.shape)}, and its declaration says {wanted}: look at output, layout, "
            "colour and align there"
        )
    if said.output == "all":
        whole = raw[0].transpose(0, 1) if said.layout == "BCTHW" else raw.reshape(count, channels, height, width)
        middle = whole[count // 2 : count // 2 + 1]
    middle = (middle.to(shown.dtype) - said.values[0]) / said.gain
    return middle.flip(1) if said.colour == "bgr" else middle


def pieces(length: int, side: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of one size along one side of a picture, and the part of each that is kept.

    Kept is what lies ``halo`` from the piece's ends, but for those that are the picture's: no value is computed from
    less than it was declared to need.

    >>> [(piece.start, kept.start, kept.stop) for piece, kept in pieces(20, 10, 2)]
    [(0, 0, 8), (6, 2, 8), (10, 4, 10)]
    """
    done = 0
    while done < length:
        start = min(max(done - halo, 0), length - side)
        stop = length if start + side == length else start + side - halo
        yield slice(start, start + side), slice(done - start, stop - start)
        done = stop


def padded_to(x: Tensor, least: tuple[int, int]) -> Tensor:
    """x (B, C, H, W) with its last row and column repeated up to a size of at least ``least``."""
    more = [max(side - length, 0) for side, length in zip(least, x.shape[-2:], strict=True)]
    return torch.nn.functional.pad(x, (0, more[1], 0, more[0]), mode="replicate") if any(more) else x


@lru_cache
def _warn_of_noise(name: str, most: float) -> None:
    log.warning("prior %s was declared for noise of up to %.3g/255: stronger noise is treated as that", name, most)
