"""The frame rate of a video stream, as it is stated or as its timestamps tell it, and when it ends."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from typing import Any

import av
from av.video.stream import VideoStream

from vsdeblur.filters.pyav.stamps import LEAP, exact, rate_of_times

_SLOW = 240  # frames per second up to which a rate is taken that equals the ticks of the time base
_PACKETS = 300  # that a rate is measured on


def stated_rate(video: VideoStream) -> Fraction | None:
    """The average rate, unless the container's guess is close to it and rounder; None where there is none."""
    average, guess = exact(video.average_rate), exact(video.guessed_rate)
    if average and guess and abs(guess - average) < average / 100:
        return guess
    return average or guess or None


def is_time_base(rate: Fraction, video: VideoStream) -> bool:
    """Whether a rate may be no rate but the number of ticks per second, as for files that state none."""
    return rate > _SLOW and rate * exact(video.time_base) >= 1


def is_diluted(rate: Fraction, video: VideoStream) -> bool:
    """Whether an average rate may have a leap of hours in it: there the list of samples has one."""
    guess = exact(video.guessed_rate)
    if not guess or rate > guess / 2:
        return False
    tick = exact(video.time_base)
    times = sorted(entry.timestamp * tick for entry in video.index_entries)
    return any(b - a > LEAP for a, b in pairwise(times))


def measured_rate(container: Any, index: int) -> Fraction | None:
    """By the timestamps of the first packets of a stream; None where there are fewer than two."""
    packets = islice(container.demux(container.streams[index]), _PACKETS)
    stamps = [packet.pts if packet.pts is not None else packet.dts for packet in packets if packet.size]
    tick = exact(container.streams[index].time_base)
    return rate_of_times(stamp * tick for stamp in stamps if stamp is not None)


def closing_time(container: Any, video: VideoStream, origin: Fraction) -> Fraction | None:
    """When the video ends by its header, seconds; None where that does not say.

    origin: the first timestamp of the file.
    """
    if video.duration:
        return origin + video.duration * exact(video.time_base)
    if not container.duration or any(stream.type != "video" for stream in container.streams):
        return None
    length = Fraction(container.duration, av.time_base)
    # Matroska counts from 0 where FFmpeg wrote it, from the first timestamp where others did.
    return length if "matroska" in container.format.name and length > origin else origin + length
