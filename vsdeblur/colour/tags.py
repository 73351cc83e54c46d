"""From the colour tags of a stream (ITU-T H.273 code points, as VapourSynth and FFmpeg both use them) to a Colour."""

from __future__ import annotations

from vsdeblur.colour.planes import Colour, Family
from vsdeblur.errors import InputError
from vsdeblur.settings.transfers import MATRICES

UNSPECIFIED = 2

_MATRICES = {code: name for name, code in MATRICES.items()}
_OTHER_MATRICES = {
    0: "RGB",
    10: "BT.2020 constant luminance",
    11: "SMPTE 2085",
    12: "chroma-derived",
    13: "chroma-derived constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
_LOGARITHMIC = (9, 10)
_TRANSFERS = {
    1: "bt709",
    4: "gamma2.2",
    5: "gamma2.8",
    6: "bt709",
    7: "smpte240m",
    8: "linear",
    11: "bt709",
    12: "bt709",
    13: "srgb",
    14: "bt709",
    15: "bt709",
    16: "pq",
    17: "gamma2.6",
    18: "hlg",
}


def colour_from_tags(
    family: Family,
    bits: int,
    is_float: bool,
    sub_w: int,
    sub_h: int,
    height: int,
    *,
    matrix: int | None = None,
    transfer: int | None = None,
    full_range: bool | None = None,
    chroma: str | None = None,
    transfer_override: str | None = None,
) -> Colour:
    """The Colour of a stream; None or 2 (unspecified) takes the stated default.

    Defaults: YUV up to 576 lines smpte170m, else bt709; YUV and GRAY limited range and bt709 transfer, RGB full range
    and srgb; chroma left. Raises InputError for a matrix or transfer that cannot be undone exactly.
    """
    return Colour(
        family,
        bits,
        is_float,
        sub_w,
        sub_h,
        _matrix_name(family, matrix, height),
        transfer_override or _transfer_name(family, transfer),
        (family == "RGB") if full_range is None else full_range,
        chroma or "left",
    )


def is_known_matrix(code: int) -> bool:
    """Whether a matrix, by its code point, can be undone exactly."""
    return code in _MATRICES


def usual_matrix(height: int) -> str:
    """The name of the matrix that YUV of so many lines has where nothing is said of it."""
    return "smpte170m" if height <= 576 else "bt709"


def _matrix_name(family: Family, code: int | None, height: int) -> str:
    if family != "YUV" or code is None or code == UNSPECIFIED:
        return usual_matrix(height)
    if code not in _MATRICES:
        name = _OTHER_MATRICES.get(code, "reserved")
        raise InputError(f"matrix {code} ({name}) is not supported for YUV: convert to RGB or to bt709 (1) first")
    return _MATRICES[code]


def _transfer_name(family: Family, code: int | None) -> str:
    if code is None or code == UNSPECIFIED:
        return "srgb" if family == "RGB" else "bt709"
    if code not in _TRANSFERS:
        log = "logarithmic: convert the footage with the camera's LUT, " if code in _LOGARITHMIC else ""
        raise InputError(f"transfer {code} is not supported", f"{log}give one yourself, such as {{transfer=bt709}}")
    return _TRANSFERS[code]
