"""``python -m vsdeblur``: pictures, files, pipes, and what is printed."""

from __future__ import annotations

import io
import json
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.files import SAME_X264, contents, write
from identical_jobs.scenes import film, integers, shaken, stored

_TIMES = re.compile(r"\d+(\.\d+)? (s|min|h)\b|\d+(\.\d+)?(e-?\d+)? s each")


def vsdeblur(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command, run in this process."""
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    code: Any = 0
    sys.argv = ["vsdeblur", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            runpy.run_module("vsdeblur", run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = given
    return int(code or 0), out.getvalue(), err.getvalue()


def said(result: tuple[int, str, str]) -> Parts:
    """Exit code and texts, without times."""
    code, out, err = result
    yield "exit code", str(code)
    yield "stdout", _TIMES.sub("TIME", out)
    yield "stderr", _TIMES.sub("TIME", err)


@job("command/image-png", quick=True, name="in.png", bits=8)
@job("command/image-png16", name="in.png", bits=16)
@job("command/image-alpha", name="in.png", bits=8, alpha=True)
@job("command/image-jpeg", name="in.jpg", bits=8)
@job("command/image-tiff16", name="in.tif", bits=16)
def image(name: str, bits: int, alpha: bool = False) -> Parts:
    import cv2

    picture = np.moveaxis(integers(stored(shaken((128, 96))), bits), 0, -1)
    if alpha:
        ramp = np.linspace(0, 255, picture.shape[1]).astype(np.uint8)
        picture = np.dstack([picture, np.broadcast_to(ramp, picture.shape[:2])])
    cv2.imwrite(name, picture)
    target = "out" + Path(name).suffix
    yield from said(vsdeblur("image", name, target, "--estimator", "uniform", "--before-after", "both.png"))
    for written in (target, "both.png"):
        yield f"{written} decoded", np.asarray(cv2.imread(written, cv2.IMREAD_UNCHANGED))
        yield f"{written} bytes", np.frombuffer(Path(written).read_bytes(), np.uint8)


@job("command/transcode")
def transcode() -> Parts:
    write(Path("in.mp4"), film(8, (96, 64)), sound=True)
    options = ("--factor", "2", "--shutter", "180deg", "--preset", "fast", "--json", "--report", "report.json")
    encoder = ("--encoder-option", f"x264-params={SAME_X264}")
    code, out, err = vsdeblur("transcode", "in.mp4", "out.mp4", *options, *encoder)
    yield "exit code", str(code)
    for label, text in (("stdout", out), ("report", Path("report.json").read_text())):
        yield label, repr({name: value for name, value in json.loads(text).items() if name != "seconds"})
    yield "stderr", _TIMES.sub("TIME", err)
    yield from contents(Path("out.mp4"))


@job("command/pipe")
def pipe() -> Parts:
    """y4m in and out, in a process of its own."""
    frames = [stored(frame).mean(0) for frame in film(5, (64, 48))]
    head = b"YUV4MPEG2 W64 H48 F30:1 Ip A1:1 C420jpeg\n"
    grey = bytes([128]) * (2 * 32 * 24)
    data = head + b"".join(b"FRAME\n" + integers(frame, 8).tobytes() + grey for frame in frames)
    command = [sys.executable, "-m", "vsdeblur", "transcode", "-", "-", "--factor", "2", "--preset", "fast", "--quiet"]
    done = subprocess.run([*command, "--shutter", "0.5"], input=data, capture_output=True, check=False)
    yield "exit code", str(done.returncode)
    yield "bytes", np.frombuffer(done.stdout, np.uint8)
    yield "stderr", done.stderr.decode()


@job("command/inspect", quick=True)
def inspect() -> Parts:
    write(Path("in.mp4"), film(12, (96, 64), cuts=(7,)), sound=True)
    for more in (("--factor", "2"), ("--json",)):
        for label, text in said(vsdeblur("inspect", "in.mp4", "--no-time", *more)):
            yield f"{more[0]} {label}", text


@job("command/refusals")
def refusals() -> Parts:
    write(Path("in.mp4"), film(3, (64, 48)))
    for n, arguments in enumerate(
        (
            "",
            "transcode",
            "transcode in.mp4 in.mp4",
            "transcode no-such.mp4 out.mp4",
            "transcode in.mp4 out.nothing",
            "transcode in.mp4 out.mp4 --factor 99",
            "transcode in.mp4 out.mp4 --shutter wide",
            "transcode in.mp4 out.mp4 --readout 2",
            "transcode in.mp4 out.mp4 --fps 1",
            "transcode in.mp4 out.mp4 --slow 2 --factor 2",
            "transcode in.mp4 out.mp4 --start never",
            "transcode in.mp4 out.mp4 --mode both",
            "transcode in.mp4 out.mp4 --scene-cuts perhaps",
            "transcode in.mp4 out.mp4 --codec no-such",
            "transcode in.mp4 out.mp4 --encoder-option tune",
            "transcode in.mp4 out.mp4 --max-memory 1MiB",
            "transcode in.mp4 no-such-folder/out.mp4",
            "transcode in.mp4 out.y4m --crf 3",
            "inspect no-such.mp4",
            "inspect -",
            "image in.mp4 out.png",
            "image in.png",
            "bench no-such.mp4",
        )
    ):
        code, _, err = vsdeblur(*arguments.split())
        lines = err.strip().splitlines() or [""]
        yield f"{n} {arguments}", f"{code} {lines[-1]}"
