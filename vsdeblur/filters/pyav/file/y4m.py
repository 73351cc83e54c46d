"""Writing y4m, the pipe format between vspipe, ffmpeg and this; FFmpeg's own writer hides behind ``-strict -1``."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import av

from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav.format import Layout, layout

# What readers accept (FFmpeg, x264, vspipe's users), in FFmpeg's names.
FORMATS = (
    *("gray", "gray10le", "gray12le", "gray16le", "yuv411p"),
    *(f"yuv{sub}p{bits}" for sub in (420, 422, 444) for bits in ("", "10le", "12le", "16le")),
)
_SITINGS = {2: "420jpeg", 3: "420paldv"}


class Writer:
    """Writes frames of one size and format, one of FORMATS, to a binary file. The rate is constant by definition."""

    def __init__(self, file: BinaryIO, sample: av.VideoFrame, rate: Fraction, aspect: Fraction) -> None:
        self.file = file
        self.layout = layout(sample.format.name)
        space = _colour_space(self.layout, sample.chroma_location)
        colour_range = {1: " XCOLORRANGE=LIMITED", 2: " XCOLORRANGE=FULL"}.get(sample.color_range, "")
        self._put(
            f"YUV4MPEG2 W{sample.width} H{sample.height} F{rate.numerator}:{rate.denominator} Ip "
            f"A{aspect.numerator}:{aspect.denominator if aspect else 0} {space}{colour_range}\n".encode()
        )

    def write(self, frame: av.VideoFrame) -> None:
        """Write one frame. Raises DeblurError where the reader has gone or the disk is full."""
        self._put(b"FRAME\n", *(plane.tobytes() for plane in self.layout.read(frame)))

    def flush(self) -> None:
        """Write what is held."""
        self._put()

    def _put(self, *parts: bytes) -> None:
        try:
            for part in parts:
                self.file.write(part)
            if not parts:
                self.file.flush()
        except BrokenPipeError:
            raise DeblurError("the reader of the y4m output has closed the pipe") from None
        except OSError as error:
            raise DeblurError(f"writing y4m failed: {error.strerror or error}") from None


def _colour_space(form: Layout, siting: int) -> str:
    depth = "" if form.bits == 8 else str(form.bits)
    if form.family == "GRAY":
        return f"Cmono{depth}"
    sub = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (2, 0): "411"}[form.sub_w, form.sub_h]
    if depth:
        return f"C{sub}p{depth} XYSCSS={sub}P{depth}"
    return f"C{_SITINGS.get(siting, '420mpeg2')} XYSCSS=420MPEG2" if sub == "420" else f"C{sub}"
