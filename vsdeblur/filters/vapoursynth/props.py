"""Frame properties of VapourSynth: colour, time and cuts of a frame, and the properties of an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import vapoursynth as vs

from vsdeblur.colour.planes import SITINGS, Colour, Family
from vsdeblur.colour.tags import colour_from_tags
from vsdeblur.errors import InputError
from vsdeblur.settings import Options
from vsdeblur.timing import first_shown, shown_frame

Props = Mapping[str, Any]
_FAMILIES: dict[int, Family] = {vs.GRAY: "GRAY", vs.RGB: "RGB", vs.YUV: "YUV"}
_INT64 = 2**63 - 1


def integer(props: Props, key: str) -> int | None:
    """A property that should be one integer; None where it is missing or something else."""
    value = props.get(key)
    return value if isinstance(value, int) else None


def refuse_fields(props: Props, number: int) -> None:
    """Raises InputError for an interlaced frame."""
    fields = integer(props, "_FieldBased")
    if fields:
        raise InputError(
            f"frame {number} is interlaced (_FieldBased={fields}): deinterlace first, with QTGMC or bwdif for instance,"
            " or set _FieldBased=0 if it is not"
        )


def colour_of(fmt: vs.VideoFormat, height: int, props: Props, transfer: str | None = None) -> Colour:
    """How the planes of a frame hold its picture; the stated defaults where props are missing or out of range."""
    full = integer(props, "_Range")
    if full is None:
        limited = integer(props, "_ColorRange")  # the old name, the other way round
        full = None if limited is None else 1 - limited
    chroma = integer(props, "_ChromaLocation")
    return colour_from_tags(
        _FAMILIES[fmt.color_family],
        fmt.bits_per_sample,
        fmt.sample_type == vs.FLOAT,
        fmt.subsampling_w or 0,
        fmt.subsampling_h or 0,
        height,
        matrix=integer(props, "_Matrix"),
        transfer=integer(props, "_Transfer"),
        full_range=None if full is None else full != 0,
        chroma=SITINGS[chroma] if chroma is not None and 0 <= chroma < len(SITINGS) else None,
        transfer_override=transfer,
    )


def alpha_colour(fmt: vs.VideoFormat) -> Colour:
    """Alpha is a share, not light: full range, taken as it is."""
    return Colour("GRAY", fmt.bits_per_sample, fmt.sample_type == vs.FLOAT, 0, 0, "bt709", "linear", True, "left")


@dataclass(frozen=True, slots=True)
class ClipTiming:
    """How the clip runs.

    Attributes:
        total: Its number of frames.
        rate: Frames per second, None where only frames have durations.
        uniform: Whether the output has a fixed rate of its own, whatever the durations of the source.
    """

    total: int
    rate: Fraction | None
    uniform: bool


@dataclass(frozen=True, slots=True)
class WindowProps:
    """The properties of successive frames.

    Attributes:
        start: Number in the clip of the first of them.
        props: Of each frame.
        options: The arguments.
        timing: Of the clip.
    """

    start: int
    props: Sequence[Props]
    options: Options
    timing: ClipTiming

    def durations(self) -> list[Fraction | None]:
        """How long each frame is shown, in seconds; None where a frame does not say."""
        period = 1 / self.timing.rate if self.timing.rate else None
        return [_duration(props) or period for props in self.props]

    def shown_for(self) -> list[Fraction]:
        """How long each frame is shown; of a constant rate, and where that is not known, one period each."""
        return self._varying() or [Fraction(1)] * len(self.props)

    def _varying(self) -> list[Fraction] | None:
        """The durations, None where they do not vary or are not known."""
        known = [d for d in self.durations() if d is not None]
        if self.timing.rate is not None or len(known) < len(self.props) or min(known) == max(known):
            return None
        return known

    def host_cuts(self) -> frozenset[int]:
        """Frames that open a scene, by the properties of the host's scene detection."""
        prev = {self.start + i for i, props in enumerate(self.props) if integer(props, "_SceneChangePrev")}
        following = {self.start + i + 1 for i, props in enumerate(self.props) if integer(props, "_SceneChangeNext")}
        return frozenset(prev | following)

    def write(self, out: vs.FrameProps, output: int, cuts: frozenset[int]) -> None:
        """Turn a source frame's properties into those of an output that shows it.

        Args:
            out: A copy of the source frame's.
            output: Number of the output.
            cuts: Numbers of the source frames that open a scene.
        """
        factor = self.options.factor
        n = shown_frame(output, factor)
        position = Fraction(output) / factor - self.start
        _set_duration(out, self._output_duration(position))
        self._set_time(out, n - self.start, position)
        if self.options.scene_cuts is False or (self.options.single_frame and self.options.scene_cuts is True):
            cuts = self.host_cuts()  # unused in solving, yet the host's marks must sit on the right sub-frames
            if not any("_SceneChangePrev" in props or "_SceneChangeNext" in props for props in self.props):
                return
        out["_SceneChangePrev"] = int(n in cuts and output == first_shown(n, factor))
        out["_SceneChangeNext"] = int(n + 1 in cuts and output + 1 == self._first_of_next(n))

    def _first_of_next(self, n: int) -> int:
        factor = self.options.factor
        following = first_shown(n + 1, factor)
        return min(following, int(self.timing.total * factor)) if n + 1 == self.timing.total else following

    def _output_duration(self, position: Fraction) -> Fraction | None:
        if self.timing.uniform and self.timing.rate:
            return 1 / (self.timing.rate * self.options.factor)
        return self._elapsed(position, position + 1 / self.options.factor)

    def _elapsed(self, begin: Fraction, end: Fraction) -> Fraction | None:
        """Seconds between two positions, in source periods from the window's first frame; None where unknown.

        Beyond the window (a few sub-frames at its ends may reach out) the nearest frame's duration holds on.
        """
        durations = self.durations()
        total = Fraction(0)
        while begin < end:
            cell = begin // 1
            stop = min(end, Fraction(cell + 1))
            duration = durations[min(max(cell, 0), len(durations) - 1)]
            if duration is None:
                return None
            total += (stop - begin) * duration
            begin = stop
        return total

    def _set_time(self, out: vs.FrameProps, index: int, position: Fraction) -> None:
        """_AbsoluteTime is that of the source frame, moved to the output's own timestamp; dropped where unknown."""
        time = self.props[index].get("_AbsoluteTime")
        if "_AbsoluteTime" in out:
            del out["_AbsoluteTime"]
        if not isinstance(time, float):
            return
        early, late = sorted((Fraction(index), position))
        offset = self._elapsed(early, late)
        if offset is not None:
            out["_AbsoluteTime"] = time + float(offset if position >= index else -offset)


def _duration(props: Props) -> Fraction | None:
    num, den = integer(props, "_DurationNum"), integer(props, "_DurationDen")
    return Fraction(num, den) if num and den and num > 0 and den > 0 else None


def representable(value: Fraction) -> Fraction | None:
    """A rate or duration as two 64-bit integers can hold it (rounded only where they cannot); None where none can."""
    if max(value.numerator, value.denominator) > _INT64:
        value = value.limit_denominator(1_000_000_000)
    return value if 0 < value.numerator <= _INT64 else None


def _set_duration(out: vs.FrameProps, duration: Fraction | None) -> None:
    held = None if duration is None else representable(duration)
    if held is not None:
        out["_DurationNum"], out["_DurationDen"] = held.numerator, held.denominator
        return
    for key in ("_DurationNum", "_DurationDen"):
        if key in out:
            del out[key]
