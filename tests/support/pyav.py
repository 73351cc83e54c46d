"""Small clips made with PyAV, for the tests of its face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vsdeblur.filters.pyav import Report, transcode
from vsdeblur.filters.pyav.format import layout

FAST = {"preset": "ultrafast"}


def picture(n: int, width: int, height: int, name: str = "yuv420p") -> av.VideoFrame:
    """Frame n of a smooth pattern that moves by one pixel, in any format with plain samples."""
    frame = av.VideoFrame(width, height, name)
    form = layout(name)
    components = []
    for index, plane in enumerate(form.read(frame)):
        h, w = plane.shape
        y, x = np.mgrid[:h, :w]
        wave = 0.5 + 0.3 * np.sin((x + n * w / width) / 5 + index) * np.cos(y / 7)
        if form.is_float:
            components.append(wave.astype(plane.dtype))
        else:
            components.append(np.rint(wave * ((1 << form.bits) - 1)).astype("u1" if form.bits == 8 else "u2"))
    form.write(frame, components)
    return frame


def frames(
    count: int = 6,
    size: tuple[int, int] = (48, 32),
    name: str = "yuv420p",
    pts: Sequence[int] | None = None,
    tick: Fraction = Fraction(1, 30),
) -> Iterator[av.VideoFrame]:
    for n in range(count):
        frame = picture(n, *size, name)
        frame.pts, frame.time_base = (n if pts is None else pts[n]), tick
        yield frame


def write_clip(
    path: Path,
    count: int = 12,
    size: tuple[int, int] = (48, 32),
    rate: Fraction = Fraction(30),
    *,
    codec: str = "libx264",
    name: str = "yuv420p",
    times: Sequence[Fraction] | None = None,
    options: dict[str, str] | None = None,
    audio: str | None = None,
    subtitles: str | None = None,
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
    aspect: Fraction | None = None,
    rotation: int | None = None,
    metadata: dict[str, str] | None = None,
    chapters: bool = False,
    attachment: bool = False,
    tick: Fraction | None = None,
    timecode: str | None = None,
    telemetry: bool = False,
) -> Path:
    """tags: primaries, transfer, matrix, range. times: of every frame in seconds, for a variable rate."""
    duration = count / rate if times is None else times[-1] + 1 / rate
    with av.open(str(path), "w") as output:
        output.metadata.update(metadata or {})
        video: Any = output.add_stream(codec, rate=rate, options={"g": "6", **(options or {})})
        video.width, video.height, video.pix_fmt = *size, name
        context = video.codec_context
        context.time_base = tick = tick or (1 / rate if times is None else Fraction(1, 90_000))
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation:
            video.set_display_rotation(rotation)
        if timecode:
            video.metadata["timecode"] = timecode
        data: Any = output.add_data_stream("klv") if telemetry else None
        sound = _add_sound(output, audio) if audio else None
        text = output.add_mux_stream(subtitles) if subtitles else None
        if text is not None:
            text.metadata["language"] = "fre"
        if attachment:
            output.add_attachment("note.txt", "text/plain", b"kept as it is")
        if chapters:
            output.set_chapters([_chapter(0, duration / 2, "first"), _chapter(duration / 2, duration, "second")])
        for n in range(count):
            frame = picture(n, *size, name)
            time = n / rate if times is None else times[n]
            frame.pts, frame.time_base = round(time / tick), tick
            output.mux(video.encode(frame))
        output.mux(video.encode())
        for n in range(3 if telemetry else 0):
            packet: Any = av.Packet(bytes([n]) * 40)
            packet.stream, packet.pts, packet.dts, packet.time_base = data, 300 * n, 300 * n, Fraction(1, 1000)
            output.mux(packet)
        if sound is not None:
            _write_sound(output, sound, duration)
        if text is not None:
            _write_text(output, text, subtitles or "", duration)
    return path


def _chapter(start: Fraction, end: Fraction, title: str) -> Any:
    tick = Fraction(1, 1000)
    return {
        "id": round(start * 10) + 1,
        "start": round(start / tick),
        "end": round(end / tick),
        "time_base": tick,
        "metadata": {"title": title},
    }


def _add_sound(output: Any, codec: str) -> Any:
    sound = output.add_stream(codec, rate=48_000)
    sound.codec_context.layout = "mono"
    sound.metadata["language"] = "ger"
    return sound


def _write_sound(output: Any, sound: Any, duration: Fraction) -> None:
    total = round(duration * 48_000)
    wave = np.sin(np.arange(total) / 30).astype("f4")
    form = "fltp" if sound.codec_context.codec.name == "aac" else "s16"
    step = 1024
    for begin in range(0, total, step):
        part = wave[begin : begin + step]
        samples = part[None] if form == "fltp" else (part * 20_000).astype("i2")[None]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), form, "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, begin, Fraction(1, 48_000)
        output.mux(sound.encode(frame))
    output.mux(sound.encode())


def _write_text(output: Any, text: Any, codec: str, duration: Fraction) -> None:
    words = b"hello"
    packet: Any = av.Packet(words if codec != "mov_text" else len(words).to_bytes(2, "big") + words)
    packet.stream, packet.time_base = text, Fraction(1, 1000)
    packet.pts = packet.dts = 100
    packet.duration = round(duration * 1000) - 200
    output.mux(packet)


def decode(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def packets(path: Path, kind: str, index: int = 0) -> list[tuple[Fraction, Fraction, bytes]]:
    """(time, duration, data) of every packet of a stream, in the file's order."""
    with av.open(str(path)) as container:
        stream = [stream for stream in container.streams if stream.type == kind][index]
        tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        return [
            (packet.pts * tick, (packet.duration or 0) * tick, bytes(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]


def times(path: Path) -> list[Fraction]:
    """When every frame is shown, in order."""
    return [
        frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator)
        for frame in decode(path)
        if frame.pts is not None
    ]


def flip_bytes(path: Path, target: Path, begin: float, end: float, count: int = 200) -> Path:
    """A copy with ``count`` bytes between two fractions of the file destroyed."""
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for index in rng.integers(int(len(data) * begin), int(len(data) * end), count):
        data[index] ^= int(rng.integers(1, 256))
    target.write_bytes(bytes(data))
    return target


def run(src: Path | str, dst: Path | str, factor: object = 2, **arguments: object) -> Report:
    arguments.setdefault("shutter", 0.5)
    arguments.setdefault("encoder_options", FAST if "codec" not in arguments else {})
    return transcode(src, dst, factor, **arguments)


def run_fast(src: Path | str, dst: Path | str, factor: object = 2, **arguments: object) -> Report:
    """For tests of what lies around the pictures: preset "fast", which takes a fraction of the time."""
    return run(src, dst, factor, **{"preset": "fast", **arguments})


def video(path: Path) -> dict[str, object]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        aspect = stream.sample_aspect_ratio
        return {
            "codec": context.codec.name,
            "format": context.pix_fmt,
            "size": (context.width, context.height),
            "tags": (context.color_primaries, context.color_trc, context.colorspace, context.color_range),
            "aspect": Fraction(aspect.numerator, aspect.denominator or 1),
            "side": set(context.coded_side_data),
            "rate": Fraction(stream.average_rate.numerator, stream.average_rate.denominator),
        }
