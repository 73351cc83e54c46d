"""Hostile inputs, each made from a number: the same number is the same case."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.support.pyav import write_clip

CLIPS = {  # container: codec, sound
    "mp4": ("libx264", "aac"),
    "mkv": ("ffv1", "pcm_s16le"),
    "avi": ("mpeg4", None),
    "ts": ("libx264", "aac"),
    "webm": ("libvpx", None),
    "mov": ("prores_ks", "pcm_s16le"),
}
PICTURES = ("png", "jpg", "tif", "webp")
NUMBERS = (
    "0",
    "-1",
    "1e400",
    "1e-400",
    "nan",
    "inf",
    "1e1000000000",
    "1/0",
    "9" * 200,
    "",
    " ",
    "0x10",
    "٣",
    "1/50",
    "2",
)
VALUES = {
    "--factor": (*NUMBERS, "5/2", "1.0000001", "16", "17"),
    "--fps": (*NUMBERS, "59.94", "30000/1001", "10001"),
    "--source-fps": (*NUMBERS, "24", "0.001", "10000"),
    "--shutter": (*NUMBERS, "180deg", "1/50s", "361deg", "1e9s", "auto", "telemetry", "5ms"),
    "--out-shutter": (*NUMBERS, "0.5", "180deg", "1/50s"),
    "--readout": (*NUMBERS, "0.5", "5ms", "auto", "telemetry"),
    "--preset": ("fast", "slow", ""),
    "--transfer": ("srgb", "pq", "response1.9", "response9", "response1e5", "fit", ""),
    "--matrix": ("bt709", "rgb", ""),
    "--range": ("full", "limited", "pc"),
    "--primaries": ("bt2020", "srgb"),
    "--max-memory": (*NUMBERS, "2GiB", "64MiB", "1e30GiB", "9" * 40 + "T"),
    "--device": ("cpu", "cuda:999999999999", "mps", "gpu"),
    "--flow": ("dis", "blur:", "blur:/dev/zero", "blur:/", "raft:x", "ptlflow::", "callable"),
    "--prior": (
        "tv",
        "onnx:/dev/zero",
        "torchscript:/dev/zero",
        "video:/dev/zero",
        "video:",
        "deepinv::",
        "fastdvdnet:/",
        "nothing",
    ),
    "--solver": ("keyframes", "unrolled:", "unrolled:/", "unrolled:/dev/zero", "admm", "asap"),
    "--scene-cuts": ("on", "off", "1,2", "1,,2", "9" * 100, "-1"),
    "--start": (*NUMBERS, "0:0:0.1", "1:2:3:4:5", "99999:0:0"),
    "--duration": (*NUMBERS, "0.1"),
    "--slow": (*NUMBERS, "2"),
    "--codec": ("libx264", "ffv1", "aac", "nothing", "rawvideo", "gif", "png"),
    "--pixel-format": ("yuv420p", "yuv444p", "pal8", "nothing", ""),
    "--crf": (*NUMBERS, "20"),
    "--encoder-option": ("tune=film", "=", "preset=nothing", "threads=-5", "g=1e9", "nothing=1"),
}
FLAGS = ("--overwrite", "--resume", "--strict", "--progressive", "--no-duplicates", "--quiet", "--json")
TARGETS = (
    "o.mp4",
    "o.mkv",
    "o.y4m",
    "o.gif",
    "o.ts",
    "12:30.mp4",
    "x" * 300 + ".mp4",
    "o",
    ".",
    "missing/o.mp4",
    "o.%d.mp4",
)
WORK = ("--preset", "fast", "--shutter", "0.5", "--quiet", "--overwrite")


@lru_cache
def clip(end: str) -> bytes:
    """A few small frames in a container."""
    codec, sound = CLIPS[end]
    name = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip.{end}"
        return write_clip(path, 4, (32, 32), codec=codec, name=name, audio=sound, tick=Fraction(1, 30)).read_bytes()


@lru_cache
def picture(end: str) -> bytes:
    """A small photograph of noise, with Exif where the format has it."""
    import cv2

    pixels = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    return bytes(cv2.imencode(f".{end}", cv2.GaussianBlur(pixels, (5, 5), 2))[1].tobytes())


@lru_cache
def weights(name: str) -> bytes:
    """The project's own."""
    import vsdeblur.weights

    return (Path(vsdeblur.weights.__file__).parent / f"{name}.safetensors").read_bytes()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """With bits flipped, a hole, a piece twice, or an end that is missing."""
    broken = bytearray(data)
    way = chance.random()
    if way < 0.6:
        near = chance.choice((len(data), min(len(data), 400)))  # heads have more to break
        for _ in range(2 ** chance.randrange(7)):
            broken[chance.randrange(near)] ^= 1 << chance.randrange(8)
    elif way < 0.75:
        del broken[chance.randrange(len(broken)) :]
    else:
        begin = chance.randrange(len(broken))
        piece = broken[begin : begin + 2 ** chance.randrange(12)]
        broken[begin : begin + len(piece)] = chance.choice((bytes(len(piece)), b"\xff" * len(piece), piece * 2))
    return bytes(broken)


