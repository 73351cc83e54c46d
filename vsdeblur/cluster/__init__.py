"""One file on many machines, by Ray (the extra ``cluster``): segments are its tasks, and are joined without encoding.

from vsdeblur.cluster import transcode

report = transcode("in.mov", "out.mp4", factor=4, cluster="ray://head:10001")
"""

from vsdeblur.cluster.transcode import transcode

__all__ = ["transcode"]
