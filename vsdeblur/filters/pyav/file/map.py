"""The map of a job: a video of how each place of every output was restored, in colours over its grey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from vsdeblur.errors import ArgumentError
from vsdeblur.files import check_target, written
from vsdeblur.filters.pyav.file import target as target_file
from vsdeblur.filters.pyav.file.coder import Coder
from vsdeblur.filters.pyav.file.encoder import Encoder, add_stream, start
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.format import layout

if TYPE_CHECKING:
    from torch import Tensor

_ENDINGS = (".mp4", ".mkv", ".mov")
_OPTIONS = {"crf": "18", "preset": "veryfast"}  # flat colours: little to be lost
_COLOURED = 0.55  # of a map's colours, the rest is the picture


def check_map(path: Path, source: str, target: str, overwrite: bool) -> None:
    """Refuse, before any work, a map that cannot be written. Raises DeblurError."""
    if path.suffix.lower() not in _ENDINGS:
        raise ArgumentError("map", str(path), f"a file name that ends in {', '.join(_ENDINGS)}")
    if target != "-" and path.resolve() == Path(target).resolve():
        raise ArgumentError("map", str(path), "another file than the output")
    check_target(path, source, overwrite, "map")


@contextmanager
def mapping(path: Path | None) -> Iterator[MapVideo | None]:
    """What writes a map to ``path``, under its name once the block has ended well; None for None."""
    if path is None:
        yield None
        return
    with written(path) as temporary, ExitStack() as stack:
        yield MapVideo(temporary, path, stack)


class MapVideo:
    """A map that is written as the outputs come, with their times."""

    def __init__(self, temporary: Path, path: Path, stack: ExitStack) -> None:
        """stack: closes the file."""
        self._temporary, self._path, self._stack = temporary, path, stack
        self._coder: Coder | None = None
        self._sum: Tensor | None = None
        self._frames = 0

    def begin(self, source: Source, tick: Fraction, rate: Fraction, warn: Callable[[str], None]) -> None:
        """Say what it is of, before the first output.

        Args:
            source: Whose shape of pixels and rotation it has.
            tick: Time base of the outputs.
            rate: Their nominal rate.
            warn: Where remarks go.
        """
        self._source, self._tick, self._rate, self._warn = source, tick, rate, warn

    @property
    def shares(self) -> list[float]:
        """The mean share of each of ``vsdeblur.engine.ways.WAYS`` so far; none before the first output."""
        return [] if self._sum is None else (self._sum / self._frames).tolist()

    def add(self, output: av.VideoFrame, ways: Tensor, time: Fraction, duration: Fraction) -> None:
        """The map of an output, shown at ``time`` for ``duration`` seconds. ways: as of ``map_frame``."""
        frame = map_frame(output, ways)
        coder = self._coder or self._opened(frame)
        target_file.put(self._output, coder.encode(frame, time, duration), self._warn)
        mean = ways.mean((1, 2))
        self._sum = mean if self._sum is None else self._sum + mean
        self._frames += 1

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._coder is not None:
            target_file.put(self._output, self._coder.finish(), self._warn)

    def _opened(self, frame: av.VideoFrame) -> Coder:
        encoder = Encoder("libx264", layout("yuv420p"), dict(_OPTIONS))
        self._output = self._stack.enter_context(target_file.muxer(self._temporary, self._path, ()))
        stream = add_stream(self._output, encoder, frame, self._source, self._tick, self._rate)
        start(self._output, stream, encoder)
        self._coder = Coder(stream, self._tick, encoder)
        return self._coder


def map_frame(frame: av.VideoFrame, ways: Tensor) -> av.VideoFrame:
    """An output in grey under the colours of its ways, yuv420p of BT.709; an odd last row or column is left out.

    Args:
        frame: The output.
        ways: (n, h, w), see ``vsdeblur.engine.mapped``.
    """
    import torch
    import torch.nn.functional as F

    from vsdeblur.engine.ways import WAYS

    grey = torch.from_numpy(frame.reformat(format="gray", dst_color_range="JPEG").to_ndarray()).float()
    over = torch.tensor([(*(way.colour or (0, 0, 0)), 255.0 * (way.colour is not None)) for way in WAYS])
    small = torch.einsum("khw,kc->chw", ways.float(), over)
    *colours, covered = F.interpolate(small[None], grey.shape[-2:], mode="bilinear")[0]
    kept = grey * (1 - _COLOURED * covered / 255)
    picture = torch.stack([kept + _COLOURED * colour for colour in colours], -1)
    height, width = (max(side & ~1, 2) for side in grey.shape)
    rgb = np.ascontiguousarray(picture[:height, :width].round().clamp(0, 255).to(torch.uint8).numpy())
    drawn = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
    )
    drawn.colorspace, drawn.color_range, drawn.color_primaries, drawn.color_trc = 1, 1, 1, 1
    return drawn
