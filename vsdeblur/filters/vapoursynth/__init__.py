"""The VapourSynth filter."""

from vsdeblur.filters.vapoursynth.graph import deblur

__all__ = ["deblur"]
