"""Files as people's devices and programs write them: a builder for each kind of oddity, small and made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import Flags

from tests.support.pyav import picture, write_clip

SIZE = (64, 48)


def joined(path: Path, seconds: Sequence[Fraction], starts: Sequence[Fraction], sound: bool = True) -> Path:
    """MPEG-TS recordings one after the other, each with timestamps of its own from ``starts`` on."""
    whole = b""
    for length, start in zip(seconds, starts, strict=True):
        part = path.with_name("part.ts")
        with av.open(str(part), "w", options={"muxdelay": "0"}) as output:
            video: Any = output.add_stream("libx264", rate=30, options={"g": "15", "bf": "0"})
            video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
            audio: Any = output.add_stream("aac", rate=48_000) if sound else None
            if audio is not None:
                audio.codec_context.layout = "mono"
            for n in range(round(length * 30)):
                frame = picture(n, *SIZE)
                frame.pts, frame.time_base = n + round(start * 30), Fraction(1, 30)
                output.mux(video.encode(frame))
                if audio is not None:
                    _silence(output, audio, n * 1600 + round(start * 48_000), 1600)
            output.mux(video.encode())
            if audio is not None:
                output.mux(audio.encode())
        whole += part.read_bytes()
        part.unlink()
    path.write_bytes(whole)
    return path


def _silence(output: Any, audio: Any, pts: int, samples: int) -> None:
    frame = av.AudioFrame(format="fltp", layout="mono", samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts, frame.time_base = 48_000, pts, Fraction(1, 48_000)
    output.mux(audio.encode(frame))


def with_ambisonics(path: Path) -> Path:
    """Four channels of a sphere beside the picture, in Opus."""
    plain = write_clip(path.with_name("plain.mkv"), 4, SIZE)
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        picture_out = output.add_stream_from_template(source.streams.video[0])
        audio: Any = output.add_stream("libopus", rate=48_000, options={"mapping_family": "2"})
        audio.codec_context.layout = "ambisonic 1"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = picture_out
                output.mux(packet)
        frame = av.AudioFrame(format="s16", layout="ambisonic 1", samples=4800)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        output.mux(audio.encode(frame))
        output.mux(audio.encode())
    plain.unlink()
    return path


def with_decoding_times_alone(path: Path, count: int = 24) -> Path:
    """H.264 with B-frames in AVI, which has no presentation times."""
    return write_clip(path, count, SIZE, options={"bf": "3", "x264-params": "b-adapt=0:scenecut=0", "g": "48"})


def without_rate(path: Path, milliseconds: Sequence[int]) -> Path:
    """WebM as browsers record it: timestamps in milliseconds, and no word of a rate."""
    with av.open(str(path), "w", container_options={"live": "1"}) as output:
        video: Any = output.add_stream("libvpx", rate=30, options={"deadline": "realtime", "b": "500k"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for n, time in enumerate(milliseconds):
            frame = picture(n, *SIZE)
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            output.mux(video.encode(frame))
        output.mux(video.encode())
    data = bytearray(path.read_bytes())
    at = data.find(b"\x23\xe3\x83")  # DefaultDuration becomes Void
    length = data[at + 3] & 0x7F
    data[at : at + 4 + length] = bytes([0xEC, 0x80 | (2 + length)]) + bytes(2 + length)
    path.write_bytes(data)
    return path


def starting_late(path: Path, start: int, count: int = 30) -> Path:
    """A recording whose timestamps begin after ``start`` seconds."""
    return write_clip(path, count, SIZE, times=[start + Fraction(n, 30) for n in range(count)])


def partly_interlaced(path: Path, progressive: int, interlaced: int) -> Path:
    """MPEG-2 of which the later frames are interlaced."""
    packets: list[bytes] = []
    for count, fields in ((progressive, False), (interlaced, True)):
        coder: Any = av.CodecContext.create("mpeg2video", "w")
        coder.width, coder.height, coder.pix_fmt = *SIZE, "yuv420p"
        coder.time_base, coder.framerate, coder.bit_rate = Fraction(1, 25), Fraction(25), 2_000_000
        coder.options = {"bf": "0", "g": "6"}
        if fields:
            coder.flags |= int(Flags.interlaced_dct) | int(Flags.interlaced_me)
        for n in range(count):
            frame = picture(n, *SIZE)
            frame.pts = n
            packets += [bytes(packet) for packet in coder.encode(frame)]
        packets += [bytes(packet) for packet in coder.encode(None)]
    path.write_bytes(b"".join(packets))
    return path


def with_box(path: Path, box: bytes, kind: bytes = b"avc1") -> Path:
    """A box added to the first video's sample entry, of a kind, of an mp4 whose index is at its end."""
    data = bytearray(path.read_bytes())
    entry = data.find(kind, data.find(b"stsd")) - 4
    end = entry + struct.unpack_from(">I", data, entry)[0]
    data[end:end] = box
    parents = [data.rfind(name, 0, entry) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")]
    for at in (entry, *parents):
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    path.write_bytes(data)
    return path


def box(kind: bytes, data: bytes, full: bool = False) -> bytes:
    """A box of ISO 14496-12; full: with version and flags."""
    content = bytes(4) + data if full else data
    return struct.pack(">I", 8 + len(content)) + kind + content


CROPPED_TO_96X48 = box(b"clap", struct.pack(">8i", 96, 1, 48, 1, 0, 1, 0, 1))
SPHERICAL = box(
    b"sv3d",
    box(b"svhd", b"x\0", True) + box(b"proj", box(b"prhd", bytes(12), True) + box(b"equi", bytes(16), True)),
)

STEREO = box(b"st3d", b"\x01", True)  # top and bottom


def with_unknown_sound(path: Path) -> Path:
    """mov with a sound track of a codec that FFmpeg does not have."""
    write_clip(path, 6, SIZE, audio="aac")
    data = bytearray(path.read_bytes())
    entry = data.find(b"mp4a", data.rfind(b"stsd"))
    described = data.find(b"esds", entry)
    data[described : described + 4] = b"free"
    while 0 < entry < described:
        data[entry : entry + 4] = b"apac"
        entry = data.find(b"mp4a", entry)
    path.write_bytes(data)
    return path


def with_unknown_picture(path: Path, known: bool) -> Path:
    """mp4 whose first video is of a codec that FFmpeg does not have, and a second one of one that it has, or not."""
    with av.open(str(path), "w") as output:
        streams: list[Any] = [output.add_stream("libx264", rate=30) for _ in range(1 + known)]
        for video in streams:
            video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for n in range(4):
            for video in streams:
                frame = picture(n, *SIZE)
                frame.pts, frame.time_base = n, Fraction(1, 30)
                output.mux(video.encode(frame))
        for video in streams:
            output.mux(video.encode())
    data = bytearray(path.read_bytes())
    at = data.find(b"avc1", data.find(b"stsd"))
    data[at : at + 4] = b"zzzz"
    path.write_bytes(data)
    return path


def transparent_webm(path: Path) -> Path:
    """VP9 whose alpha is in a stream of its own within the packets."""
    options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"}
    return write_clip(path, 6, SIZE, codec="libvpx-vp9", name="yuva420p", options=options)


def animation(path: Path, count: int = 6) -> Path:
    """A GIF, APNG or WebP of 25 frames a second."""
    from PIL import Image

    pictures = [Image.fromarray(picture(n, *SIZE, "rgb24").to_ndarray()) for n in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, loop=0)
    return path


def with_hdr10_plus(path: Path) -> Path:
    """A raw HEVC stream whose first frame has dynamic metadata (SMPTE ST 2094-40) in an SEI message."""
    options = {"preset": "ultrafast"}
    write_clip(path, 3, (64, 64), codec="libx265", name="yuv420p10le", tags=(9, 16, 9, 1), options=options)
    # (bits, value): windows, luminance of the display, no actual peak; of the window: maxima, mean, no percentiles,
    # bright pixels; no actual peak, no tone mapping, no saturation.
    fields = [(2, 1), (27, 1000), (1, 0), *[(17, 50_000)] * 3, (17, 9_000), (4, 0), (10, 0), (1, 0), (1, 0), (1, 0)]
    bits = "".join(f"{value:0{count}b}" for count, value in fields)
    bits += "0" * (-len(bits) % 8)
    message = b"\xb5\x00\x3c\x00\x01\x04\x01" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return _with_message(path, b"\x4e\x01", message, behind=b"\x44\x01")


def dolby_vision(profile: int, compatibility: int) -> bytes:
    """The box with the configuration of Dolby Vision: level 1, one layer with its metadata."""
    described = (profile << 9) | (1 << 3) | 0b101
    data = bytes((1, 0)) + struct.pack(">H", described) + bytes((compatibility << 4,)) + bytes(19)
    return box(b"dvcC" if profile < 8 else b"dvvC", data)


def with_dolby_vision(path: Path) -> Path:
    """A raw HEVC stream whose first frame has a unit with Dolby Vision's metadata: all three curves are straight."""
    options = {"preset": "ultrafast", "x265-params": "log-level=error"}
    write_clip(path, 3, (64, 64), codec="libx265", name="yuv420p10le", tags=(9, 16, 9, 1), options=options)
    # Type 2, format, profile 1, level, sequence's values follow, no filter; 23 bits of fractions, normalised, limited
    # range; 10, 10 and 12 bits, no residual; no display management, no mapping of before, number, colours.
    whole = [f"{value:0{count}b}" for count, value in ((6, 2), (11, 18), (4, 1), (4, 0), (1, 1), (1, 0), (2, 0))]
    whole += [_golomb(23), "01", "0", *map(_golomb, (2, 2, 4)), "0", "000", "0", "1", "0", "0", *[_golomb(0)] * 3]
    whole += [_golomb(0) + f"{0:010b}{1023:010b}"] * 3 + [_golomb(0)] * 2
    whole += [(_golomb(0) + _golomb(0) + "0" + (_golomb(0) + f"{0:023b}") + (_golomb(1) + f"{0:023b}"))] * 3
    bits = "".join(whole)
    bits += "0" * (-len(bits) % 8)
    message = b"\x19" + int(bits, 2).to_bytes(len(bits) // 8, "big") + bytes(4) + b"\x80"
    data = path.read_bytes()
    picture_at = data.find(b"\0\0\1", data.find(b"\0\0\1\x44\x01") + 3)  # behind the parameters of pictures
    while data[picture_at + 3] >> 1 > 31:  # a message of the encoder
        picture_at = data.find(b"\0\0\1", picture_at + 3)
    at = data.find(b"\0\0\1", picture_at + 3)
    path.write_bytes(data[:at] + b"\0\0\1\x7c\x01" + _escaped(message) + data[at:])
    return path


def _golomb(value: int) -> str:
    """Bits of an unsigned number as H.264 writes it."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


CAPTION = bytes((0xFC, 0x94, 0x20, 0xFC, 0xC8, 0xE9))  # two pairs of CEA-608


def with_captions(path: Path, frame: int = 0) -> Path:
    """A raw H.264 stream of which a frame, which is a key frame, has ``CAPTION`` (an SEI message of ATSC A/53)."""
    write_clip(path, frame + 3, (64, 64), options={"preset": "ultrafast", "g": str(frame or 6), "bf": "0"})
    message = b"\xb5\x00\x31GA94\x03" + bytes((0x40 | len(CAPTION) // 3, 0xFF)) + CAPTION + b"\xff"
    return _with_message(path, b"\x06", message, behind=b"\x68", last=frame > 0)


def _with_message(path: Path, head: bytes, message: bytes, behind: bytes, last: bool = False) -> Path:
    """An SEI message (ITU-T T.35) put into a raw stream after the first (or last) unit that begins like ``behind``."""
    content = b"\x04" + bytes([len(message)]) + message + b"\x80"
    data = path.read_bytes()
    before = data.rfind(b"\0\0\1" + behind) if last else data.find(b"\0\0\1" + behind)
    at = data.find(b"\0\0\1", before + 3)
    path.write_bytes(data[:at] + b"\0\0\1" + head + _escaped(content) + data[at:])
    return path


def _escaped(content: bytes) -> bytes:
    """With a 3 in front of what would look like a start code."""
    unit, zeros = bytearray(), 0
    for byte in content:
        if zeros == 2 and byte < 4:
            unit.append(3)
            zeros = 0
        unit.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(unit)
