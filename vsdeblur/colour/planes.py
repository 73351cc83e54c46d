"""Between a host's planes and linear-light RGB tensors, without losing a code value.

The pair decode, encode is the identity: super-white, super-black and out-of-gamut values survive, and the chroma
resamplers are exact inverses of each other (biorthogonal), for any subsampling, siting and size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.errors import ArgumentError
from vsdeblur.settings.transfers import KNOWN, is_known

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Plane = np.ndarray[Any, Any]

Family = Literal["YUV", "RGB", "GRAY"]

# The luma weights of red and blue (Kr, Kb).
_LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020ncl": (0.2627, 0.0593),
}
MATRICES = (*_LUMA_WEIGHTS, "ycgco")
SITINGS = ("left", "center", "topleft", "top", "bottomleft", "bottom")
_LARGEST = 65504.0  # of half precision; larger and infinite samples of float formats are limited to it


@dataclass(frozen=True, slots=True)
class Colour:
    """How planes hold a picture.

    Attributes:
        family: YUV, RGB or GRAY.
        bits: Of a stored sample: 8 to 16 for integers, 16 or 32 for floats.
        is_float: Samples are floats, nominally in [0, 1], chroma in [-0.5, 0.5].
        sub_w: log2 of the chroma subsampling across.
        sub_h: log2 of the chroma subsampling down.
        matrix: One of MATRICES; used for YUV alone.
        transfer: Name of the transfer function.
        full_range: Integers use all code values; limited range otherwise. Not used for floats.
        chroma: Siting, one of SITINGS; used where chroma is subsampled.

    Raises:
        ArgumentError: An unknown transfer, or an unknown matrix or siting of YUV.

    References:
        ITU-T H.273, sections 8.1 to 8.3: transfer characteristics, matrix coefficients, code values.
    """

    family: Family
    bits: int
    is_float: bool
    sub_w: int
    sub_h: int
    matrix: str
    transfer: str
    full_range: bool
    chroma: str

    def __post_init__(self) -> None:
        if not is_known(self.transfer):
            raise ArgumentError("transfer", self.transfer, "one of " + KNOWN)
        if self.family == "YUV" and self.matrix not in MATRICES:
            raise ArgumentError("matrix", self.matrix, "one of " + ", ".join(MATRICES))
        if self.family == "YUV" and self.chroma not in SITINGS:
            raise ArgumentError("chroma", self.chroma, "one of " + ", ".join(SITINGS))

    @property
    def channels(self) -> int:
        """1 for grey, otherwise 3."""
        return 1 if self.family == "GRAY" else 3

    def decode(self, planes: Sequence[Plane]) -> Tensor:
        """Planes to linear light.

        Args:
            planes: Y, U, V or R, G, B or Y alone, each (h, w) with any strides.

        Returns:
            (C, H, W) float32, linear light of R, G, B or grey, on the CPU.
        """
        import torch

        out = torch.empty((self.channels, *planes[0].shape), dtype=torch.float32)
        if self.family == "YUV":
            out_weights, _ = _matrices(self.matrix)
            chroma = torch.stack([self._read(plane, chroma=True) for plane in planes[1:]])
            mixed = torch.einsum("oc,chw->ohw", torch.tensor(out_weights), chroma)
            _upsample(mixed, self, out)
            out.add_(self._read(planes[0]))
        else:
            for channel, plane in zip(out, planes, strict=True):
                channel.copy_(self._read(plane))
        return to_linear(out, self.transfer, inplace=True)

    def encode(self, linear: Tensor) -> list[Plane]:
        """Linear light to planes, rounded to the nearest code value and limited to 0 and 2^bits - 1.

        Args:
            linear: (C, H, W) on any device; not changed.

        Returns:
            The planes in the order of ``decode``: unsigned integers of 8 or 16 bits, or floats of ``bits`` bits.
        """
        stored = from_linear(linear, self.transfer)
        if self.family != "YUV":
            return [self._write(channel) for channel in stored]
        import torch

        _, (luma, *chroma) = _matrices(self.matrix)
        small = torch.einsum("oc,chw->ohw", stored.new_tensor(chroma), _downsample(stored, self))
        red, green, blue = stored
        y = red.mul_(luma[0]).add_(green, alpha=luma[1]).add_(blue, alpha=luma[2])
        return [self._write(y), *(self._write(plane, chroma=True) for plane in small)]

    def _scale(self, chroma: bool) -> tuple[float, float]:
        """(code values per unit, code value of zero) of integer formats."""
        unit = 1 << (self.bits - 8)
        if self.full_range:
            return (1 << self.bits) - 1, 128 * unit if chroma else 0
        if not chroma:
            return 219 * unit, 16 * unit
        return (219 if self.matrix == "ycgco" else 224) * unit, 128 * unit  # H.273 makes YCgCo of the integers R, G, B

    def _read(self, plane: Plane, chroma: bool = False) -> Tensor:
        import torch

        x = torch.from_numpy(plane.astype("float32"))  # a copy: hosts hand out read-only views
        if self.is_float:
            return x.nan_to_num_(nan=0.0, posinf=_LARGEST, neginf=-_LARGEST).clamp_(-_LARGEST, _LARGEST)
        scale, zero = self._scale(chroma)
        return x.sub_(zero).mul_(1 / scale)

    def _write(self, channel: Tensor, chroma: bool = False) -> Plane:
        """The plane of a float channel, which is overwritten."""
        import torch

        if self.is_float:
            dtype = torch.float16 if self.bits == 16 else torch.float32
            return channel.clamp_(-_LARGEST, _LARGEST).to(dtype).cpu().numpy()
        scale, zero = self._scale(chroma)
        codes = channel.mul_(scale).add_(zero).round_().clamp_(0, (1 << self.bits) - 1)
        return codes.to(torch.uint8 if self.bits == 8 else torch.uint16).cpu().numpy()


def _matrices(name: str) -> tuple[list[list[float]], list[list[float]]]:
    """What (U, V) add to Y in each of R, G, B; and the rows of RGB -> Y, U, V."""
    if name == "ycgco":
        return [[-1.0, 1.0], [1.0, 0.0], [-1.0, -1.0]], [[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0, -0.5]]
    kr, kb = _LUMA_WEIGHTS[name]
    kg = 1 - kr - kb
    red, blue = 2 * (1 - kr), 2 * (1 - kb)
    back = [[0.0, red], [-kb * blue / kg, -kr * red / kg], [blue, 0.0]]
    luma = [kr, kg, kb]
    u = [-kr / blue, -kg / blue, (1 - kb) / blue]
    v = [(1 - kr) / red, -kg / red, -kb / red]
    return back, [luma, u, v]


# Chroma. Bilinear doubling, as often as the subsampling asks; the way back is a filter that undoes it exactly.


def _upsample(x: Tensor, colour: Colour, out: Tensor) -> None:
    """Chroma-sized (C, h, w) into ``out`` (C, H, W)."""
    height, width = out.shape[-2:]
    x = _flip(x, colour)
    for level in reversed(range(colour.sub_h)):
        # Written row by row: what follows would take three times as long on a transposed view.
        rows = x.new_empty(x.shape[0], -(-height >> level), x.shape[2])
        _double(x.mT, rows.shape[1], _centred_down(colour), rows.mT)
        x = rows
    x = _flip(x, colour)
    for level in reversed(range(colour.sub_w)):
        x = _double(x, -(-width >> level), _centred_across(colour), out if level == 0 else None)
    if x is not out:
        out.copy_(x)


def _downsample(x: Tensor, colour: Colour) -> Tensor:
    """The left inverse of :func:`_upsample`."""
    for _ in range(colour.sub_w):
        x = _halve(x, _centred_across(colour))
    x = _flip(x, colour)
    for _ in range(colour.sub_h):
        x = _halve(x.mT, _centred_down(colour)).mT
    return _flip(x, colour)


def _centred_across(colour: Colour) -> bool:
    return colour.chroma in ("center", "top", "bottom")


def _centred_down(colour: Colour) -> bool:
    return colour.chroma in ("left", "center")


def _flip(x: Tensor, colour: Colour) -> Tensor:
    """Bottom siting is top siting upside down."""
    return x.flip(-2) if colour.sub_h and colour.chroma in ("bottomleft", "bottom") else x


def _double(c: Tensor, size: int, centred: bool, out: Tensor | None = None) -> Tensor:
    """Twice the samples (``size`` of them: 2n or 2n - 1) along the last axis."""
    x = c.new_empty(*c.shape[:-1], size) if out is None else out
    even, odd = x[..., 0::2], x[..., 1::2]
    right = c[..., 1:]
    left = c[..., : right.shape[-1]]
    if centred:  # chroma n lies midway between samples 2n and 2n + 1
        even[..., 0] = c[..., 0]
        even[..., 1:] = right.lerp(left, 0.25)
        odd[..., : left.shape[-1]] = left.lerp(right, 0.25)
    else:  # chroma n lies on sample 2n
        even.copy_(c)
        odd[..., : left.shape[-1]] = left.lerp(right, 0.5)
    if size % 2 == 0:
        odd[..., -1] = c[..., -1]
    return x


def _halve(x: Tensor, centred: bool) -> Tensor:
    """Undo :func:`_double`: the samples on the sites, or the dual of the (1/4, 3/4) pair."""
    even, odd = x[..., 0::2], x[..., 1::2]
    if not centred or x.shape[-1] == 1:
        return even.clone()
    pairs = odd.shape[-1]
    c = even.clone()
    c[..., :pairs].add_(odd).mul_(0.75)
    c[..., 1:pairs].sub_(odd[..., : pairs - 1], alpha=0.25)
    c[..., 0].sub_(even[..., 0], alpha=0.25)
    following = even[..., 1 : pairs + 1]
    c[..., : following.shape[-1]].sub_(following, alpha=0.25)
    if even.shape[-1] > pairs:  # an odd size ends on (3 c[n] + c[n - 1]) / 4
        c[..., -1].mul_(4 / 3).sub_(c[..., -2], alpha=1 / 3)
    else:
        c[..., -1].sub_(odd[..., -1], alpha=0.25)
    return c
