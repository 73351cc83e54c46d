"""One file on many machines, by Ray (the extra ``cluster``): segments are its tasks, and are joined without encoding.

from vsdeblur.cluster import transcode

report = transcode("in.mov", "out.mp4", factor=4, cluster="ray://head:10001")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdeblur.cluster.run import transcode as transcode

__all__ = ["transcode"]


def __getattr__(name: str) -> Any:
    if name == "transcode":  # on first use: the board's process needs no torch, whose import takes seconds
        from vsdeblur.cluster.run import transcode

        return transcode
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
