"""``vsdeblur inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vsdeblur.cli._options import refuse_given, settings_options
from vsdeblur.cli._shared import place_for, quiet_console, saying
from vsdeblur.errors import ArgumentError
from vsdeblur.settings.table import INSPECT

_OF_VIDEO = ("frames", "blur_frame", "measure", "course")  # options that say nothing of a still picture


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
@click.option(
    "--course/--no-course", default=True, help="Look at motion, shutter and noise over time, for --json and --html."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a page, too.")
def inspect(
    clip: str,
    frames: int,
    drawing: Path | None,
    blur_frame: int,
    measure: bool,
    course: bool,
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
    from vsdeblur.stills.animated import is_animated
    from vsdeblur.stills.still import family_of, is_still, read_still

    if drawing is not None:
        family_of(drawing, "drawing")
    if is_still(Path(clip)) and not is_animated(Path(clip)):
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
    with saying(quiet_console(), f"reading {clip}"):
        from vsdeblur.filters.pyav.inspect.probe import probe
        from vsdeblur.pages.inspected import video_lines

        chosen = {name: value for name, value in given.items() if value is not None}
        probed = probe(clip, frames, measure, course and (as_json or html is not None), **chosen)
    known = probed.as_dict()
    lines = video_lines(known)
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
        _write_page(html, lines, known.get("course"))
    if as_json:
        click.echo(json.dumps(known, indent=1))
        return
    for name, text in lines:
        click.echo(f"{name:>10}  {text}")


def _write_page(path: Path, lines: list[tuple[str, str]], course: dict[str, Any] | None) -> None:
    from html import escape

    from vsdeblur.files import written
    from vsdeblur.pages.inspected import table
    from vsdeblur.pages.look import page
    from vsdeblur.pages.plots import course_plots

    title = next((text for name, text in lines if name == "file"), "picture")
    body = f"<h1>{escape(title)}</h1>{table(lines)}{course_plots(course) if course else ''}"
    with written(path) as temporary:
        temporary.write_text(page(f"vsdeblur inspect: {title}", body), "utf-8")