def video(folder: Path, chance: random.Random) -> list[str]:
    """A damaged file of one of six containers, transcoded or inspected."""
    end = chance.choice(tuple(CLIPS))
    source = folder / f"in.{end}"
    source.write_bytes(damaged(clip(end), chance))
    if chance.random() < 0.2:
        return ["inspect", str(source), "--no-time", "--preset", "fast", "--frames", "4"]
    return ["transcode", str(source), str(folder / chance.choice(("o.mkv", "o.mp4", "o.y4m"))), *WORK]


def y4m(folder: Path, chance: random.Random) -> list[str]:
    """y4m with odd headers, or cut."""
    size = chance.choice(
        ("W16 H16", "W17 H15", "W1 H1", "W0 H0", "W999999 H999999", "W-4 H4", "W16", f"W{'9' * 30} H2")
    )
    rate = chance.choice(("F25:1", "F0:0", "F1:0", "F30000:1001", "F-1:1", f"F{'9' * 20}:1", ""))
    space = chance.choice(("C420jpeg", "C444p16", "Cmono", "C420p10", "C444alpha", "Cnothing", ""))
    head = f"YUV4MPEG2 {size} {rate} {chance.choice(('Ip', 'It', 'Im', ''))} {space}\n".encode()
    frames = b"".join(b"FRAME\n" + chance.randbytes(384) for _ in range(chance.randrange(5)))
    data = head + frames
    (folder / "in.y4m").write_bytes(damaged(data, chance) if chance.random() < 0.5 else data)
    return ["transcode", str(folder / "in.y4m"), str(folder / "o.mkv"), *WORK]


def still(folder: Path, chance: random.Random) -> list[str]:
    """A damaged picture, deblurred."""
    end = chance.choice(PICTURES)
    source = folder / f"in.{end}"
    source.write_bytes(damaged(picture(end), chance))
    return ["image", str(source), str(folder / f"o.{chance.choice(PICTURES)}"), "--overwrite"]


def network(folder: Path, chance: random.Random) -> list[str]:
    """Weights with broken bytes or wild values."""
    option, name = chance.choice(
        (("--flow=blur", "motion"), ("--solver=unrolled", "unrolled"), ("--prior=video", "denoiser"))
    )
    data = weights(name)
    if chance.random() < 0.6:
        from safetensors.torch import load, save

        tensors = load(data)
        part = tensors[chance.choice(sorted(tensors))]
        part.view(-1)[chance.randrange(part.numel())] = chance.choice((float("nan"), float("inf"), 1e30, -1e38, 1e5))
        data = save(tensors)
    else:
        data = damaged(data, chance)
    path = folder / "own.safetensors"
    path.write_bytes(data)
    (folder / "in.mp4").write_bytes(clip("mp4"))
    return ["transcode", str(folder / "in.mp4"), str(folder / "o.mkv"), *WORK, f"{option}:{path}"]


def manifest(folder: Path, chance: random.Random) -> list[str]:
    """A folder of finished segments that somebody else wrote."""
    (folder / "in.mp4").write_bytes(clip("mp4"))
    parts = folder / "o.mkv.vsdeblur-parts"
    parts.mkdir()
    wild = (None, -1, 10**30, "x", [], {}, [1], True, 1.5)
    names = ("part", "begin", "end", "last", "frames", "packets", "bytes", "sha256", "arguments", "settings")
    content = {name: chance.choice(wild) for name in names}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    whole = {"vsdeblur": chance.choice((2, 2, *wild)), "sha256": digest, "segment": content}
    text = json.dumps(whole).encode()
    (parts / "000000.json").write_bytes(damaged(text, chance) if chance.random() < 0.5 else text)
    (parts / "000000.packets").write_bytes(chance.randbytes(chance.randrange(200)))
    return ["transcode", str(folder / "in.mp4"), str(folder / "o.mkv"), *WORK, "--resume"]


def arguments(folder: Path, chance: random.Random) -> list[str]:
    """Options and values that do not go together."""
    (folder / "in.mp4").write_bytes(clip("mp4"))
    command = ["transcode", str(folder / "in.mp4"), str(folder / chance.choice(TARGETS[: chance.choice((1, 20))]))]
    for option in chance.sample(sorted(VALUES), chance.randrange(1, 4)):
        command += [f"{option}={chance.choice(VALUES[option])}"]
    command += chance.sample(FLAGS, chance.randrange(3))
    return command if "--preset" in " ".join(command) else [*command, "--preset", "fast"]


KINDS: dict[str, Callable[[Path, random.Random], list[str]]] = {
    "video": video,
    "y4m": y4m,
    "still": still,
    "network": network,
    "manifest": manifest,
    "arguments": arguments,
}
SHARES = ("video", "video", "video", "arguments", "arguments", "y4m", "still", "network", "manifest")


def build(number: int, folder: Path, kinds: tuple[str, ...] = SHARES) -> tuple[str, list[str]]:
    """The kind of case ``number`` and its command; its files are written into a folder."""
    chance = random.Random(number)
    kind = kinds[number % len(kinds)]
    return kind, KINDS[kind](folder, chance)
