"""``transcode``: whole files with all their streams. Decoded frames and facts are compared, not containers' bytes."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.av_pictures import frame_parts, frames_of
from identical_jobs.scenes import Array, film

BT709 = (1, 1, 1, 1)
_RATE = 48_000
# In pictures as small as these x264's macroblock tree reads memory that nobody wrote: the same frames, other bytes.
SAME_X264 = "mbtree=0"


def write(
    path: Path,
    video: Array,
    form: str = "yuv420p",
    *,
    codec: str = "libx264",
    sound: bool = False,
    pts: Any = None,
    tick: Fraction = Fraction(1, 30),
    tags: tuple[int, int, int, int] = BT709,
) -> None:
    """A small file; sound: a tone, in AAC."""
    import av

    with av.open(str(path), "w") as output:
        options = {"g": "6", "preset": "ultrafast", "crf": "8"} if codec == "libx264" else {}
        stream: Any = output.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = video.shape[-1], video.shape[-2], form
        context = stream.codec_context
        context.time_base = tick
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        track: Any = output.add_stream("aac", rate=_RATE) if sound else None
        if track is not None:
            track.codec_context.layout = "mono"
        for frame in frames_of(video, form, pts, tick):
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if track is not None:
            _add_tone(output, track, len(video) / 30)


def _add_tone(output: Any, track: Any, seconds: float) -> None:
    import av

    wave = np.sin(np.arange(round(seconds * _RATE)) / 30).astype(np.float32)
    for begin in range(0, len(wave), 1024):
        frame: Any = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, begin, Fraction(1, _RATE)
        output.mux(track.encode(frame))
    output.mux(track.encode())


def contents(path: Path) -> Parts:
    """Facts of all streams, times of all packets, decoded frames of the video."""
    import av

    with av.open(str(path)) as container:
        yield "container", f"{container.format.name} {container.duration} {len(container.chapters())} chapters"
        stream: Any
        for stream in container.streams:
            context: Any = stream.codec_context
            facts = [stream.type, context.name, str(stream.time_base), stream.duration, stream.metadata.get("language")]
            if stream.type == "video":
                tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
                facts += [context.pix_fmt, context.width, context.height, str(stream.average_rate), *map(int, tags)]
                facts += [str(stream.sample_aspect_ratio)]
            yield f"stream {stream.index}", repr(facts)
        packets: dict[int, list[Any]] = {}
        for packet in container.demux():
            if packet.size:
                length = packet.size if packet.stream.type == "audio" else None
                packets.setdefault(packet.stream_index, []).append((packet.pts, packet.dts, packet.duration, length))
        for index, times in packets.items():
            yield f"packets {index}", repr(times)
    with av.open(str(path)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            yield from frame_parts(f"frame {n}", frame)


def reported(report: Any) -> Parts:
    """All fields but the seconds."""
    yield "report", repr({name: value for name, value in report.as_dict().items() if name != "seconds"})


def transcoded(source: str, target: str, **options: Any) -> Parts:
    from vsdeblur.filters.pyav import transcode

    rate: dict[str, Any] = {} if options.keys() & {"fps", "slow"} else {"factor": 2}
    chosen: dict[str, Any] = {"shutter": 0.5, "preset": "fast"} | rate | options
    if not target.endswith(".y4m") and chosen.get("codec") != "ffv1":
        chosen["encoder_options"] = {"x264-params": SAME_X264}
    yield from reported(transcode(source, target, **chosen))
    if target.endswith(".y4m"):
        yield "bytes", np.frombuffer(Path(target).read_bytes(), np.uint8)
    else:
        yield from contents(Path(target))


@job("files/mp4-sound", quick=True)
@job("files/mkv-auto", target="out.mkv", shutter=None, readout="auto")
@job("files/fit", transfer="fit", shutter="auto")
@job("files/fps", fps=50)
@job("files/slow", slow=2)
@job("files/part", start=0.1, duration="0:00:00.2")
@job("files/y4m", target="out.y4m")
@job("files/lossless", codec="libx264", crf=0, target="out.mkv")
def ordinary(target: str = "out.mp4", **options: Any) -> Parts:
    write(Path("in.mp4"), film(10, (96, 64), speed=7, shutter=0.8), sound=True)
    yield from transcoded("in.mp4", target, **options)


@job("files/vfr")
def variable() -> Parts:
    times = [round(90 * t) for t in (0, 40, 79, 165, 180, 240, 281, 320)]
    write(Path("in.mkv"), film(8, (96, 64)), pts=times, tick=Fraction(1, 90_000))
    yield from transcoded("in.mkv", "out.mkv")


@job("files/repeats")
def repeats() -> Parts:
    write(Path("in.mp4"), film(8, (96, 64))[[0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7]], sound=True)
    yield from transcoded("in.mp4", "out.mp4")


@job("files/hdr")
def hdr() -> Parts:
    write(Path("in.mkv"), film(5, (96, 64)), "yuv420p10le", codec="ffv1", tags=(9, 16, 9, 1))
    yield from transcoded("in.mkv", "out.mkv", codec="ffv1")


@job("files/resume")
def resumed() -> Parts:
    """Interrupted in the third chunk, then taken up again. A segment is closed by the clock, which runs fast here."""
    from vsdeblur.filters.pyav import transcode

    def stop(done: int, total: int | None, seconds: float, memory: int) -> None:
        if done == 40:
            raise KeyboardInterrupt

    write(Path("in.mkv"), film(32, (64, 48)), sound=True)
    clock, begin = time.monotonic, time.monotonic()
    time.monotonic = lambda: begin + 10_000 * (clock() - begin)
    try:
        options = {"x264-params": SAME_X264}
        transcode(
            "in.mkv", "out.mkv", 2, shutter=0.5, preset="fast", encoder_options=options, resume=True, progress=stop
        )
    except KeyboardInterrupt:
        yield "kept", repr(sorted(path.name for path in Path("out.mkv.vsdeblur-parts").iterdir()))
    finally:
        time.monotonic = clock
    yield from transcoded("in.mkv", "out.mkv", resume=True)
