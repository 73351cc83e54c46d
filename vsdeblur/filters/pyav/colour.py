"""Between PyAV's video frames and linear-light tensors, and the making of output frames that keep a source's tags."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import av
import numpy as np

from vsdeblur.clip.repeats import Thumbnail, thumbnail
from vsdeblur.colour.planes import Colour
from vsdeblur.colour.tags import UNSPECIFIED, colour_from_tags
from vsdeblur.errors import InputError
from vsdeblur.filters.pyav.format import Layout, layout
from vsdeblur.filters.pyav.graph import chain

if TYPE_CHECKING:
    from torch import Tensor

LIMITED, FULL = 1, 2  # AVCOL_RANGE
BT709 = 1  # AVCOL_SPC and AVCOL_TRC
_SITINGS = {1: "left", 2: "center", 3: "topleft", 4: "top", 5: "bottomleft", 6: "bottom"}

# What must stay the same within one window: another value starts a new one.
Kind = tuple[str, int, int, int, int, int, int]


def kind(frame: av.VideoFrame) -> Kind:
    """All that a frame's conversion depends on."""
    tags = (frame.colorspace, frame.color_trc, frame.color_range, frame.chroma_location)
    return (frame.format.name, frame.width, frame.height, *tags)


def describe(frame: av.VideoFrame) -> str:
    """Format and size in words."""
    return f"{frame.format.name} {frame.width}x{frame.height}"


class Converter:
    """Turns frames of one kind into (C, H, W) float32 linear light and back into frames of ``target`` format.

    C is 3 for colour and 1 for gray, and one more for formats with alpha, whose values are [0, 1] as they are.
    """

    def __init__(
        self,
        frame: av.VideoFrame,
        transfer: str | None = None,
        target: Layout | None = None,
        like: Colour | None = None,
        even: bool = False,
    ) -> None:
        """like: the colour that the output has whatever the frames have (a file's tags cannot change midway).

        even: whether an odd last row or column is left out of the output.

        Raises InputError for a frame that cannot be processed: a format without plain samples, unknown tags.
        """
        self.source = layout(frame.format.name)
        self.colour = _colour_of(frame, self.source, transfer)
        self.target = target or self.source
        self.alpha = self.source.has_alpha
        self.colours = self.colour.channels
        self.channels = self.colours + self.alpha
        self.host_bytes = sum(plane.buffer_size for plane in frame.planes)
        self.out = like or _converted(self.colour, self.target)
        width, height = frame.width, frame.height
        self.size = (width & ~1, height & ~1) if even else (width, height)
        same = self.target == self.source and self.out == self.colour and self.size == (width, height)
        self._cloner = Cloner(frame) if same else None

    def decode(self, frame: av.VideoFrame, out: Tensor) -> None:
        """Write a frame into ``out``, (C, H, W) float32, in linear light."""
        import torch

        components = self.source.read(frame)
        if self.alpha:
            unit = 1.0 if self.source.is_float else 1 / ((1 << self.source.bits) - 1)
            out[-1] = torch.from_numpy(components.pop().astype("float32")).mul_(unit)
        out[: self.colours] = self.colour.decode(components)

    def thumbnail(self, frame: av.VideoFrame) -> Thumbnail:
        """What repeats are recognised by: a frame's luma, or the mean of its colours, small."""
        components = self.source.read(frame)
        seen = components[:1] if self.colour.family == "YUV" else components[: self.colours]
        return thumbnail(seen, 1.0 if self.source.is_float else (1 << self.source.bits) - 1)

    def encode(self, linear: Tensor, template: av.VideoFrame, *, first: bool = True) -> av.VideoFrame:
        """A frame of the target format from (C, H, W) linear light, with everything else as in ``template``.

        first: this is the first frame made from the template; what must not repeat (captions) goes with it alone.
        """
        linear = linear[:, : self.size[1], : self.size[0]]
        colour = linear[: self.colours]
        if self.out.channels > self.colours:
            colour = colour.expand(self.out.channels, -1, -1)
        elif self.out.channels < self.colours:
            raise InputError(f"a codec without colour cannot hold {self.source.name}: choose another codec")
        components = self.out.encode(colour)
        if self.target.has_alpha:
            components.append(self._alpha(linear))
        frame = self._cloner(template, first=first) if self._cloner else self.blank(template)
        self.target.write(frame, components)
        return frame

    def _alpha(self, linear: Tensor) -> np.ndarray:
        import torch

        alpha = linear[-1] if self.alpha else torch.ones_like(linear[0])
        if self.target.is_float:
            return alpha.numpy().astype(self.target.dtype)
        top = (1 << self.target.bits) - 1
        return alpha.mul(top).round_().clamp_(0, top).numpy().astype("u1" if self.target.bits == 8 else "u2")

    def blank(self, template: av.VideoFrame) -> av.VideoFrame:
        """A frame of the target format, samples not set, with the tags of ``template`` as far as they still hold."""
        frame = av.VideoFrame(*self.size, self.target.name)
        frame.color_primaries, frame.color_trc = template.color_primaries, template.color_trc
        frame.chroma_location = template.chroma_location
        same_family = self.target.family == self.source.family
        frame.colorspace = template.colorspace if same_family else BT709 if self.target.family == "YUV" else 0
        same_range = same_family and self.out.full_range == self.colour.full_range
        frame.color_range = template.color_range if same_range else FULL if self.out.full_range else LIMITED
        return frame


class Cloner:
    """Copies of a frame with all its properties: tags, sample aspect ratio, side data.

    PyAV has no call for this and frames do not show their aspect ratio; a filter graph that does nothing keeps both.
    """

    def __init__(self, frame: av.VideoFrame) -> None:
        self._whole = chain(frame)
        self._without_captions = chain(frame, ("sidedata", "mode=delete:type=A53_CC"))
        self._alone = Lock()  # chunks that are restored at once share the graphs

    def __call__(self, frame: av.VideoFrame, *, first: bool) -> av.VideoFrame:
        """A copy of ``frame``; ``first``: the first of the copies of a source frame."""
        graph = self._whole if first else self._without_captions
        with self._alone:
            graph.vpush(frame)
            copy = graph.vpull()
        copy.make_writable()
        copy.pict_type = 0  # an encoder would take the source's types as orders
        return copy


def _colour_of(frame: av.VideoFrame, form: Layout, transfer: str | None) -> Colour:
    full: bool | None = {LIMITED: False, FULL: True}.get(frame.color_range)
    if full is None and (form.name.startswith("yuvj") or form.family == "GRAY"):
        full = True  # as FFmpeg takes them
    return colour_from_tags(
        form.family,
        form.bits,
        form.is_float,
        form.sub_w,
        form.sub_h,
        frame.height,
        matrix=frame.colorspace,
        transfer=frame.color_trc or UNSPECIFIED,
        full_range=full,
        chroma=_SITINGS.get(frame.chroma_location),
        transfer_override=transfer,
    )


def _converted(colour: Colour, target: Layout) -> Colour:
    """The same light in another format; a change of family takes what the family usually has."""
    if target.family != colour.family:
        colour = replace(colour, matrix="bt709", full_range=target.family == "RGB")
    return replace(
        colour,
        family=target.family,
        bits=target.bits,
        is_float=target.is_float,
        sub_w=target.sub_w,
        sub_h=target.sub_h,
    )
