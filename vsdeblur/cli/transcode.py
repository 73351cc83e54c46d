"""``vsdeblur transcode``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._progress import Bar
from vsdeblur.cli._shared import (
    clock,
    device_option,
    encoder_options,
    factor_option,
    fps_option,
    memory_option,
    out_shutter_option,
    place_for,
    preset_option,
    quiet_console,
    readout_option,
    scene_cuts,
    shutter_option,
)
from vsdeblur.settings import MODES

if TYPE_CHECKING:
    from rich.console import Console

PARTIAL = 3


@click.command(short_help="Deblur a video and raise its frame rate.")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@factor_option
@fps_option
@click.option("--slow", metavar="N", help="Slow motion: N times as long, at the source's frame rate, without sound.")
@shutter_option
@out_shutter_option
@readout_option
@preset_option
@click.option(
    "--transfer",
    metavar="NAME",
    help="Transfer function (bt709, srgb, response1.9, pq, ...) instead of the file's tag; fit: found from the clip.",
)
@click.option("--flow", metavar="NAME", help="Where motion comes from: dis, blur, ...; the preset's own by default.")
@click.option("--solver", metavar="NAME", help="unrolled (a learned step) or keyframes; the preset's own by default.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="joint",
    show_default=True,
    help="Neighbouring frames together, each frame by itself, or by itself where motion does not tell its blur.",
)
@click.option(
    "--duplicates/--no-duplicates",
    default=True,
    show_default=True,
    help="Leave out frames that repeat the one before, or take every frame for an exposure of its own.",
)
@click.option("--prior", metavar="NAME", help="Prior on sharp video, for noise: video, tv, ...; none by default.")
@click.option(
    "--scene-cuts",
    default="on",
    show_default=True,
    metavar="on|off|props|N,N,...",
    help="Detect cuts, take none (off) or the host's alone (props), or these frames, the first of their scenes.",
)
@device_option
@memory_option
@click.option("--start", metavar="T", help="Begin here: seconds or hh:mm:ss.s.")
@click.option("--duration", metavar="T", help="Stop after this much of the source.")
@click.option("--codec", metavar="NAME", help="Encoder; libx264 for 8 bits, libx265 for more, libvpx-vp9 in webm.")
@click.option("--crf", type=float, metavar="N", help="Quality of the encoder, smaller is better; 17 for libx264.")
@click.option("--encoder-option", "extra", multiple=True, metavar="K=V", help="For the encoder; may be repeated.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option(
    "--resume", is_flag=True, help="Keep finished segments, and go on where the same command was interrupted."
)
@click.option("--strict", is_flag=True, help="Stop at the first frame that cannot be decoded.")
@click.option("--quiet", is_flag=True, help="No estimate and no progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (on stderr where OUT is -).")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
def transcode(
    source: str, target: str, quiet: bool, as_json: bool, report: Path | None, extra: tuple[str, ...], **given: Any
) -> int:
    """Deblur the video of IN and raise its frame rate; sound and everything else is copied to OUT.

    A "-" is y4m on stdin or stdout, so that vspipe or ffmpeg can stand on either side. OUT is written under another
    name beside it and renamed at the end. Exit code 3 means that some frames could not be decoded and were passed over.

    \b
    vsdeblur transcode in.mp4 out.mp4 --factor 4 --shutter 180deg
    vsdeblur transcode in.mp4 preview.mp4 --fps 120 --start 10 --duration 2
    vsdeblur transcode in.mp4 slow.mp4 --slow 4
    """
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= {"scene_cuts": scene_cuts(given["scene_cuts"]), "encoder_options": encoder_options(extra)}
    place_for(report)
    from vsdeblur.filters.pyav import transcode as run

    console = quiet_console(quiet)
    if not quiet and source != "-":
        _forecast(console, source, target, arguments)
    try:
        with Bar(console) as bar:
            done = run(source, target, **arguments, progress=None if quiet else bar)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on from here" if given["resume"] else "") from None
    text = json.dumps(done.as_dict(), indent=1)
    if report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text, err=target == "-")
    console.print(
        f"{done.frames_out} frames at {float(done.output_rate or 0):.6g} fps in {clock(done.seconds)}: {target}"
    )
    return PARTIAL if done.partial else 0


def _forecast(console: Console, source: str, target: str, arguments: dict[str, Any]) -> None:
    """Print how long it will take, measured on a little of it; wrong arguments are found on the way."""
    from vsdeblur.filters.pyav.file.target import check
    from vsdeblur.filters.pyav.inspect.probe import forecast
    from vsdeblur.settings import FIT

    if target != "-":
        check(Path(target), source, arguments["overwrite"])
    names = ("factor", "fps", "slow", "shutter", "out_shutter", "readout", "transfer", "preset", "prior", "flow")
    more = ("device", "max_memory", "solver", "mode", "duplicates", "start", "duration")
    chosen = {name: arguments[name] for name in (*names, *more) if name in arguments}
    ahead = forecast(source, **chosen)
    found = ahead.calibration
    if chosen.get("transfer") == FIT:
        console.print(f"transfer {found.transfer}")
    if found.shutter.source != "given":
        console.print(f"shutter {found.shutter.shutter:g} of the frame period, {found.shutter.source}")
    if found.readout.source != "given":
        console.print(f"readout {found.readout}")
    if ahead.frames is not None:
        total = clock(ahead.frames * ahead.seconds_per_frame)
        console.print(f"about {total} for {ahead.frames} frames, {ahead.seconds_per_frame:.3g} s each")
