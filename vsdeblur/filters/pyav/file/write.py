"""Writing 8-bit RGB pictures as a small H.264 file, for the demo."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from vsdeblur.errors import InputError


def write_mp4(path: Path, frames: Iterable[npt.NDArray[np.uint8]], rate: Fraction, crf: int = 14) -> None:
    """Encode (H, W, 3) uint8 frames, even sides, as BT.709 limited-range yuv420p. Raises InputError where it cannot."""
    try:
        with av.open(str(path), "w") as container:
            stream: Any = None
            for picture in frames:
                if stream is None:
                    stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
                    stream.height, stream.width = picture.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    context = stream.codec_context
                    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
                )
                container.mux(stream.encode(frame))
            if stream is not None:
                container.mux(stream.encode())
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
