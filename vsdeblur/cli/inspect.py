"""``vsdeblur inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._options import refuse_given, settings_options
from vsdeblur.cli._shared import clock, place_for, size
from vsdeblur.errors import ArgumentError
from vsdeblur.settings.table import INSPECT

if TYPE_CHECKING:
    from vsdeblur.filters.pyav.inspect.probe import Probe

_OF_VIDEO = ("frames", "blur_frame", "measure")  # options that say nothing of a still picture


@click.command(short_help="Report what is in a file, and what restoring it takes.")
@click.argument("clip", metavar="IN")
@settings_options(INSPECT)
@click.option("--frames", type=click.IntRange(1), default=240, show_default=True, help="How many frames to decode.")
@click.option(
    "--blur",
    "drawing",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Find the blur of one frame, and draw its kernels over it into this PNG.",
)
@click.option("--blur-frame", type=click.IntRange(0), default=0, show_default=True, help="Which frame, for --blur.")
@click.option("--time/--no-time", "measure", default=True, help="Time the engine on a small piece.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a page, too.")
def inspect(
    clip: str,
    frames: int,
    drawing: Path | None,
    blur_frame: int,
    measure: bool,
    as_json: bool,
    html: Path | None,
    **given: Any,
) -> None:
    """Report what is in a file, and what restoring it takes: streams, rate, cuts, motion, shutter, memory, time.

    Of a still picture: how it is stored, and the blur in it.
    """
    if clip == "-":
        raise ArgumentError("IN", clip, "a file, which can be read more than once")
    if drawing is None:
        refuse_given(("blur_frame",), "without {drawing}")
    place_for(drawing)
    place_for(html)
    from vsdeblur.cli import _blur as pictures
    from vsdeblur.stills.still import family_of, is_still, read_still

    if drawing is not None:
        family_of(drawing, "drawing")
    if is_still(Path(clip)):
        refuse_given((*sorted(INSPECT.names - {"device", "max_memory"}), *_OF_VIDEO), "for a still picture")
        still = read_still(Path(clip))
        stored = pictures.about_still(Path(clip), still)
        picture, transfer = pictures.still_picture(still)
        blur = pictures.find_blur(picture, transfer, given["device"], given["max_memory"])
        stored["blur"] = pictures.about_blur(blur)
        if drawing is not None:
            pictures.write_drawing(drawing, picture, transfer, blur)
        lines = [*pictures.still_lines(stored), ("blur", pictures.blur_line(stored["blur"]))]
        _say(stored, lines, as_json, html)
        return
    from vsdeblur.filters.pyav.inspect.probe import probe

    probed = probe(clip, frames, measure, **{name: value for name, value in given.items() if value is not None})
    known, lines = probed.as_dict(), _lines(probed)
    if drawing is not None:
        picture, transfer = pictures.video_picture(clip, blur_frame)
        blur = pictures.find_blur(picture, transfer, given["device"], given["max_memory"])
        known["blur"] = pictures.about_blur(blur)
        lines.append(("blur", f"frame {blur_frame}: {pictures.blur_line(known['blur'])}"))
        pictures.write_drawing(drawing, picture, transfer, blur)
    _say(known, lines, as_json, html)


def _say(known: dict[str, Any], lines: list[tuple[str, str]], as_json: bool, html: Path | None) -> None:
    import json

    if html is not None:
        _write_page(html, lines)
    if as_json:
        click.echo(json.dumps(known, indent=1))
        return
    for name, text in lines:
        click.echo(f"{name:>10}  {text}")


def _write_page(path: Path, lines: list[tuple[str, str]]) -> None:
    from html import escape

    from vsdeblur.files import written
    from vsdeblur.pages.look import page

    title = next((text for name, text in lines if name == "file"), "picture")
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in lines)
    with written(path) as temporary:
        temporary.write_text(
            page(f"vsdeblur inspect: {title}", f"<h1>{escape(title)}</h1><table>{rows}</table>"), "utf-8"
        )


def _lines(probed: Probe) -> list[tuple[str, str]]:
    timing, picture, content, work, options = probed.timing, probed.picture, probed.content, probed.work, probed.options
    lines = [("file", f"{probed.path} ({probed.container})")]
    for stream in probed.streams:
        lines.append((f"stream {stream.index}", " ".join(filter(None, (stream.kind, stream.codec, stream.detail)))))
    rate = "unknown rate" if timing.rate is None else f"{float(timing.rate):.6g} fps ({timing.rate})"
    kind = "variable" if timing.variable else "constant"
    lines.append(("rate", f"{rate}, {kind}: {timing.shortest_ms:.2f} to {timing.longest_ms:.2f} ms between frames"))
    if timing.seconds is not None:
        count = "" if timing.frames is None else f", {timing.frames} frames"
        lines.append(("length", f"{clock(timing.seconds)}{count}"))
    turned = f", rotated by {picture.rotation} degrees" if picture.rotation else ""
    lines.append(("picture", f"{picture.width}x{picture.height} {picture.pixel_format}{turned}"))
    if picture.interlaced:
        many = f"{picture.interlaced} of {content.frames} frames are interlaced"
        lines.append(("", f"{many}: deinterlace first (bwdif, QTGMC), or --progressive where only the flags are wrong"))
    span = "full" if picture.full_range else "limited"
    lines.append(
        ("colour", f"{picture.matrix} matrix, {picture.transfer} transfer, {span} range, chroma {picture.chroma}")
    )
    if picture.assumed:
        lines.append(("", f"not tagged, so assumed: {', '.join(picture.assumed)}"))
    cuts = ", ".join(map(str, content.cuts[:20])) + (" ..." if len(content.cuts) > 20 else "")
    lines.append(("decoded", f"the first {content.frames} frames"))
    fresh = content.pictures_per_second
    left = f", and are left out: {fresh:.3g} pictures a second" if fresh is not None else ""
    lines.append(("repeats", f"{content.repeats} frames show the same as the one before{left}"))
    lines.append(("cuts", f"{len(content.cuts)} scene cuts" + (f", before frames {cuts}" if cuts else "")))
    lines.append(
        ("motion", f"median {content.motion_median:.1f}, 95% below {content.motion_95:.1f} pixels per frame period")
    )
    lines.append(
        ("shutter", f"{options.shutter:g} of the period, {360 * options.shutter:g} degrees ({probed.shutter_from})")
    )
    lines.append(("readout", f"{options.readout:.3g} of the period ({probed.readout_from})"))
    lines.append(("gyroscope", probed.gyro))
    noise = probed.noise
    level = f"{noise.grey:.1f} of 255 in mid grey, {noise.shadows:.1f} in shadows"
    weighed = "frames weigh less for it" if noise.weighed else "too little to matter"
    lines.append(("noise", f"{level}: {weighed}" if noise.grey or noise.shadows else "none to speak of"))
    lines.append(("memory", f"{size(work.peak_bytes)}: chunks of {work.chunk} frames, {work.halo} more on either side"))
    if work.seconds_per_frame is not None:
        lines.append(("speed", f"{work.seconds_per_frame:.3g} s per output frame, preset {options.preset}"))
    if work.seconds is not None:
        lines.append(
            ("time", f"about {clock(work.seconds)} for {work.output_frames} frames at factor {options.factor}")
        )
    return lines
