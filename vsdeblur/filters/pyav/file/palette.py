"""Frames in 256 colours, for GIF: a palette of its own for each."""

from __future__ import annotations

import av
from av.filter import Graph

from vsdeblur.filters.pyav.graph import source_arguments


class Palette:
    """Turns frames of one size and format, RGB with or without alpha, into palettes with indices, dithered."""

    def __init__(self) -> None:
        self._graph: Graph | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in format "pal8"."""
        if self._graph is None:
            self._graph = _graph(frame)
        frame.pts = None
        self._graph.vpush(frame)
        return self._graph.vpull()


def _graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source, split = graph.add("buffer", source_arguments(frame)), graph.add("split", "2")
    colours = graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1:dither=sierra2_4a"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(colours, 0, 0)
    split.link_to(use, 1, 0)
    colours.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
