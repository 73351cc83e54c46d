"""What ``inspect`` says of still pictures, and of the blur within one picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdeblur.errors import ArgumentError, InputError

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.blind.operators.protocol import Blur
    from vsdeblur.stills.still import Still

_SHARP = 2.0  # pixels: strokes up to this are not visible as blur
_POINTS = 12  # points along the longer side whose kernels are measured


def about_still(path: Path, still: Still) -> dict[str, Any]:
    """Of a still picture as it is stored."""
    height, width = still.values.shape[-2:]
    return {
        "path": str(path),
        "format": still.about.family,
        "width": width,
        "height": height,
        "bits": still.bits,
        "channels": ("grey" if still.colours == 1 else "RGB") + (" with alpha" if still.has_alpha else ""),
        "orientation": still.orientation,
        "profile": still.about.icc is not None,
        "exif": still.about.exif is not None,
        "xmp": still.about.xmp is not None,
    }


def still_picture(still: Still) -> tuple[Tensor, str]:
    """(C, H, W) upright, without alpha, and the curve that it is stored by."""
    return still.upright(still.values[: still.colours]).contiguous(), "linear" if still.bits == 32 else "srgb"


def video_picture(clip: str, number: int) -> tuple[Tensor, str]:
    """Frame ``number`` of a video, counted from 0, in the same form. Raises ArgumentError where there is none."""
    import torch

    from vsdeblur.filters.pyav.file.read import read_rgb

    frame = next(iter(read_rgb(Path(clip), number, 1)), None)
    if frame is None:
        raise ArgumentError("blur_frame", number, "the number of a frame that the video has, from 0 on")
    return torch.from_numpy(frame).permute(2, 0, 1).float() / 255, "bt709"


def find_blur(picture: Tensor, transfer: str, device: str | None, max_memory: str | None) -> Blur:
    """The blur of a picture (C, H, W), as ``vsdeblur.blind.restore_frame`` finds it."""
    from vsdeblur.blind.frame import restore_frame
    from vsdeblur.tensors import MIN_FRAME_SIDE

    if min(picture.shape[-2:]) < MIN_FRAME_SIDE:
        raise InputError(f"the picture is smaller than {MIN_FRAME_SIDE}x{MIN_FRAME_SIDE} pixels")
    left_blurred = restore_frame(
        picture, transfer=transfer, deconvolver=lambda v, blur, sigma: v, device=device, max_memory=max_memory
    )
    return left_blurred[1]


def about_blur(blur: Blur) -> dict[str, Any]:
    """How long, pixels, and in which direction, degrees against the clock from rows, light is drawn out."""
    from vsdeblur.blind.draw import grid_points, strokes

    lengths, angles = strokes(blur.kernels(grid_points(blur.size, _POINTS)).float())
    middle = float(lengths.median())
    # The mean of directions, where d and d + 180 are the same, long strokes counting more.
    double = (angles * 2).deg2rad()
    across, up = float((lengths * double.cos()).sum()), float((lengths * double.sin()).sum())
    return {
        "length_median": middle,
        "length_longest": float(lengths.max()),
        "angle": math.degrees(math.atan2(up, across)) / 2 % 180,
        "aligned": math.hypot(across, up) / max(float(lengths.sum()), 1e-9),
    }


def write_drawing(path: Path, picture: Tensor, transfer: str, blur: Blur) -> None:
    """The kernels over the picture, as a PNG or another picture file."""
    from vsdeblur.blind.draw import draw_kernels
    from vsdeblur.colour.display import PHOTOGRAPH
    from vsdeblur.colour.transfer import from_linear
    from vsdeblur.stills.deblur import save
    from vsdeblur.stills.still import Still, encode_still, family_of

    shown = from_linear(picture.clamp(0, 1), PHOTOGRAPH) if transfer == "linear" else picture
    save(path, encode_still(Still(draw_kernels(shown, blur), 8), family_of(path)))


def blur_line(facts: dict[str, Any]) -> str:
    """For people."""
    if facts["length_median"] <= _SHARP:
        return f"none to speak of (strokes of {facts['length_median']:.1f} px)"
    where = f", at {facts['angle']:.0f} degrees" if facts["aligned"] > 0.5 else ", in no common direction"
    return f"strokes of {facts['length_median']:.1f} px, up to {facts['length_longest']:.1f}{where}"


def still_lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """For people, as ``inspect`` says it of videos."""
    turned = f", to be turned (orientation {facts['orientation']})" if facts["orientation"] != 1 else ""
    carried = ", ".join(name for name in ("profile", "exif", "xmp") if facts[name]) or "nothing"
    kind = f"{facts['channels']}, {facts['bits']} bits"
    return [
        ("file", f"{facts['path']} ({facts['format'].upper()})"),
        ("picture", f"{facts['width']}x{facts['height']}, {kind}{turned}"),
        ("carries", carried),
    ]
