"""Graphs of FFmpeg's filters for frames of one kind."""

from __future__ import annotations

import av
from av.filter import Graph


def source_arguments(frame: av.VideoFrame) -> str:
    """Arguments of the filter "buffer" for frames of the size, format and tags of ``frame``, at any times."""
    tags = f"colorspace={frame.colorspace}:range={frame.color_range}"
    return f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:{tags}"


def chain(frame: av.VideoFrame, *filters: tuple[str, str]) -> Graph:
    """A graph that frames like ``frame`` pass through. filters: names and arguments, in order."""
    graph = Graph()
    nodes = [graph.add("buffer", source_arguments(frame)), *(graph.add(*item) for item in filters)]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph
