"""What ``inspect`` says of a video, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from html import escape
from typing import Any

from vsdeblur.pages.quantities import clock, size


def table(lines: Iterable[tuple[str, str]]) -> str:
    """HTML of names and texts."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in lines)
    return f"<table>{rows}</table>"


def video_lines(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts for people, of what ``inspect --json`` says of a video."""
    timing, picture, content, work = (known[name] for name in ("timing", "picture", "content", "work"))
    lines = [("file", f"{known['path']} ({known['container']})")]
    for stream in known["streams"]:
        words = " ".join(filter(None, (stream["kind"], stream["codec"], stream["detail"])))
        lines.append((f"stream {stream['index']}", words))
    lines += [("remark", remark) for remark in known["remarks"]]
    rate = "unknown rate"
    if timing["rate"] is not None:
        rate = f"{float(Fraction(timing['rate'])):.6g} fps ({timing['rate']})"
    kind = "variable" if timing["variable"] else "constant"
    lines.append(
        ("rate", f"{rate}, {kind}: {timing['shortest_ms']:.2f} to {timing['longest_ms']:.2f} ms between frames")
    )
    if timing["seconds"] is not None:
        count = "" if timing["frames"] is None else f", {timing['frames']} frames"
        lines.append(("length", f"{clock(timing['seconds'])}{count}"))
    turned = f", rotated by {picture['rotation']} degrees" if picture["rotation"] else ""
    lines.append(("picture", f"{picture['width']}x{picture['height']} {picture['pixel_format']}{turned}"))
    if picture["interlaced"]:
        many = f"{picture['interlaced']} of {content['frames']} frames are interlaced"
        lines.append(("", f"{many}: deinterlace first (bwdif, QTGMC), or --progressive where only the flags are wrong"))
    span = "full" if picture["full_range"] else "limited"
    lines.append(
        (
            "colour",
            f"{picture['matrix']} matrix, {picture['transfer']} transfer, {span} range, chroma {picture['chroma']}",
        )
    )
    if picture["assumed"]:
        lines.append(("", f"not tagged, so assumed: {', '.join(picture['assumed'])}"))
    cuts = ", ".join(map(str, content["cuts"][:20])) + (" ..." if len(content["cuts"]) > 20 else "")
    lines.append(("decoded", f"the first {content['frames']} frames"))
    fresh = content["pictures_per_second"]
    left = f", and are left out: {fresh:.3g} pictures a second" if fresh is not None else ""
    lines.append(("repeats", f"{content['repeats']} frames show the same as the one before{left}"))
    lines.append(("cuts", f"{len(content['cuts'])} scene cuts" + (f", before frames {cuts}" if cuts else "")))
    lines.append(
        (
            "motion",
            f"median {content['motion_median']:.1f}, 95% below {content['motion_95']:.1f} pixels per frame period",
        )
    )
    lines.append(
        ("shutter", f"{known['shutter']:g} of the period, {360 * known['shutter']:g} degrees ({known['shutter_from']})")
    )
    lines.append(("readout", f"{known['readout']:.3g} of the period ({known['readout_from']})"))
    lines.append(("gyroscope", known["gyro"]))
    noise = known["noise"]
    level = f"{noise['grey']:.1f} of 255 in mid grey, {noise['shadows']:.1f} in shadows"
    weighed = "frames weigh less for it" if noise["weighed"] else "too little to matter"
    lines.append(("noise", f"{level}: {weighed}" if noise["grey"] or noise["shadows"] else "none to speak of"))
    lines.append(
        ("memory", f"{size(work['peak_bytes'])}: chunks of {work['chunk']} frames, {work['halo']} more on either side")
    )
    if work["seconds_per_frame"] is not None:
        lines.append(("speed", f"{work['seconds_per_frame']:.3g} s per output frame, preset {known['preset']}"))
    if work["seconds"] is not None:
        lines.append(
            ("time", f"about {clock(work['seconds'])} for {work['output_frames']} frames at factor {known['factor']}")
        )
    return lines
