"""A still picture: its values, how they are stored, and the metadata of its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.stills import jpeg, png, tiff, webp
from vsdeblur.stills.about import FAMILIES, NOTHING, QUALITY, About, BrokenFile
from vsdeblur.stills.directory import orientation

if TYPE_CHECKING:
    from torch import Tensor

_OTHERS = {  # marks in the first bytes, and where
    b"v/1\x01": (0, "OpenEXR"),
    b"ftyphei": (4, "HEIC"),
    b"ftypmif1": (4, "HEIF"),
    b"ftypavif": (4, "AVIF"),
    b"ftypcrx": (4, "a raw photograph"),
    b"FUJIFILMCCD-RAW": (0, "a raw photograph"),
    b"\x00\x00\x00\x0cJXL ": (0, "JPEG XL"),
    b"\xff\x0a": (0, "JPEG XL"),
    b"8BPS": (0, "a Photoshop file"),
    b"#?RADIANCE": (0, "Radiance HDR"),
    b"GIF8": (0, "GIF"),
    b"BM": (0, "BMP"),
}
_EIGHT_BITS = ("jpeg", "webp")

Samples = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """values: (C, H, W) float32 as stored, [0, 1] for whole numbers; C 1 (grey) or 3, one more with alpha.

    They lie as they do in the file: ``orientation`` (1 to 8, Exif's) says how they are to be turned for the eye.
    bits: 8 or 16 of whole numbers, 32 of floats. lossless: how the file was coded.
    """

    values: Tensor
    bits: int
    about: About = NOTHING
    lossless: bool = True

    @property
    def colours(self) -> int:
        """1 or 3."""
        return 1 if self.values.shape[0] < 3 else 3

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.values.shape[0] > self.colours

    @property
    def orientation(self) -> int:
        """1 to 8; 1 is upright."""
        return orientation(self.about.exif)

    def upright(self, picture: Tensor) -> Tensor:
        """A picture (C, H, W) that lies as ``values`` does, turned for the eye."""
        if self.orientation >= 5:
            picture = picture.transpose(-2, -1)
        # Of the turned picture: which of its axes run the other way.
        flips = {2: (-1,), 3: (-2, -1), 4: (-2,), 6: (-1,), 7: (-2, -1), 8: (-2,)}.get(self.orientation, ())
        return picture.flip(flips) if flips else picture


def family_of(path: Path, name: str = "OUT") -> str:
    """The format that a file's name stands for. Raises ArgumentError, which calls it ``name``."""
    family = FAMILIES.get(path.suffix.lower())
    if family is None:
        raise ArgumentError(name, str(path), "a name that ends in " + ", ".join(FAMILIES))
    return family


def is_still(path: Path) -> bool:
    """Whether a file's first bytes are those of a still picture that can be read; False where there is no file."""
    try:
        with path.open("rb") as file:
            return _family(file.read(16)) is not None
    except OSError:
        return False


def read_still(path: Path) -> Still:
    """A PNG, JPEG, TIFF or WebP file. Raises InputError with one line on what is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    try:
        return decode_still(data)
    except BrokenFile as error:
        raise InputError(f"{path}: {error}") from None


def decode_still(data: bytes) -> Still:
    """A picture from the bytes of its file. Raises BrokenFile."""
    family, lossless = _family(data[:16]), True
    if family == "png":
        about = png.read_about(data)
    elif family == "jpeg":
        about, components = jpeg.read_about(data)
        lossless = False
        if components not in (1, 3):
            raise BrokenFile(f"a JPEG file of {components} components (CMYK?): convert it to RGB first")
    elif family == "tiff":
        about, data = tiff.read_about(data)
    elif family == "webp":
        about, lossless = webp.read_about(data)
    else:
        raise BrokenFile(f"not a PNG, JPEG, TIFF or WebP file{_instead(data[:16])}")
    samples = _pixels(data)
    values, bits = _values(samples)
    return Still(values, bits, about, lossless)


def encode_still(still: Still, family: str, quality: int = QUALITY) -> bytes:
    """The bytes of a file. quality: of JPEG and WebP, 1 to 100 (WebP: 100 is lossless).

    Raises ArgumentError where the format cannot hold the picture.
    """
    if family == "jpeg" and still.has_alpha:
        raise ArgumentError("OUT", "a JPEG file", ".png, .tif or .webp for a picture with alpha")
    if still.bits == 32 and family != "tiff":
        raise ArgumentError("OUT", f"a {family.upper()} file", "a .tif for a picture of floating-point values")
    bits = 8 if family in _EIGHT_BITS else still.bits
    samples = _samples(still.values, bits)
    about = still.about if still.about.fits(_colours(samples)) else _without_profile(still.about)
    data = _encoded(samples, family, quality)
    if family == "png":
        return png.write_about(data, about)
    if family == "jpeg":
        return jpeg.write_about(data, about)
    if family == "webp":
        return webp.write_about(data, about, samples.shape[1], samples.shape[0], still.has_alpha)
    return tiff.write_about(data, about, still.has_alpha)


def _family(head: bytes) -> str | None:
    if head.startswith(png.SIGNATURE):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _instead(head: bytes) -> str:
    """What to do with a file of another kind."""
    kind = next((name for mark, (at, name) in _OTHERS.items() if head[at:].startswith(mark)), None)
    return f" but {kind}: save it as 16-bit TIFF or PNG first" if kind else ""


def _pixels(data: bytes) -> Samples:
    """(H, W) or (H, W, 3 or 4), RGB, as they lie in the file."""
    import cv2

    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BrokenFile(f"cannot be decoded ({' '.join(str(error.err).split())})") from None
    if pixels is None:
        raise BrokenFile("cannot be decoded: damaged, or of a kind that is not supported")
    if pixels.dtype not in (np.uint8, np.uint16, np.float32) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise BrokenFile(f"{pixels.dtype} samples: convert it to 8 or 16 bits first")
    samples: Samples = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return samples


def _values(samples: Samples) -> tuple[Tensor, int]:
    import torch

    bits = samples.dtype.itemsize * 8
    top = 1 if bits == 32 else (1 << bits) - 1
    planes = np.ascontiguousarray(samples[None] if samples.ndim == 2 else samples.transpose(2, 0, 1), np.float32)
    if not np.isfinite(planes).all():
        raise BrokenFile("has values that are not finite (NaN or infinity)")
    return torch.from_numpy(planes).div_(top), bits


def _samples(values: Tensor, bits: int) -> Samples:
    """(H, W) or (H, W, 3 or 4) of the type for so many bits, rounded; grey with alpha becomes RGB with alpha."""
    planes = values if values.shape[0] != 2 else values[[0, 0, 0, 1]]
    if bits == 32:
        samples = planes.numpy()
    else:
        top = (1 << bits) - 1
        samples = (planes * top).round_().clamp_(0, top).numpy().astype(f"u{bits // 8}")
    return np.ascontiguousarray(samples[0] if len(samples) == 1 else samples.transpose(1, 2, 0))


def _colours(samples: Samples) -> int:
    return 1 if samples.ndim == 2 else 3


def _without_profile(about: About) -> About:
    return About(about.exif, about.xmp, None, associated=about.associated)


def _encoded(samples: Samples, family: str, quality: int) -> bytes:
    import cv2

    options = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 4],
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality if quality < 100 else 101],
        "tiff": [cv2.IMWRITE_TIFF_COMPRESSION, 8],
    }[family]
    pixels = samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    suffix = next(suffix for suffix, name in FAMILIES.items() if name == family)
    done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels), options)
    if not done:
        raise InputError(f"a picture of {samples.shape[1]}x{samples.shape[0]} cannot be written as {family.upper()}")
    return bytes(data.tobytes())
