"""vsdeblur for PyAV: a filter over video frames, and a whole file at once.

    from vsdeblur.filters.pyav import deblur_frames, transcode

    for frame in deblur_frames(container.decode(video=0), factor=4):
        ...
    report = transcode("blurry.mp4", "sharp.mp4", factor=4)

Everything is decoded and encoded by the FFmpeg inside of PyAV; the codecs use threads of their own, so decoding and
encoding overlap with the solving without any here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdeblur.filters.pyav.frames import deblur_frames as deblur_frames
    from vsdeblur.filters.pyav.joining import join as join
    from vsdeblur.filters.pyav.report import Progress as Progress
    from vsdeblur.filters.pyav.report import Report as Report
    from vsdeblur.filters.pyav.report import eta as eta
    from vsdeblur.filters.pyav.transcoding import transcode as transcode

__all__ = ["Progress", "Report", "deblur_frames", "eta", "join", "transcode"]

# Resolved on first use: reading files alone needs no torch, whose import takes seconds.
_LAZY = {
    "Progress": "report",
    "Report": "report",
    "deblur_frames": "frames",
    "eta": "report",
    "join": "joining",
    "transcode": "transcoding",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value  # the submodule of the same name must not shadow the function
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
