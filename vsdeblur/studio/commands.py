"""Command lines and VapourSynth scripts that do what was chosen on the page."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from vsdeblur.settings.files import Coding
from vsdeblur.settings.table import DEBLUR, INSPECT, TABLE, checked
from vsdeblur.studio.form import words
from vsdeblur.studio.places import Places

PREVIEW_SIDE, PREVIEW_SECONDS = 480, 2.0
_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
_UNSEEN = frozenset(Coding.__annotations__) - {"slow"} | {"start", "duration"}  # what a preview leaves to the job
_CRF = "14"  # of previews: hardly different from what was restored


def options(settings: Mapping[str, Any]) -> list[str]:
    """The words of settings."""
    found: list[str] = []
    for name, value in settings.items():
        if isinstance(value, bool):
            found.append(words(name) if value else f"--no-{name.replace('_', '-')}")
        else:
            found += [words(name), f"{value:g}" if isinstance(value, float) else str(value)]
    return found


def transcode(source: Path, target: Path, settings: Mapping[str, Any], adapt: str | None = None) -> list[str]:
    """The whole job; what is finished of it is kept, where the format of the target allows that.

    adapt: For how long the network learns from the source first, as --adapt takes it; None for not at all.
    """
    kept = [] if target.suffix.lower() == ".y4m" else ["--resume"]
    first = [] if adapt is None else ["--adapt", adapt]
    return ["transcode", str(source), str(target), *options(settings), *first, *kept]


def inspect(source: Path, settings: Mapping[str, Any], *, whole: bool) -> list[str]:
    """What is in a file; not ``whole``: memory and time with these settings alone."""
    chosen = {name: value for name, value in settings.items() if name in INSPECT.names}
    if "slow" in settings:
        chosen["factor"] = settings["slow"]
    return ["inspect", str(source), *options(chosen), "--json", *([] if whole else ["--no-course", "--frames", "16"])]


def preview(
    source: Path, clip: Path, page: Path, start: float, settings: Mapping[str, Any], shutter: float | None
) -> list[list[str]]:
    """Two seconds of it at reduced size, and before and after as a page.

    Args:
        source: The file.
        clip: What is restored of it.
        page: The page.
        start: Seconds from which on.
        settings: That were chosen.
        shutter: What the whole file was found to have, where the settings leave it to the file; None for the two
            seconds by themselves.
    """
    chosen = {name: value for name, value in settings.items() if name not in _UNSEEN}
    if shutter is not None and chosen.get("shutter", "auto") == "auto":
        chosen["shutter"] = f"{shutter:g}"
    part = ["--start", f"{start:.6g}", "--duration", f"{PREVIEW_SECONDS:g}", "--max-side", str(PREVIEW_SIDE)]
    slow = ["--slow", str(settings["slow"])] if "slow" in settings else []
    length = PREVIEW_SECONDS * float(Fraction(checked("slow", settings["slow"]))) if slow else PREVIEW_SECONDS
    mapped = ["--map", str(clip.with_name(f"{clip.stem}-map.mp4"))]
    shown = ["--offset", f"{start:.6g}", "--duration", f"{length:g}", "--width", str(PREVIEW_SIDE), *slow]
    return [
        ["transcode", str(source), str(clip), *options(chosen), *part, *mapped, "--crf", _CRF, "--overwrite"],
        ["compare", str(source), str(clip), "-o", str(page), *shown, *mapped, "--overwrite"],
    ]


def compare(source: Path, target: Path, page: Path, settings: Mapping[str, Any]) -> list[str]:
    """The first seconds of a finished job, before and after."""
    part = ["--offset", str(float(checked("start", settings["start"])))] if "start" in settings else []
    if part and "slow" in settings:
        part += ["--slow", str(settings["slow"])]
    return ["compare", str(source), str(target), "-o", str(page), *part, "--overwrite"]


def line(command: Sequence[str]) -> str:
    """As it is typed on this system."""
    whole = ["vsdeblur", *command]
    return subprocess.list2cmdline(whole) if os.name == "nt" else shlex.join(whole)


def script(source: Path, settings: Mapping[str, Any], shutter: float | None) -> str:
    """The same as a VapourSynth script; what it cannot have is named in a remark.

    shutter: that the file was found to have, None where that is not known.
    """
    chosen = dict(settings)
    if "slow" in chosen:
        chosen["factor"] = chosen["slow"]
    if "fps" in chosen:
        rate = checked("fps", chosen["fps"])
        chosen |= {"fps_num": rate.numerator, "fps_den": rate.denominator}
    if chosen.get("shutter", "auto") in ("auto", "telemetry") and shutter is not None:
        chosen["shutter"] = f"{shutter:.3g}"
    foreign = [
        f"{words(name)} {value}" for name, value in chosen.items() if value in TABLE[name].extras or _is_lost(name)
    ]
    kept = {name: value for name, value in chosen.items() if name in DEBLUR.names and value not in TABLE[name].extras}
    arguments = "".join(f", {name}={_python(value)}" for name, value in kept.items())
    lines = ["import vapoursynth as vs", "from vsdeblur import deblur", ""]
    if foreign:
        lines.append(f"# Without an equal here: {', '.join(foreign)}")
    lines.append(f"clip = vs.core.bs.VideoSource({str(source)!r})  # BestSource")
    lines.append(f"{'sharp' if 'slow' in chosen else 'clip'} = deblur(clip{arguments})")
    if "slow" in chosen:
        lines.append("clip = vs.core.std.AssumeFPS(sharp, src=clip)")
    return "\n".join([*lines, "clip.set_output()", ""])


def _is_lost(name: str) -> bool:
    return name not in DEBLUR.names and name not in ("fps", "slow", "overwrite")


def _python(value: Any) -> str:
    """A value as it is written in Python: numbers without quotes."""
    text = str(value)
    try:
        float(text)
    except ValueError:
        return repr(value)
    return text


def suggested(places: Places, home: Path, name: str, settings: Mapping[str, Any]) -> Path:
    """A name for the result that is not taken, beside the file."""
    if "slow" in settings:
        what = f"slow{settings['slow']}"
    elif "fps" in settings:
        what = f"{settings['fps']}fps"
    else:
        what = f"x{settings['factor']}" if "factor" in settings else "sharp"
    plain, stem = what.replace("/", "-"), Path(name).stem
    suffix = Path(name).suffix.lower()
    ending = suffix if suffix in _SUFFIXES else ".mp4"
    number = 1
    while True:
        path = home / f"{stem}-{plain}{f'-{number}' if number > 1 else ''}{ending}"
        if not path.exists():
            return path
        number += 1
