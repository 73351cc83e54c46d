"""vsdeblur for PyAV: a filter over video frames, and a whole file at once.

    from vsdeblur.filters.pyav import deblur_frames, transcode

    for frame in deblur_frames(container.decode(video=0), factor=4):
        ...
    report = transcode("blurry.mp4", "sharp.mp4", factor=4)

Everything is decoded and encoded by the FFmpeg inside of PyAV; the codecs use threads of their own, so decoding and
encoding overlap with the solving without any here.
"""

from vsdeblur.filters.pyav.frames import deblur_frames
from vsdeblur.filters.pyav.join import join
from vsdeblur.filters.pyav.report import Progress, Report, eta
from vsdeblur.filters.pyav.transcode import transcode

__all__ = ["Progress", "Report", "deblur_frames", "eta", "join", "transcode"]
